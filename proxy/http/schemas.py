"""JSON Schemas of the documents of an entity, from its model: as they are sent, changed, and answered.

What is answered is typed but not bound: documents may be older than their model, and written past it.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from adapters.mongoose.schema import Schema, SchemaType

JsonSchema = dict[str, Any]

_DATE: Final[JsonSchema] = {
    "properties": {"$date": {"type": ["string", "object"]}},
    "required": ["$date"],
}
_OBJECT_ID: Final[JsonSchema] = {
    "properties": {"$oid": {"type": "string", "pattern": "^[0-9a-f]{24}$"}},
    "required": ["$oid"],
}
_SENT: Final[Mapping[str, tuple[str, JsonSchema]]] = {
    "String": ("string", {}),
    "Number": ("number", {}),
    "Boolean": ("boolean", {}),
    "Date": ("object", _DATE),
    "ObjectId": ("object", _OBJECT_ID),
}
"""The type of JSON and what bounds it, by Mongoose's names; other types are anything."""
_ANSWERED: Final[Mapping[str, list[str]]] = {
    "String": ["string", "null"],
    "Number": ["number", "object", "null"],
    "Boolean": ["boolean", "null"],
    "Date": ["object", "null"],
}
"""Numbers are objects where they are `NaN` or of other types; a reference is an object once it is populated."""
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "min": ("number", "minimum"),
    "max": ("number", "maximum"),
    "minlength": ("string", "minLength"),
    "maxlength": ("string", "maxLength"),
}
_OWN: Final = frozenset({"_id"})
_OPERATORS: Final = ("$set", "$unset", "$inc", "$push", "$pull", "$addToSet")


def entity_schemas(name: str, schema: Schema, hidden: AbstractSet[str]) -> dict[str, JsonSchema]:
    """Return the components of an entity: its documents, new ones, and changes of them."""
    sent = _sent(schema)
    operators = {each: {"type": "object"} for each in _OPERATORS}
    fields = {"type": "object", "properties": sent["properties"], "minProperties": 1}
    return {
        name: _answered(schema, hidden),
        f"{name}New": {**sent, "description": "What is stored; defaults are filled in"},
        f"{name}Change": {
            "description": "Fields to set, or MongoDB's update operators",
            "anyOf": [fields, {"type": "object", "properties": operators, "minProperties": 1}],
        },
    }


def _sent(schema: Schema) -> JsonSchema:
    made: JsonSchema = {"type": "object", "properties": {}}
    for path, kind in schema.types.items():
        if path not in _OWN and path != schema.version_key:
            _place(made, path.split("."), _sent_value(kind), required=_is_required(kind))
    return made


def _sent_value(kind: SchemaType) -> JsonSchema:
    if kind.inner is not None:
        inner = _sent(kind.inner)
        if kind.instance == "DocumentArray":
            return {"type": ["array", "null"], "items": inner}
        return {**inner, "type": ["object", "null"]}
    if kind.element is not None:
        element = _sent_value(kind.element)
        if kind.instance == "Map":
            return {"type": ["object", "null"], "additionalProperties": element}
        return {"type": ["array", "null"], "items": element}
    if kind.instance not in _SENT:
        return {}
    name, bounds = _SENT[kind.instance]
    told: JsonSchema = {"type": name if _is_required(kind) else [name, "null"], **bounds}
    for option, (of, keyword) in _BOUNDS.items():
        bound = _plain(kind.options.get(option))
        if of == name and isinstance(bound, int | float):
            told[keyword] = bound
    allowed = kind.options.get("enum")
    if isinstance(allowed, list) and allowed:
        told["enum"] = [*allowed, *([] if _is_required(kind) else [None])]
    if kind.options.get("select") is False:
        told["writeOnly"] = True
    return told


def _answered(schema: Schema, hidden: AbstractSet[str], prefix: str = "") -> JsonSchema:
    made: JsonSchema = {"type": "object", "properties": {}}
    for path, kind in schema.types.items():
        if prefix + path not in hidden:
            value = _answered_value(kind, hidden, f"{prefix}{path}.")
            _place(made, path.split("."), value, required=False)
    return made


def _answered_value(kind: SchemaType, hidden: AbstractSet[str], prefix: str) -> JsonSchema:
    if kind.inner is not None:
        inner = _answered(kind.inner, hidden, prefix)
        if kind.instance == "DocumentArray":
            return {"type": ["array", "null"], "items": {**inner, "type": ["object", "null"]}}
        return {**inner, "type": ["object", "null"]}
    types = _ANSWERED.get(kind.instance)
    return {} if types is None or {"ref", "refPath"} & kind.options.keys() else {"type": types}


def _place(made: JsonSchema, path: list[str], value: JsonSchema, *, required: bool) -> None:
    """Put the schema of a path where it belongs, below those of the objects that hold it."""
    for name in path[:-1]:
        if required:
            _require(made, name)
        made = made["properties"].setdefault(name, {"type": "object", "properties": {}})
    made["properties"][path[-1]] = value
    if required:
        _require(made, path[-1])


def _require(made: JsonSchema, name: str) -> None:
    names = made.setdefault("required", [])
    if name not in names:
        names.append(name)


def _is_required(kind: SchemaType) -> bool:
    return _plain(kind.options.get("required")) is True and "default" not in kind.options


def _plain(option: Any) -> Any:
    """Return an option without its message."""
    return option[0] if isinstance(option, list) and option else option
