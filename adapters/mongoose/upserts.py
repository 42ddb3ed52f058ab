"""The defaults that an upsert gives to a document it inserts.

Source: Mongoose documentation, "Query.prototype.findOneAndUpdate", option `setDefaultsOnInsert`.
"""

from collections.abc import Set as AbstractSet
from typing import Any

from adapters.mongoose.defaults import default_of
from adapters.mongoose.documents import value_of
from adapters.mongoose.making import Making
from adapters.mongoose.schema import Schema
from comparators.canonical import MISSING


def defaults_on_insert(schema: Schema, making: Making, touched: AbstractSet[str]) -> dict[str, Any]:
    """Return the defaults of the paths that neither filter nor update speak of; never an `_id`."""
    found: dict[str, Any] = {}
    for path, kind in schema.types.items():
        if path == "_id" or _spoken_of(path, touched):
            continue
        default = default_of(kind, making, {}, path)
        if default is not MISSING:
            found[path] = value_of(kind, default, making, path)
    return found


def _spoken_of(path: str, touched: AbstractSet[str]) -> bool:
    return any(
        f"{one}.".startswith(f"{path}.") or f"{path}.".startswith(f"{one}.") for one in touched
    )
