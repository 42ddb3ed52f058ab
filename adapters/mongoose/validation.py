"""Whether a document fits its schema: required, enum, min and max, lengths, match, and the application's own validators.

Source: Mongoose documentation, "Validation".
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from adapters.mongoose.casting import cast
from adapters.mongoose.defaults import FUNCTION
from adapters.mongoose.making import Making
from adapters.mongoose.patterns import found_in
from adapters.mongoose.schema import Schema, SchemaType
from comparators.canonical import MISSING


def validate(schema: Schema, document: Mapping[str, Any], making: Making, at: str = "") -> None:
    """Report what is wrong with a document; `at` is where it stands in another one, with a dot behind it."""
    for path, parts, kind, required in _demanding(schema):
        value = document.get(path, MISSING) if len(parts) == 1 else _at(document, parts)
        if (required or value is not MISSING) and at + path not in making.problems:
            validate_value(kind, value, document, making, at + path)


@cache
def _demanding(schema: Schema) -> tuple[tuple[str, list[str], SchemaType, bool], ...]:
    """Return the paths, whole and in parts, with types that may refuse a value, and whether they may refuse that there is none."""
    return tuple(
        (path, path.split("."), kind, "required" in kind.options)
        for path, kind in schema.types.items()
        if kind.inner is not None
        or kind.element is not None
        or not DEMANDS.isdisjoint(kind.options)
    )


def validate_value(
    kind: SchemaType, value: Any, document: Mapping[str, Any], making: Making, path: str
) -> None:
    """Report what is wrong with the value of a path of a document."""
    name = _failed(kind, value, document, making, path)
    if name is not None:
        making.report("ValidatorError", name, path, message=_message(kind, name, path), value=value)
    elif kind.inner is not None or kind.element is not None:
        _inside(kind, value, making, path)


def at_path(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path; MISSING where there is none."""
    return _at(document, path.split("."))


def _at(document: Mapping[str, Any], parts: list[str]) -> Any:
    found: Any = document
    for part in parts:
        if not isinstance(found, Mapping) or part not in found:
            return MISSING
        found = found[part]
    return found


def _inside(kind: SchemaType, value: Any, making: Making, path: str) -> None:
    """Validate subdocuments, elements of arrays and values of maps."""
    match kind.instance, value:
        case "Embedded", dict():
            validate(kind.documents, value, making, f"{path}.")
        case "DocumentArray", list():
            for at, item in enumerate(value):
                if isinstance(item, Mapping):
                    validate(kind.documents, item, making, f"{path}.{at}.")
        case "Array", list():
            _elements(kind, enumerate(value), making, path)
        case "Map", dict():
            _elements(kind, value.items(), making, path)
        case _:
            pass


def _elements(kind: SchemaType, items: Any, making: Making, path: str) -> None:
    for name, item in items:
        validate_value(kind.values, item, {}, making, f"{path}.{name}")


def _failed(
    kind: SchemaType, value: Any, document: Mapping[str, Any], making: Making, path: str
) -> str | None:
    """Return the first validator that a value fails, None where there is none."""
    required, checks = _demands(kind)
    if required and _is_required(required, document, making, path) and not _is_there(kind, value):
        return "required"
    if value is MISSING:
        return None
    for name, check, limit in checks:
        if check is None:
            if not making.called("validate", path, value, document):
                return "user defined"
        elif value is not None and not check(kind, value, limit):
            return NAMES.get(name, name)
    return None


@cache
def _demands(kind: SchemaType) -> tuple[Any, tuple[tuple[str, "Check | None", Any], ...]]:
    """Return the option that demands a value, and the checks of one in their order: None is the application's own."""
    checks: list[tuple[str, Check | None, Any]] = []
    for name, option in kind.options.items():
        if name in CHECKS and kind.instance in CHECKED.get(name, TEXTS):
            checks.append((name, CHECKS[name], _limit(name, option)))
        elif name == "validate":
            checks.append((name, None, None))
    return _limit("required", kind.options.get("required")), tuple(checks)


