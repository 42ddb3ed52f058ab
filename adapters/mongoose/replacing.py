"""A whole document in the place of one that was read.

Source: Mongoose documentation, "Model.findOneAndReplace", "Schemas: versionKey", "Timestamps".
"""

from collections.abc import Mapping
from typing import Any

from adapters.mongoose.making import Making
from adapters.mongoose.schema import ModelSchema, Schema
from adapters.mongoose.storing import new_document


def replacement(
    model: ModelSchema, stored: Mapping[str, Any], given: Mapping[str, Any], making: Making
) -> dict[str, Any]:
    """Return what is stored instead: cast and validated as a new one, of the next version.

    The `_id`, what is immutable, and the time at which it was made stay.
    """
    schema = model.schema
    kept = {
        path: stored[path]
        for path, kind in schema.types.items()
        if kind.options.get("immutable") is True and path in stored
    }
    created, updated = schema.timestamps.created, schema.timestamps.updated
    if created is not None and created in stored:
        kept[created] = stored[created]
    made = new_document(model, {**given, **kept, "_id": stored["_id"]}, making)
    if updated is not None:
        made[updated] = making.now
    if schema.version_key is not None:
        made[schema.version_key] = int(stored.get(schema.version_key) or 0) + 1
    return made


def unchanged(schema: Schema, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filter for a document that nobody has changed since it was read."""
    marks = (schema.version_key, schema.timestamps.updated)
    told = {path: stored.get(path, {"$exists": False}) for path in marks if path is not None}
    return {"_id": stored["_id"], **told}
