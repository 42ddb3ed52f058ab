"""A new document made of what was given: cast, with defaults, without what the schema does not know.

Fields stand in the order of the schema, then what defaults of functions give. Source: Mongoose documentation, "Documents",
"Schemas: strict", and what Mongoose 8 stores.
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType
from typing import Any, Final, NamedTuple

from adapters.mongoose.casting import called, cast, cast_whole, kept_by
from adapters.mongoose.defaults import constant_of, default_of, has_default, runs_late
from adapters.mongoose.errors import StrictModeError
from adapters.mongoose.javascript import plain
from adapters.mongoose.making import Making
from adapters.mongoose.schema import Schema, SchemaType
from comparators.canonical import MISSING
from comparators.errors import UnsupportedError


def construct(
    schema: Schema, given: Mapping[str, Any], making: Making, at: str = ""
) -> dict[str, Any]:
    """Return the document that `given` makes; what cannot be cast is left out, and reported.

    `at` is where the document stands in another one, with a dot behind it.
    """
    document = _level(_Level(schema=schema, making=making, at=at), given, "")
    for name, value in given.items():
        if name in document:
            continue
        if name.partition(".")[0] not in document and not _known(schema, name):
            _unknown(schema, name, value, document, making)
        elif "." in name:
            _put(schema, document, name, value, making, at)
    for path, kind in _late(schema):
        _put_default(document, path, kind, making, at)
    return document


@cache
def _late(schema: Schema) -> tuple[tuple[str, SchemaType], ...]:
    """Return the paths whose defaults run once the given values are set."""
    return tuple((path, kind) for path, kind in schema.types.items() if runs_late(kind))


class _Place(NamedTuple):
    """A name at a nested path: its own path, its type (None where it only holds others), and how it is filled.

    Given values of the type `kept` stay as they are. Where none is given, `constant` stands, if that is not MISSING; else
    it `defaults` to what must be made for each document.
    """

    name: str
    path: str
    kind: SchemaType | None
    kept: type | None = None
    constant: Any = MISSING
    defaults: bool = False


@cache
def _below(schema: Schema, prefix: str) -> tuple[_Place, ...]:
    """Return the names at a nested path, in the order of the schema."""
    found: dict[str, _Place] = {}
    for path in schema.types:
        if path.startswith(prefix):
            name = path[len(prefix) :].partition(".")[0]
            if name not in found:
                found[name] = _place(schema, name, prefix + name)
    return tuple(found.values())


def _place(schema: Schema, name: str, path: str) -> _Place:
    if path in schema.nested:
        return _Place(name, path, None)
    kind = schema.types[path]
    if not has_default(kind) or runs_late(kind):
        return _Place(name, path, kind, kept_by(kind))
    constant = _constant(kind)
    return _Place(name, path, kind, kept_by(kind), constant, constant is MISSING)


def _constant(kind: SchemaType) -> Any:
    """Return the default that every document has at a path; MISSING where it is made, or refused, for each."""
    default = constant_of(kind)
    if default is MISSING or kind.instance in HOLDERS:
        return MISSING
    try:
        return cast(kind.instance, kind.options, default)
    except (ValueError, UnsupportedError):
        return MISSING


class _Level:
    """The schema of a document, and where the document stands."""

    def __init__(self, *, schema: Schema, making: Making, at: str) -> None:
        self.schema = schema
        self.making = making
        self.at = at


def _level(level: _Level, given: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the fields at a nested path: given ones and defaults, in the order of the schema."""
    document: dict[str, Any] = {}
    for name, path, kind, kept, constant, defaults in _below(level.schema, prefix):
        value = given.get(name, MISSING)
        if type(value) is kept:
            document[name] = value
            continue
        if kind is None:
            _nested(level, document, name, value, f"{path}.")
            continue
        if value is not MISSING:
            value = value_of(kind, value, level.making, level.at + path)
        if value is MISSING:
            value = constant
            if defaults:
                default = default_of(kind, level.making, document, level.at + path)
                value = _cast_default(kind, default, level.making, level.at + path)
        if value is not MISSING:
            document[name] = value
    return document


def _nested(level: _Level, document: dict[str, Any], name: str, given: object, prefix: str) -> None:
    if isinstance(given, Mapping):
        document[name] = _given_nested(level, given, prefix)
    elif given is None and "." not in prefix[:-1]:
        document[name] = None
    elif given is MISSING or "." in prefix[:-1]:
        if given is not MISSING and given is not None:
            level.making.report("CastError", "Object", level.at + prefix[:-1], value=given)
        document[name] = _level(level, {}, prefix)
    # What is no object at the first level makes Mongoose leave the whole field out, without a word.


