"""What the validator of a collection refuses.

Source: MongoDB manual, "Schema Validation"; the codes were observed on a server 6.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.evaluate.match import Matcher, matcher
from adapters.operations.collating import order_of_values
from adapters.query.collated import collated
from adapters.query.failures import CommandFailure
from adapters.query.filter import parse_filter
from adapters.query.unsupported import unsupported
from comparators.errors import UnknowableError, UnsupportedError

BAD_VALUE: Final = 2
TYPE_MISMATCH: Final = 14
FAILED_VALIDATION: Final = 121
RANDOM: Final = 3040500
NEAR: Final = 5626500
LEVELS: Final = frozenset({"off", "moderate", "strict"})
ACTIONS: Final = frozenset({"error", "warn"})
_NEAR: Final = frozenset({"$geoNear", "$near", "$nearSphere"})
_NOT_ALLOWED: Final = frozenset({"$text", "$where"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The validator of a collection that refuses documents, and does not only warn."""

    test: Matcher
    moderate: bool
    """Whether a document that was wrong before may stay so."""

    def check(self, document: dict[str, Any], *, before: dict[str, Any] | None) -> None:
        """Raise CommandFailure for a document to be stored; `before` is the one it replaces."""
        if self._passes(document):
            return
        if self.moderate and before is not None and not self._passes(before):
            return
        raise CommandFailure(FAILED_VALIDATION, "Document failed validation")

    def _passes(self, document: dict[str, Any]) -> bool:
        try:
            return self.test(document)
        except CommandFailure:
            # What a validator cannot be evaluated on fails it.
            return False


def validation_of(options: Mapping[str, Any]) -> Validation | None:
    """Return what the options of a collection ask of its documents; None for nothing."""
    validator = options.get("validator")
    level = options.get("validationLevel", "strict")
    if not validator or level == "off" or options.get("validationAction") == "warn":
        return None
    order = order_of_values(None, options.get("collation"))
    test = matcher(collated(parse_filter(validator), order))
    return Validation(test=test, moderate=level == "moderate")


def check_words(given: Mapping[str, Any]) -> None:
    """Raise CommandFailure for a level or action of validation that does not exist."""
    for name, words in (("validationLevel", LEVELS), ("validationAction", ACTIONS)):
        word = given.get(name)
        if word is not None and not isinstance(word, str):
            raise CommandFailure(TYPE_MISMATCH, f"'{name}' is of the wrong type")
        if word is not None and word not in words:
            raise CommandFailure(BAD_VALUE, f"Enumeration value '{word}' for '{name}' is not valid")
    if not isinstance(given.get("validator") or {}, Mapping):
        raise CommandFailure(TYPE_MISMATCH, "'validator' is of the wrong type")


def check_validator(validator: Mapping[str, Any]) -> None:
    """Raise CommandFailure for a filter that cannot be a validator."""
    if "$$NOW" in repr(validator):
        # The server has no clock there: it fails whatever asks for one.
        raise unsupported("$$NOW in a validator", where="validator")
    try:
        matcher(parse_filter(validator))
    except UnknowableError as error:
        raise CommandFailure(RANDOM, "$rand not allowed inside collection validators") from error
    except UnsupportedError as error:
        if error.what in _NEAR:
            raise CommandFailure(NEAR, f"{error.what} is not allowed in this context") from error
        if error.what in _NOT_ALLOWED:
            raise CommandFailure(
                BAD_VALUE, f"{error.what} is not allowed in this context"
            ) from error
        raise
