"""Empty objects are not stored, where a schema minimizes.

Source: Mongoose documentation, "Schemas: minimize".
"""

from types import NoneType
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from adapters.mongoose.schema import Schema

ANYTHING = Schema(types={}, nested={})
SINGLE: Final = frozenset({NoneType, bool, int, float, str, ObjectId, DatetimeMS})
"""The commonest types of values that hold no others."""


def minimized(
    document: dict[str, Any], schema: Schema = ANYTHING, prefix: str = ""
) -> dict[str, Any]:
    """Return a document without its empty objects; those in arrays keep their places, and maps stay."""
    if SINGLE.issuperset(map(type, document.values())):
        return dict(document)
    made = {}
    for name, value in document.items():
        if not isinstance(value, dict | list):
            made[name] = value
            continue
        kept = _kept(value, schema, prefix + name)
        if kept != {} or _is_map(schema, prefix + name):
            made[name] = kept
    return made


def _kept(value: Any, schema: Schema, path: str) -> Any:
    kind = schema.types.get(path)
    inner = ANYTHING if kind is None or kind.inner is None else kind.inner
    match value:
        case dict() if path in schema.nested:
            return minimized(value, schema, f"{path}.")
        case dict() if not _is_map(schema, path):
            return minimized(value, inner)
        case list():
            return [
                minimized(item, inner) if isinstance(item, dict) else _kept(item, ANYTHING, "")
                for item in value
            ]
        case _:
            return value


def _is_map(schema: Schema, path: str) -> bool:
    kind = schema.types.get(path)
    return kind is not None and kind.instance == "Map"