def _given_nested(level: _Level, given: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return a nested object that was given: its own fields in the order of the schema, then the defaults."""
    whole = _level(level, given, prefix)
    document = {name: value for name, value in whole.items() if name in given}
    document |= {name: value for name, value in whole.items() if name not in given}
    for name, value in given.items():
        if name not in document and all(
            name != place.name for place in _below(level.schema, prefix)
        ):
            _unknown(level.schema, name, value, document, level.making, prefix)
    for path, kind in _late(level.schema):
        if path.startswith(prefix):
            _put_default(document, path[len(prefix) :], kind, level.making, level.at + prefix)
    return document


def value_of(kind: SchemaType, value: Any, making: Making, path: str) -> Any:
    """Return a value cast to what a path holds; MISSING, once reported, for one that cannot be."""
    if value is None and kind.instance != "Mixed":
        return None
    if kind.instance in HOLDERS:
        return HOLDERS[kind.instance](kind, value, making, path)
    try:
        return cast(kind.instance, kind.options, value)
    except ValueError:
        making.report("CastError", called(kind), path, inner=kind.path, value=value)
        return MISSING


def _subdocument(kind: SchemaType, value: Any, making: Making, path: str) -> Any:
    if not isinstance(value, Mapping):
        making.report("CastError", "Embedded", path, inner=kind.path, value=value)
        return MISSING
    return construct(kind.documents, value, making, f"{path}.")


def _array(kind: SchemaType, value: Any, making: Making, path: str) -> Any:
    items = value if isinstance(value, list | tuple) else [value]
    made = []
    for at, item in enumerate(items):
        try:
            made.append(cast_whole(kind.values, item))
        except ValueError:
            making.report(
                "CastError", called(kind), f"{path}.{at}", inner=f"{kind.path}.{at}", value=item
            )
            return MISSING
    return made


def _documents(kind: SchemaType, value: Any, making: Making, path: str) -> Any:
    items = value if isinstance(value, list | tuple) else [value]
    wrong = [item for item in items if not isinstance(item, Mapping | list | NoneType)]
    if wrong:
        # What counts as false in JavaScript makes another error.
        name, said = ("CastError", called(kind)) if wrong[0] else ("ObjectParameterError", "")
        making.report(name, said, path, inner=kind.path, value=value)
        return MISSING
    return [
        item
        if item is None
        else construct(
            kind.documents, item if isinstance(item, Mapping) else {}, making, f"{path}.{at}."
        )
        for at, item in enumerate(items)
    ]


def _map(kind: SchemaType, value: Any, making: Making, path: str) -> Any:
    if value in ("", []):
        return {}
    if not isinstance(value, Mapping) or any("." in key or key.startswith("$") for key in value):
        making.report("CastError", "Map", path, inner=kind.path, value=value)
        return MISSING
    made = {}
    for name, item in value.items():
        place = f"{path}.{name}"
        if kind.values.inner is not None and not isinstance(item, Mapping | NoneType):
            making.report("ObjectExpectedError", "", place, value=item)
            continue
        made[name] = value_of(kind.values, item, making, place)
    return {name: item for name, item in made.items() if item is not MISSING}


HOLDERS: Final[Mapping[str, Callable[[SchemaType, Any, Making, str], Any]]] = {
    "Embedded": _subdocument,
    "Array": _array,
    "DocumentArray": _documents,
    "Map": _map,
}
"""The types that hold others."""


def _cast_default(kind: SchemaType, default: Any, making: Making, path: str) -> Any:
    return MISSING if default is MISSING else value_of(kind, default, making, path)


def _put_default(
    document: dict[str, Any], path: str, kind: SchemaType, making: Making, at: str
) -> None:
    """Give a path the default that its function gives, unless it has a value."""
    *above, name = path.split(".")
    holder: Any = document
    for part in above:
        holder = holder.setdefault(part, {})
        if not isinstance(holder, dict):
            return
    if name not in holder:
        value = _cast_default(
            kind, default_of(kind, making, document, at + path), making, at + path
        )
        if value is not MISSING:
            holder[name] = value


def _known(schema: Schema, name: str) -> bool:
    if name in schema.nested:
        return True
    kind, rest = schema.find(name)
    return kind is not None and (not rest or kind.instance in {"Mixed", "Map", "Embedded"})


def _unknown(
    schema: Schema,
    name: str,
    value: Any,
    document: dict[str, Any],
    making: Making,
    prefix: str = "",
) -> None:
    if schema.strict == "throw":
        raise StrictModeError.at(prefix + name, model=making.model)
    if not schema.strict:
        document[name] = plain(value)


def _put(
    schema: Schema, document: dict[str, Any], path: str, value: Any, making: Making, at: str
) -> None:
    """Set a dotted path."""
    kind, rest = schema.find(path)
    if kind is None:
        return
    *above, name = kind.path.split(".")
    holder: Any = document
    for part in above:
        holder = holder.setdefault(part, {})
    if not rest:
        found = value_of(kind, value, making, at + path)
        if found is not MISSING:
            holder[name] = found
    elif kind.instance == "Embedded":
        inner = holder.get(name)
        if not isinstance(inner, dict):
            inner = holder[name] = construct(kind.documents, {}, making, f"{at}{kind.path}.")
        _put(kind.documents, inner, rest, value, making, f"{at}{kind.path}.")
    else:
        _put_below(holder.setdefault(name, {}), rest, plain(value))


def _put_below(holder: Any, path: str, value: Any) -> None:
    *above, name = path.split(".")
    for part in above:
        holder = holder.setdefault(part, {})
    holder[name] = value
