"""Casting of updates: each value to what its path holds, without what the schema does not know or forbids to change.

Source: Mongoose documentation, "Schemas: strict", "Timestamps", "SchemaTypes: immutable", "Query: setDefaultsOnInsert".
"""

from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any, Final

from adapters.mongoose.casting import called, cast, cast_whole
from adapters.mongoose.defaults import ARRAYS
from adapters.mongoose.documents import value_of
from adapters.mongoose.errors import CastError, ObjectParameterError, StrictModeError
from adapters.mongoose.filters import cast_condition, cast_filter, holder_of, is_operators
from adapters.mongoose.javascript import counts_as_true, plain
from adapters.mongoose.making import Making
from adapters.mongoose.minimizing import minimized
from adapters.mongoose.schema import Schema, SchemaType
from adapters.mongoose.storing import stamp
from adapters.mongoose.upserts import defaults_on_insert
from comparators.canonical import MISSING

SET, ON_INSERT = "$set", "$setOnInsert"
Update = Mapping[str, Any]


def cast_update(
    schema: Schema,
    update: Update,
    making: Making,
    *,
    filter_: Mapping[str, Any],
    upsert: bool = False,
    timestamps: bool = True,
) -> dict[str, Any]:
    """Return an update as it goes over the wire; empty where nothing is left of it."""
    made: dict[str, dict[str, Any]] = {}
    # From the last to the first, as Mongoose does: it decides which of several errors is told.
    for name, fields in reversed(_operators(update).items()):
        if timestamps:
            _leave_to_clock(schema, name, fields)
        target = made.setdefault(name, {})
        for path, value in reversed(fields.items()):
            found = _field(schema, name, path, value, making)
            if found is not MISSING:
                target[path] = found
    if timestamps:
        _stamp(schema, made, making)
    if upsert:
        _move_immutable(schema, made)
    else:
        _drop_immutable(schema, made)
    if upsert:
        _add_defaults(schema, made, making, filter_)
    return {name: fields for name, fields in made.items() if fields}


def cast_pipeline(
    schema: Schema, stages: Sequence[Mapping[str, Any]], making: Making, *, timestamps: bool = True
) -> list[dict[str, Any]]:
    """Return an update by a pipeline, which goes over the wire as it is, with the time of changing."""
    made = [dict(stage) for stage in stages]
    if timestamps and schema.timestamps.updated is not None:
        made.append({SET: {schema.timestamps.updated: making.now}})
    return made


def _operators(update: Update) -> dict[str, dict[str, Any]]:
    """Return an update by operator: fields outside any are set."""
    made: dict[str, dict[str, Any]] = {}
    for name, value in update.items():
        if name.startswith("$"):
            made.setdefault(name, {}).update(value)
        else:
            made.setdefault(SET, {})[name] = value
    return made


def _field(schema: Schema, operator: str, path: str, value: Any, making: Making) -> Any:
    how = OPERATORS.get(operator)
    if path in schema.nested:
        if how is _set and isinstance(value, Mapping):
            return _nested(schema, path, value, making)
        return plain(value)
    kind, _rest = schema.find(path)
    if kind is None:
        if schema.strict == "throw":
            raise StrictModeError.at(path, model=making.model)
        return MISSING if schema.strict else plain(value)
    target, _ = holder_of(schema, path)
    if target is None:
        return MISSING if kind.inner is not None and schema.strict else plain(value)
    if operator == "$pull":
        return _pulled(schema, target, path, value, making.model)
    if how is None:
        return plain(value)
    return how(target, value, making, path)


def _nested(schema: Schema, prefix: str, value: Mapping[str, Any], making: Making) -> Any:
    made = {}
    for name, item in value.items():
        found = _field(schema, SET, f"{prefix}.{name}", item, making)
        if found is not MISSING:
            made[name] = found
    return made


def _set(kind: SchemaType, value: Any, making: Making, path: str) -> Any:
    found = value_of(kind, value, making, path)
    _throw(kind, making, path)
    for each in found if isinstance(found, list) else [found]:
        if kind.inner is not None and isinstance(each, dict):
            stamp(kind.inner, each, making)
    return _small(kind, found)


def _small(kind: SchemaType, value: Any) -> Any:
    """Return subdocuments without their empty objects, where their schema minimizes."""
    if kind.inner is None or not kind.inner.minimize:
        return value
    if isinstance(value, list):
        return [_small(kind, item) for item in value]
    return minimized(value, kind.inner) if isinstance(value, dict) else value


def _throw(kind: SchemaType, making: Making, path: str) -> None:
    """Raise what casting reported: an update has no list of errors."""
    if making.problems:
        first = next(iter(making.problems.values()))
        if kind.instance == "DocumentArray":
            raise CastError.at(path, called(kind), model=making.model)
        inside = first.inner if kind.inner is not None else first.path
        raise CastError.at(inside, first.kind, model=making.model)


