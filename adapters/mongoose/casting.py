"""Casting of single values, by type of schema.

A cast gives the value as the path holds it, and raises ValueError for one that cannot become that.
Source: Mongoose documentation, "SchemaTypes", and what Mongoose 8 does; tests/e2e/test_models.py compares the two.
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from math import isnan
from typing import Any, Final

from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from adapters.mongoose.javascript import (
    WHITESPACE,
    date_of,
    milliseconds_of,
    number,
    number_of,
    plain,
    text_of_number,
)
from adapters.mongoose.schema import SchemaType
from comparators.errors import UnsupportedError

TRUE: Final = ("true", "1", "yes")
FALSE: Final = ("false", "0", "no")
EARLIEST_YEAR, LATEST_YEAR = -271820, 275761
INT64: Final = range(-(2**63), 2**63)
UUID_LENGTH: Final = 36


def text(value: Any) -> str:
    """Cast to String."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Int64():
            return str(int(value))
        case int() | float():
            return text_of_number(value)
        case ObjectId() | Decimal128():
            return str(value)
        case dict() if isinstance(value.get("_id"), str):
            return str(value["_id"])
        case datetime() | DatetimeMS():
            raise UnsupportedError(
                "a date cast to String",
                where="casting to String",
                remedy="give the text that is meant: JavaScript's depends on the time zone",
            )
        case Binary():
            return bytes(value).decode("utf-8", "replace")
        case _:
            raise ValueError


def double(value: Any) -> int | float | None:
    """Cast to Number: null for the empty text."""
    match value:
        case "":
            return None
        case str():
            found = number_of(value)
        case bool():
            found = float(value)
        case int() | float():
            found = float(value)
        case Decimal128() | ObjectId():
            found = number_of(str(value))
        case datetime() | DatetimeMS():
            found = float(int(DatetimeMS(value)) if isinstance(value, datetime) else int(value))
        case _:
            raise ValueError
    if isnan(found):
        raise ValueError
    return number(found)


