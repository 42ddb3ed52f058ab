"""The errors of models, by Mongoose's names, with its paths and kinds.

The text of an error quotes no value: applications show it, and logs keep it. Source: Mongoose documentation, "Validation".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from comparators.errors import ParallaxError
from comparators.outcome import Failure, WriteError

DUPLICATE_KEY = 11000


@dataclass(frozen=True, slots=True, kw_only=True)
class PathError:
    """What is wrong with one path: `name` is that of Mongoose's error, `kind` the validator or the type wanted.

    `inner` is the path within the innermost subdocument.
    """

    name: str
    kind: str
    path: str
    inner: str = ""
    message: str = field(default="", compare=False)
    value: Any = field(default=None, compare=False, repr=False)


class ModelError(ParallaxError):
    """A call on a model was refused; `name` is Mongoose's name of the error."""

    exit_code = 65
    name: ClassVar[str] = "MongooseError"


class ValidationError(ModelError):
    """A document does not fit its schema; `errors` tells of each path."""

    name = "ValidationError"
    errors: Mapping[str, PathError]

    @classmethod
    def of(cls, model: str, errors: Mapping[str, PathError]) -> "ValidationError":
        told = ", ".join(f"{path} ({error.kind or error.name})" for path, error in errors.items())
        made = cls(
            f"{model} validation failed: {told}",
            where=model,
            remedy="give the paths values that their schema allows",
        )
        made.errors = errors
        return made


class CastError(ModelError):
    """A value of a filter or update cannot become what its path holds."""

    name = "CastError"
    path: str
    kind: str

    @classmethod
    def at(cls, path: str, kind: str, *, model: str) -> "CastError":
        made = cls(
            f"Cast to {kind} failed at path {path!r} for model {model!r}",
            where=f"{model}.{path}",
            remedy=f"give a value that can become {kind}",
        )
        made.path = path
        made.kind = kind
        return made


class StrictModeError(ModelError):
    """A path is not in the schema, which is strict enough to throw."""

    name = "StrictModeError"
    path: str

    @classmethod
    def at(cls, path: str, *, model: str) -> "StrictModeError":
        made = cls(
            f"Field {path!r} is not in schema and strict mode is set to throw",
            where=f"{model}.{path}",
            remedy="add it to the schema, or leave it out",
        )
        made.path = path
        return made


class MissingIdError(ModelError):
    """A document has no `_id`, and its schema makes none up."""

    @classmethod
    def of(cls, model: str) -> "MissingIdError":
        return cls("document must have an _id before saving", where=model, remedy="give it one")


class ObjectParameterError(ModelError):
    """What should become a subdocument is no object."""

    name = "ObjectParameterError"

    @classmethod
    def at(cls, path: str, *, model: str) -> "ObjectParameterError":
        return cls(
            f"what goes into {path!r} must be an object",
            where=f"{model}.{path}",
            remedy="give an object",
        )


class OperatorError(ModelError):
    """A type of schema has no use for a query operator."""

    name = "Error"

    @classmethod
    def of(cls, operator: str, instance: str, *, where: str) -> "OperatorError":
        return cls(
            f"Can't use {operator} with {instance}.",
            where=where,
            remedy="use an operator that the type of the path knows",
        )


class VersionError(ModelError):
    """Another writer saved the document first."""

    name = "VersionError"

    @classmethod
    def of(cls, model: str, version: Any) -> "VersionError":
        return cls(
            f"No matching document found for model {model!r} at version {version}",
            where=model,
            remedy="read the document again and repeat the change",
        )


class DocumentNotFoundError(ModelError):
    """The document to be saved is not stored any more."""

    name = "DocumentNotFoundError"

    @classmethod
    def of(cls, model: str) -> "DocumentNotFoundError":
        return cls(
            f"No document found for query on model {model!r}",
            where=model,
            remedy="create it anew, or leave it deleted",
        )


class ServerError(ModelError):
    """The database refused a command; `code` is MongoDB's."""

    name = "MongoServerError"
    code: int
    key_pattern: Mapping[str, Any] | None
    key_value: Mapping[str, Any] | None

    @classmethod
    def from_result(
        cls, result: Failure | WriteError, *, where: str, bulk: bool = False
    ) -> "ServerError":
        """Return the error that an answer means; code 11000 is a DuplicateKeyError."""
        duplicate = result.code == DUPLICATE_KEY
        fields = ", ".join(result.key_pattern or {})
        single, among_several = (
            (DuplicateKeyError, BulkDuplicateError) if duplicate else (ServerError, BulkError)
        )
        made = (among_several if bulk else single)(
            f"E11000 duplicate key: {fields}" if duplicate else f"error {result.code}",
            where=where,
            remedy="use another value" if duplicate else "see the code in MongoDB's manual",
        )
        made.code = result.code
        made.key_pattern = result.key_pattern
        made.key_value = result.key_value
        return made


class DuplicateKeyError(ServerError):
    """A unique index has the value already: code 11000."""


class BulkError(ServerError):
    """The database refused one write among several."""

    name = "MongoBulkWriteError"


class BulkDuplicateError(DuplicateKeyError):
    """The same for a document among several."""

    name = "MongoBulkWriteError"