def _number(_kind: SchemaType, value: Any, making: Making, path: str) -> Any:
    try:
        found = cast("Number", {}, value)
    except ValueError:
        raise CastError.at(path, "Number", model=making.model) from None
    if found is None:
        raise CastError.at(path, "Number", model=making.model)
    return found


def _added(kind: SchemaType, value: Any, making: Making, path: str) -> Any:
    """Cast what goes into an array: one element, or those of `$each` with their modifiers."""
    if isinstance(value, list | tuple):
        value = {"$each": value}
    if isinstance(value, Mapping) and "$each" in value:
        modifiers = {name: plain(item) for name, item in value.items() if name != "$each"}
        return {**modifiers, "$each": _all(kind, value["$each"], making, path)}
    return _element(kind, value, making, path)


def _element(kind: SchemaType, value: Any, making: Making, path: str) -> Any:
    if kind.instance not in ARRAYS:
        return plain(value)
    if kind.instance == "DocumentArray":
        if not isinstance(value, Mapping | NoneType):
            raise ObjectParameterError.at(path, model=making.model)
        return _set(kind, [value], making, path)[0]
    try:
        return cast_whole(kind.values, value)
    except ValueError:
        raise CastError.at(path, called(kind.values), model=making.model) from None


def _all(kind: SchemaType, values: Any, making: Making, path: str) -> Any:
    listed = list(values) if isinstance(values, list | tuple) else [values]
    return _set(kind, listed, making, path) if kind.instance in ARRAYS else plain(listed)


def _pulled(schema: Schema, kind: SchemaType, path: str, value: Any, model: str) -> Any:
    if kind.inner is not None and isinstance(value, Mapping):
        return cast_filter(kind.inner, value, model)
    return cast_condition(schema, path, value, model)


OPERATORS: Final[Mapping[str, Callable[[SchemaType, Any, Making, str], Any]]] = {
    SET: _set,
    ON_INSERT: _set,
    "$min": _set,
    "$max": _set,
    "$inc": _number,
    "$mul": _number,
    "$pop": _number,
    "$push": _added,
    "$addToSet": _added,
    "$pullAll": _all,
}
"""How the operand of an operator is cast; that of any other goes over the wire as it is."""


def _immutable(schema: Schema, path: str) -> bool:
    kind, rest = schema.find(path)
    return kind is not None and not rest and kind.options.get("immutable") is True


def _drop_immutable(schema: Schema, update: dict[str, dict[str, Any]]) -> None:
    for name, fields in update.items():
        if name != ON_INSERT:
            for path in [path for path in fields if _immutable(schema, path)]:
                del fields[path]


def _move_immutable(schema: Schema, update: dict[str, dict[str, Any]]) -> None:
    """Let what must not change be set at least where the document is new."""
    moved = {path: value for path, value in update.get(SET, {}).items() if _immutable(schema, path)}
    _drop_immutable(schema, update)
    if moved:
        update[ON_INSERT] = update.get(ON_INSERT, {}) | moved


def _leave_to_clock(schema: Schema, operator: str, fields: dict[str, Any]) -> None:
    """Drop times that were given; one of making that counts as false in JavaScript is overlooked by Mongoose."""
    created, updated = schema.timestamps.created, schema.timestamps.updated
    if updated is not None and operator == SET:
        fields.pop(updated, None)
    if created is not None and counts_as_true(fields.get(created)):
        del fields[created]


def _stamp(schema: Schema, update: dict[str, dict[str, Any]], making: Making) -> None:
    """Add the times of making and changing."""
    stamps = schema.timestamps
    if stamps.created is not None:
        update.setdefault(ON_INSERT, {})[stamps.created] = making.now
    if stamps.updated is not None:
        for fields in update.values():
            fields.pop(stamps.updated, None)
        update.setdefault(SET, {})[stamps.updated] = making.now


def _add_defaults(
    schema: Schema, update: dict[str, dict[str, Any]], making: Making, filter_: Mapping[str, Any]
) -> None:
    touched = {path for fields in update.values() for path in fields}
    added = defaults_on_insert(schema, making, touched | _fixed(filter_))
    key = schema.version_key
    if key is not None and key not in touched:
        added[key] = 0
    if added:
        update[ON_INSERT] = update.get(ON_INSERT, {}) | added


def _fixed(filter_: Mapping[str, Any]) -> set[str]:
    """Return the fields in which a filter gives a value to a path: no default is put there.

    Those of other operators, and below `$and`, get defaults, as in Mongoose.
    """
    return {
        path.partition(".")[0]
        for path, value in filter_.items()
        if not path.startswith("$") and not is_operators(value)
    }
