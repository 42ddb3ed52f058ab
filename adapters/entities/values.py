"""What a column holds of a BSON value, and back: exact, or not at all.

Each type of column has a natural BSON type; numbers of another type are held with a tag. `double` stands for a
number as a JavaScript driver sends it: whole numbers within 32 bits as int32, all others as double.
Source: MongoDB Node.js driver, "BSON Serialization"; PostgreSQL manual, "Data Types".
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from math import copysign, isfinite, isnan
from typing import Any, Final, NamedTuple
from uuid import UUID

from bson.binary import UUID_SUBTYPE, Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from adapters.entities.entity import Column, ColumnType
from adapters.entities.json_values import json_of, value_of_json
from adapters.entities.tags import Tag

LEAST_INT: Final = -(2**31)
MOST_INT: Final = 2**31 - 1
MOST_EXACT: Final = 2**53
"""Beyond it, a double does not tell neighbouring whole numbers apart."""

EARLIEST_MS: Final = -188_000_000_000_000
LATEST_MS: Final = 9_000_000_000_000_000
"""A little less than what `timestamptz` can hold (4714 BC to 294276 AD)."""


class Held(NamedTuple):
    """What a column holds of a value. With the tag OVERFLOW it only serves to narrow."""

    value: Any
    tag: Tag


def held(column: Column, value: Any) -> Held | None:
    """Return what a column holds of a value, None where the value does not fit."""
    if column.type is ColumnType.JSONB and not column.array:
        return _json(value)
    if column.array:
        return _array(column, value)
    return _scalar(column, value)


def _scalar(column: Column, value: Any) -> Held | None:
    found = HOLDERS[column.type](value)
    if found is None:
        return None
    if column.length is not None and len(found.value) > column.length:
        return None
    if column.allowed and found.value not in column.allowed:
        return None
    return found


def _array(column: Column, value: Any) -> Held | None:
    if not isinstance(value, list):
        return None
    elements = []
    for element in value:
        found = _scalar(column, element)
        if found is None or found.tag is not Tag.NATURAL:
            return None
        elements.append(found.value)
    return Held(elements, Tag.NATURAL)


def _json(value: Any) -> Held | None:
    found = json_of(value)
    return Held(found.text, Tag.NATURAL if found.exact else Tag.OVERFLOW)


def _text(value: Any) -> Held | None:
    return Held(value, Tag.NATURAL) if type(value) is str and "\0" not in value else None


def _integer(value: Any) -> Held | None:
    if type(value) is int:
        return Held(value, Tag.NATURAL)
    if type(value) is Int64 and LEAST_INT <= value <= MOST_INT:
        return Held(int(value), Tag.LONG)
    if _is_whole_double(value) and LEAST_INT <= value <= MOST_INT:
        return Held(int(value), Tag.DOUBLE)
    return None


def _bigint(value: Any) -> Held | None:
    if type(value) is Int64:
        return Held(int(value), Tag.NATURAL)
    if type(value) is int:
        return Held(value, Tag.INT)
    if _is_whole_double(value) and abs(value) <= MOST_EXACT:
        return Held(int(value), Tag.DOUBLE)
    return None


def _double(value: Any) -> Held | None:
    if type(value) is int:
        return Held(float(value), Tag.NATURAL)
    if type(value) is Int64 and abs(value) <= MOST_EXACT:
        return Held(float(value), Tag.LONG)
    if type(value) is not float or isnan(value):
        # PostgreSQL sorts NaN above all numbers, MongoDB below.
        return None
    return Held(value, Tag.DOUBLE if _looks_like_an_integer(value) else Tag.NATURAL)


def _numeric(value: Any) -> Held | None:
    if type(value) is Decimal128:
        return _decimal(value.to_decimal())
    if type(value) is int:
        return Held(Decimal(value), Tag.INT)
    if type(value) is Int64:
        return Held(Decimal(int(value)), Tag.LONG)
    if _is_whole_double(value) and abs(value) <= MOST_EXACT:
        return Held(Decimal(int(value)), Tag.DOUBLE)
    return None


def _decimal(value: Decimal) -> Held | None:
    # `numeric` keeps trailing zeros behind the point, but no exponent above 0 and no negative zero.
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent > 0 or (value.is_zero() and value.is_signed()):
        return None
    return Held(value, Tag.NATURAL)


def _boolean(value: Any) -> Held | None:
    return Held(value, Tag.NATURAL) if type(value) is bool else None


def _timestamp(value: Any) -> Held | None:
    if type(value) is DatetimeMS and EARLIEST_MS <= int(value) <= LATEST_MS:
        return Held(value, Tag.NATURAL)
    return None


def _uuid(value: Any) -> Held | None:
    if type(value) is Binary and value.subtype == UUID_SUBTYPE and len(value) == 16:
        return Held(UUID(bytes=bytes(value)), Tag.NATURAL)
    return None


def _objectid(value: Any) -> Held | None:
    return Held(value.binary, Tag.NATURAL) if type(value) is ObjectId else None


def _bytes(value: Any) -> Held | None:
    return Held(value, Tag.NATURAL) if type(value) is bytes else None


def _is_whole_double(value: Any) -> bool:
    return type(value) is float and value.is_integer() and not _is_negative_zero(value)


def _is_negative_zero(value: float) -> bool:
    return value == 0 and copysign(1, value) < 0


def _looks_like_an_integer(value: float) -> bool:
    """Return whether a JavaScript driver would have sent an int32 for this number."""
    return isfinite(value) and value.is_integer() and LEAST_INT <= value <= MOST_INT


HOLDERS: Final[Mapping[ColumnType, Callable[[Any], Held | None]]] = {
    ColumnType.TEXT: _text,
    ColumnType.VARCHAR: _text,
    ColumnType.INTEGER: _integer,
    ColumnType.BIGINT: _bigint,
    ColumnType.DOUBLE: _double,
    ColumnType.NUMERIC: _numeric,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.TIMESTAMPTZ: _timestamp,
    ColumnType.UUID: _uuid,
    ColumnType.OBJECTID: _objectid,
    ColumnType.BYTEA: _bytes,
    ColumnType.JSONB: _json,
}


def _natural_text(value: Any) -> str | None:
    return value if type(value) is str and "\0" not in value else None


def _natural_integer(value: Any) -> int | None:
    return value if type(value) is int else None


def _natural_double_of(value: Any) -> float | None:
    if type(value) is float:
        return None if isnan(value) or _looks_like_an_integer(value) else value
    return float(value) if type(value) is int else None


def _natural_boolean(value: Any) -> bool | None:
    return value if type(value) is bool else None


def _natural_timestamp(value: Any) -> DatetimeMS | None:
    return value if type(value) is DatetimeMS and EARLIEST_MS <= int(value) <= LATEST_MS else None


def _natural_objectid(value: Any) -> bytes | None:
    return value.binary if type(value) is ObjectId else None


NATURAL: Final[Mapping[ColumnType, Callable[[Any], Any]]] = {
    ColumnType.TEXT: _natural_text,
    ColumnType.INTEGER: _natural_integer,
    ColumnType.DOUBLE: _natural_double_of,
    ColumnType.BOOLEAN: _natural_boolean,
    ColumnType.TIMESTAMPTZ: _natural_timestamp,
    ColumnType.OBJECTID: _natural_objectid,
}
"""What `HOLDERS` give of a value of the natural type, and None of any other: the commonest, and quicker."""

Reader = Callable[[Any], Any]


def _natural_double(value: float) -> int | float:
    return int(value) if _looks_like_an_integer(value) else value


def _unchanged(value: Any) -> Any:
    return value


READERS: Final[Mapping[ColumnType, Reader]] = {
    ColumnType.TEXT: _unchanged,
    ColumnType.VARCHAR: _unchanged,
    ColumnType.INTEGER: _unchanged,
    ColumnType.BIGINT: Int64,
    ColumnType.DOUBLE: _natural_double,
    ColumnType.NUMERIC: Decimal128,
    ColumnType.BOOLEAN: _unchanged,
    ColumnType.TIMESTAMPTZ: _unchanged,
    ColumnType.UUID: lambda value: Binary(value.bytes, UUID_SUBTYPE),
    ColumnType.OBJECTID: ObjectId,
    ColumnType.BYTEA: _unchanged,
    ColumnType.JSONB: value_of_json,
}
"""From what the database gives to the natural BSON value."""

NUMBER_READERS: Final[Mapping[Tag, Reader]] = {
    Tag.INT: int,
    Tag.LONG: Int64,
    Tag.DOUBLE: float,
}


def reader_of(column: Column, tag: Tag) -> Reader | None:
    """Return how to read a column's value as BSON; None where it already is."""
    reader = NUMBER_READERS.get(tag) or READERS[column.type]
    if column.array:
        return None if reader is _unchanged else lambda values: [reader(value) for value in values]
    return None if reader is _unchanged else reader