def boolean(value: Any) -> bool:
    """Cast to Boolean."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and not isinstance(value, Int64) and value in (0, 1):
        return value == 1
    if isinstance(value, str) and value in TRUE + FALSE:
        return value in TRUE
    raise ValueError


def date(value: Any) -> DatetimeMS | None:
    """Cast to Date: null for the empty text."""
    found: DatetimeMS | None
    match value:
        case "":
            return None
        case bool():
            raise ValueError
        case DatetimeMS():
            found = date_of(int(value))
        case datetime():
            found = DatetimeMS(value)
        case int() | float():
            found = date_of(value)
        case str():
            found = _date_of_text(value)
        case list():
            # JavaScript reads an array as the text of its elements.
            found = _date_of_text(",".join(text(item) for item in value))
        case _:
            raise ValueError
    if found is None:
        raise ValueError
    return found


def _date_of_text(value: str) -> DatetimeMS | None:
    as_number = number_of(value)
    if as_number >= LATEST_YEAR or as_number < EARLIEST_YEAR:
        return date_of(as_number)
    milliseconds = milliseconds_of(value)
    return None if milliseconds is None else DatetimeMS(milliseconds)


def object_id(value: Any) -> ObjectId:
    """Cast to ObjectId; a document stands for its `_id`."""
    match value:
        case ObjectId():
            return value
        case {"_id": ObjectId() as identifier}:
            return identifier
        case {"_id": inner} if inner:
            return object_id(inner)
        case str() if len(value) == 24:
            return _object_id(value)
        case [ObjectId() | str() as only]:
            # An array of one reads as text like its element.
            return object_id(only)
        case _:
            raise ValueError


def _object_id(value: str) -> ObjectId:
    try:
        return ObjectId(value)
    except Exception as wrong:
        raise ValueError from wrong


def buffer(value: Any) -> Any:
    """Cast to Buffer."""
    match value:
        case Binary() | bytes():
            return value
        case str():
            return Binary(value.encode())
        case int() | float() if not isinstance(value, bool):
            return Binary(bytes([int(value) & 0xFF]))
        case list() if all(isinstance(item, int | float) for item in value):
            return Binary(bytes(int(item) & 0xFF for item in value))
        case _:
            raise ValueError


def decimal(value: Any) -> Decimal128:
    """Cast to Decimal128."""
    match value:
        case Decimal128():
            return value
        case bool():
            raise ValueError
        case str():
            written = value
        case int() | float():
            written = text_of_number(value)
        case _:
            raise ValueError
    try:
        return Decimal128(Decimal(written))
    except InvalidOperation as wrong:
        raise ValueError from wrong


def floating(value: Any) -> float | None:
    """Cast to Double: a double over the wire, even where it is whole."""
    found = double(value)
    return None if found is None else float(found)


def whole(value: Any) -> int | None:
    """Cast to Int32."""
    found = double(value)
    if isinstance(found, float):
        raise ValueError  # noqa: TRY004 - as for any other value
    return found


def big(value: Any) -> Int64 | None:
    """Cast to BigInt: null for the empty text."""
    match value:
        case "":
            return None
        case bool():
            raise ValueError
        case int():
            found = int(value)
        case float() if value.is_integer():
            found = int(value)
        case str():
            found = int(value.strip(WHITESPACE))
        case _:
            raise ValueError
    if found not in INT64:
        raise ValueError
    return Int64(found)


def uuid_of(value: Any) -> Binary:
    """Cast to UUID."""
    match value:
        case Binary():
            return value
        case str() if len(value) == UUID_LENGTH:
            return Binary.from_uuid(uuid.UUID(value))
        case _:
            raise ValueError


SCALARS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "String": text,
    "Number": double,
    "Double": floating,
    "Int32": whole,
    "BigInt": big,
    "Boolean": boolean,
    "Date": date,
    "ObjectId": object_id,
    "ObjectID": object_id,
    "Buffer": buffer,
    "Decimal128": decimal,
    "UUID": uuid_of,
    "Mixed": plain,
}
"""The casts of single values; null is cast by none of them."""


def called(kind: SchemaType) -> str:
    """Return what an error calls the type of a path."""
    if kind.instance == "Array":
        return f"[{called(kind.values)}]"
    return KINDS.get(kind.instance, kind.instance)


KINDS: Final = {"String": "string", "Date": "date", "DocumentArray": "embedded"}
"""Types that errors call otherwise than schemas."""


def cast_whole(kind: SchemaType, value: Any) -> Any:
    """Return a value cast to a type of single values, or of arrays of them."""
    if kind.instance != "Array" or value is None:
        return cast(kind.instance, kind.options, value)
    items = value if isinstance(value, list | tuple) else [value]
    return [cast_whole(kind.values, item) for item in items]


def cast(instance: str, options: Mapping[str, Any], value: Any) -> Any:
    """Return a value cast to a type that holds single values, its setters applied; ValueError where it cannot be."""
    if value is None and instance != "Mixed":
        return None
    if instance not in SCALARS:
        raise UnsupportedError(
            f"the schema type {instance}",
            where="casting",
            remedy="declare the path with one of Mongoose's own types",
        )
    found = SCALARS[instance](value)
    return _set(found, options) if isinstance(found, str) else found


def kept_by(kind: SchemaType) -> type | None:
    """Return the type of Python whose values a type casts to themselves; None where it has none that is common."""
    if kind.instance == "String" and any(kind.options.get(name) is True for name in SETTERS):
        return None
    return KEPT.get(kind.instance)


KEPT: Final[Mapping[str, type]] = {"String": str, "Boolean": bool, "ObjectId": ObjectId}


def _set(value: str, options: Mapping[str, Any]) -> str:
    """Apply the setters that the options of a String name, in their order."""
    for name, wanted in options.items():
        setter = SETTERS.get(name)
        if setter is not None and wanted is True:
            value = setter(value)
    return value


SETTERS: Final[Mapping[str, Callable[[str], str]]] = {
    "lowercase": str.lower,
    "uppercase": str.upper,
    "trim": lambda value: value.strip(WHITESPACE),
}