def _is_required(option: Any, document: Mapping[str, Any], making: Making, path: str) -> bool:
    if isinstance(option, Mapping) and FUNCTION in option:
        return bool(making.called("required", path, document))
    return bool(option)


def _is_there(kind: SchemaType, value: Any) -> bool:
    if value is MISSING or value is None:
        return False
    return bool(value) if kind.instance in {"String", "Buffer"} else True


def _limit(name: str, option: Any) -> Any:
    """Return what an option allows, without the message that may stand beside it."""
    with_message = name != "enum" and isinstance(option, list) and len(option) == 2
    return option[0] if with_message else option


def _enum(kind: SchemaType, value: Any, allowed: Any) -> bool:
    values = (
        allowed.get("values", list(allowed.values())) if isinstance(allowed, Mapping) else allowed
    )
    return any(value == each and type(value) is type(each) for each in _alike(kind, values))


def _alike(kind: SchemaType, values: Any) -> list[Any]:
    return [each if each is None else cast(kind.instance, {}, each) for each in values]


def _comparable(value: Any) -> Any:
    return int(value) if isinstance(value, DatetimeMS) else value


def _min(kind: SchemaType, value: Any, least: Any) -> bool:
    return bool(_comparable(value) >= _comparable(cast(kind.instance, {}, least)))


def _max(kind: SchemaType, value: Any, most: Any) -> bool:
    return bool(_comparable(value) <= _comparable(cast(kind.instance, {}, most)))


def _length(value: str) -> int:
    """Return the length that JavaScript tells: a character beyond the basic plane counts twice."""
    return len(value.encode("utf-16-le", "surrogatepass")) // 2


Check = Callable[[SchemaType, Any, Any], bool]
"""Whether a value that is not null is within the limit of an option."""

CHECKS: Final[Mapping[str, Check]] = {
    "enum": _enum,
    "min": _min,
    "max": _max,
    "minlength": lambda _kind, value, least: _length(value) >= least,
    "minLength": lambda _kind, value, least: _length(value) >= least,
    "maxlength": lambda _kind, value, most: _length(value) <= most,
    "maxLength": lambda _kind, value, most: _length(value) <= most,
    "match": lambda _kind, value, pattern: value == "" or found_in(pattern, value),
}
"""The validators that options name; null passes all of them, and is asked by none."""

DEMANDS: Final = frozenset({*CHECKS, "required", "validate"})
"""The options that may refuse a value."""

TEXTS: Final = frozenset({"String"})
ORDERED: Final = frozenset({"Number", "Double", "Int32", "BigInt", "Date", "Decimal128"})
CHECKED: Final[Mapping[str, AbstractSet[str]]] = {
    "enum": TEXTS | {"Number", "Double", "Int32", "BigInt"},
    "min": ORDERED,
    "max": ORDERED,
}
"""The types whose schemas know an option, where those are not texts alone."""

NAMES: Final = {"match": "regexp", "minLength": "minlength", "maxLength": "maxlength"}
"""Kinds of errors that are not called as their option."""


def _message(kind: SchemaType, name: str, path: str) -> str:
    told = kind.options.get(name)
    if isinstance(told, list) and len(told) == 2 and isinstance(told[1], str) and name != "enum":
        return told[1].replace("{PATH}", path)
    return MESSAGES.get(name, "Validator failed for path `{path}`").format(path=path)


MESSAGES: Final = {
    "required": "Path `{path}` is required.",
    "enum": "Path `{path}` is not a valid enum value.",
    "min": "Path `{path}` is less than minimum allowed value.",
    "max": "Path `{path}` is more than maximum allowed value.",
    "minlength": "Path `{path}` is shorter than the minimum allowed length.",
    "maxlength": "Path `{path}` is longer than the maximum allowed length.",
    "regexp": "Path `{path}` is invalid.",
}
"""The texts of errors; Mongoose's quote the value too."""
