"""Saving a document that was read and changed: what goes over the wire, and when another writer was first.

Source: Mongoose documentation, "Document.prototype.save", "Schemas: versionKey", "Schemas: optimisticConcurrency".
"""

from collections.abc import Mapping
from typing import Any

from adapters.mongoose.documents import construct
from adapters.mongoose.errors import DocumentNotFoundError, ValidationError, VersionError
from adapters.mongoose.making import Making
from adapters.mongoose.minimizing import minimized
from adapters.mongoose.schema import ModelSchema
from adapters.mongoose.validation import at_path, validate
from comparators.canonical import MISSING


class Saving:
    """One save: `stored` is what the database holds, `document` what shall be held, with the version that was read."""

    def __init__(
        self,
        *,
        model: ModelSchema,
        making: Making,
        stored: Mapping[str, Any] | None,
        document: Mapping[str, Any],
    ) -> None:
        self._model = model
        self._schema = model.schema
        self._making = making
        self._version = document.get(model.schema.version_key or "", None)
        self._stored = stored
        self._document = construct(model.schema, {**(stored or {}), **document}, making)
        validate(model.schema, self._document, making)
        if making.problems:
            raise ValidationError.of(model.name, making.problems)
        if model.schema.minimize:
            self._document = minimized(self._document, model.schema)
        self._versioned = False
        self._changed: dict[str, Any] = {}

    def update(self) -> dict[str, Any]:
        """Return the update; empty where nothing changed."""
        if self._stored is None:
            raise DocumentNotFoundError.of(self._model.name)
        self._changed = {
            path: value
            for path, value in self._values().items()
            if not _same(value, at_path(self._stored, path))
        }
        if not self._changed:
            return {}
        updated = self._schema.timestamps.updated
        if updated is not None:
            self._changed[updated] = self._making.now
        given = {path: value for path, value in self._changed.items() if value is not MISSING}
        gone = {path: 1 for path, value in self._changed.items() if value is MISSING}
        change = {"$set": given, "$unset": gone}
        key = self._schema.version_key
        arrays = any(isinstance(value, list) for value in self._changed.values())
        self._versioned = key is not None and (arrays or bool(self._model.optimistic_concurrency))
        if self._versioned:
            change["$inc"] = {str(key): 1}
        return {name: fields for name, fields in change.items() if fields}

    def filter(self) -> dict[str, Any]:
        """Return what selects the document, of the version that was read where that matters."""
        query = {"_id": self._document["_id"]}
        if self._versioned:
            query[str(self._schema.version_key)] = self._version
        return query

    def check(self, found: int) -> None:
        """Raise the error that an update without a document means."""
        if not found:
            if self._versioned:
                raise VersionError.of(self._model.name, self._version)
            raise DocumentNotFoundError.of(self._model.name)

    def saved(self) -> dict[str, Any]:
        """Return the document as it is stored now."""
        document = dict(self._document)
        key, updated = self._schema.version_key, self._schema.timestamps.updated
        if updated is not None and updated in self._changed:
            document[updated] = self._changed[updated]
        if key is not None and self._version is not None:
            document[key] = self._version + 1 if self._versioned else self._version
        return document

    def _values(self) -> dict[str, Any]:
        """Return the values of the paths that may change: never of those that are immutable."""
        kept = {"_id", self._schema.version_key, self._schema.timestamps.updated}
        return {
            path: at_path(self._document, path)
            for path, kind in self._schema.types.items()
            if path not in kept and kind.options.get("immutable") is not True
        }


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
