"""A new document as it is stored: made, validated, stamped, without empty objects.

Source: Mongoose documentation, "Timestamps", "Schemas: versionKey", "Validation".
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from adapters.mongoose.documents import construct
from adapters.mongoose.errors import MissingIdError, ValidationError
from adapters.mongoose.making import Making
from adapters.mongoose.minimizing import minimized
from adapters.mongoose.schema import ModelSchema, Schema
from adapters.mongoose.validation import validate


def new_document(model: ModelSchema, given: Mapping[str, Any], making: Making) -> dict[str, Any]:
    """Return what `Model.create` stores for what it is given; ValidationError where that does not fit the schema."""
    schema = model.schema
    document = construct(schema, _of_kind(model, given, making), making)
    _check(model, document, making)
    if "_id" not in document:
        raise MissingIdError.of(model.name)
    if document["_id"] is None:
        document["_id"] = making.new_id()
    stamp(schema, document, making)
    if schema.version_key is not None:
        document[schema.version_key] = 0
    return minimized(document, schema) if schema.minimize else document


def replacing_document(
    model: ModelSchema, given: Mapping[str, Any], making: Making
) -> dict[str, Any]:
    """Return what `replaceOne` of a bulk write puts in the place of whatever it finds; ValidationError as for a new one.

    It has an `_id` only where one is given; times and version that are given stay.
    """
    schema = model.schema
    document = construct(schema, _of_kind(model, given, making), making)
    if "_id" not in given:
        document.pop("_id", None)
    # Mongoose stamps before it validates: a time that is required is there.
    stamp(schema, document, making, keeps=True)
    if schema.version_key is not None and document.get(schema.version_key) is None:
        document[schema.version_key] = 0
    _check(model, document, making)
    return minimized(document, schema) if schema.minimize else document


def _of_kind(model: ModelSchema, given: Mapping[str, Any], making: Making) -> Mapping[str, Any]:
    """Return what was given with the key that says which discriminator it is of."""
    if model.discriminator is None:
        return given
    key, own = model.discriminator
    if given.get(key, own) != own:
        making.report("CastError", "String", key, value=given[key])
    return {**given, key: own}


def _check(model: ModelSchema, document: dict[str, Any], making: Making) -> None:
    validate(model.schema, document, making)
    if making.problems:
        raise ValidationError.of(model.name, making.problems)


def stamp(schema: Schema, document: dict[str, Any], making: Making, *, keeps: bool = False) -> None:
    """Set the times of making and changing, in subdocuments too; `keeps` one of changing that is there."""
    for path, inner in _inner(schema):
        if path in document:
            held = document[path] if isinstance(document[path], list) else [document[path]]
            for each in held:
                if isinstance(each, dict):
                    stamp(inner, each, making, keeps=keeps)
    created, updated = schema.timestamps.created, schema.timestamps.updated
    if created is not None and document.get(created) is None:
        document[created] = making.now
    if updated is not None and keeps:
        document[updated] = making.now if document.get(updated) is None else document[updated]
    elif updated is not None:
        document[updated] = making.now if created is None else document[created]


@cache
def _inner(schema: Schema) -> tuple[tuple[str, Schema], ...]:
    """Return the paths that hold subdocuments, with the schemas of those."""
    return tuple(
        (path, kind.inner) for path, kind in schema.types.items() if kind.inner is not None
    )
