"""What `$convert` makes of a value of one type in another.

Source: MongoDB manual, "$convert"; what strings parse as was observed on a server 6.0.
"""

import math
import re
import sys
from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, Context, Decimal, InvalidOperation, Overflow, Underflow
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from adapters.evaluate.expressions.calendar import iso_text
from adapters.evaluate.expressions.date_string import parsed_date
from adapters.evaluate.numbers import (
    INT_MAX,
    INT_MIN,
    LONG_MAX,
    LONG_MIN,
    decimal128,
    decimal_of,
    integral,
    is_number,
)
from adapters.query.failures import CommandFailure
from adapters.query.types import truth, type_name

_TYPE_NAMES: Final = (
    "double string object array binData undefined objectId bool date null regex dbPointer javascript "
    "symbol javascriptWithScope int timestamp long decimal minKey maxKey missing"
).split()
_TYPE_NUMBERS: Final[Mapping[int, str]] = {
    **dict(enumerate(_TYPE_NAMES[:19], start=1)),
    -1: "minKey",
    127: "maxKey",
    0: "missing",
}
_WHOLE: Final = re.compile(r"[+-]?\d+", re.ASCII)
_FLOAT: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SPECIAL: Final = re.compile(r"[+-]?(?:inf(?:inity)?|nan)", re.ASCII | re.IGNORECASE)


class ConversionError(Exception):
    """The value has no counterpart of the target type."""


def target_of(to: Any) -> str:
    """Return the name of the type that `to` asks for, by name or number."""
    if isinstance(to, str):
        if to not in _TYPE_NAMES:
            raise CommandFailure(2, f"Unknown type name: {to}")
        return to
    if not is_number(to):
        raise CommandFailure(
            9, f"$convert's 'to' argument must be a string or number, but is {type_name(to)}"
        )
    number = integral(to)
    if number is None:
        raise CommandFailure(9, "In $convert, numeric 'to' argument is not an integer")
    if number not in _TYPE_NUMBERS:
        raise CommandFailure(9, f"In $convert, 'to' does not correspond to a BSON type: {number}")
    return _TYPE_NUMBERS[number]


def _same(value: Any) -> Any:
    return value


def _whole_of(low: int, high: int, make: Callable[[int], Any]) -> Callable[[Any], Any]:
    """Return the conversion of numbers: the fraction is cut, what is out of range refused."""

    def convert(value: Any) -> Any:
        exact = value.to_decimal() if isinstance(value, Decimal128) else value
        if isinstance(exact, float | Decimal) and not math.isfinite(exact):
            raise ConversionError("Attempt to convert NaN or infinity value to integer type")
        whole = int(exact)
        if not low <= whole <= high:
            raise ConversionError("Conversion would overflow target type")
        return make(whole)

    return convert


_int_of: Final = _whole_of(INT_MIN, INT_MAX, int)
_long_of: Final = _whole_of(LONG_MIN, LONG_MAX, Int64)


def _parsed_whole(low: int, high: int, make: Callable[[int], Any]) -> Callable[[Any], Any]:
    def convert(text: str) -> Any:
        if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise ConversionError(f"Failed to parse number '{text}'")
        return make(int(text))

    return convert


def _double_of(value: Any) -> float:
    if isinstance(value, Decimal128):
        exact = value.to_decimal()
        double = float(exact)
        if exact.is_finite() and exact and not _is_normal(double):
            raise ConversionError("Conversion would overflow or underflow target type")
        return double
    return float(value)


def _is_normal(double: float) -> bool:
    """Return whether a double has all its digits: it is neither zero nor next to it nor infinite."""
    return sys.float_info.min <= abs(double) <= sys.float_info.max


def _parsed_double(text: str) -> float:
    if not _FLOAT.fullmatch(text) and not _SPECIAL.fullmatch(text):
        raise ConversionError(f"Failed to parse number '{text}'")
    double = float(text)
    something = any(digit in "123456789" for digit in text.lower().split("e")[0])
    if something and not _is_normal(double):
        raise ConversionError(f"Failed to parse number '{text}': Out of range")
    return double


def _parsed_decimal(text: str) -> Decimal128:
    if not _FLOAT.fullmatch(text) and not _SPECIAL.fullmatch(text):
        raise ConversionError(f"Failed to parse number '{text}'")
    # What a server reads it cuts, and does not round.
    reading = Context(
        prec=34, rounding=ROUND_DOWN, Emin=-6143, Emax=6144, clamp=1, traps=[InvalidOperation]
    )
    exact = reading.create_decimal(text)
    if reading.flags[Overflow] or reading.flags[Underflow]:
        raise ConversionError(f"Failed to parse number '{text}': Out of range")
    return decimal128(exact)


def _object_id_of(text: str) -> ObjectId:
    if not re.fullmatch(r"[0-9a-fA-F]{24}", text):
        raise ConversionError(f"Failed to parse objectId '{text}'")
    return ObjectId(text)


def _date_of_number(value: Any) -> DatetimeMS:
    return DatetimeMS(int(_long_of(value)))


def _double_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{value:g}"


def _date_text(value: DatetimeMS) -> str:
    return iso_text(int(value))


def _refused_as_conversion(text: str) -> DatetimeMS:
    try:
        return DatetimeMS(parsed_date(text))
    except CommandFailure as refused:
        raise ConversionError(refused.message) from refused


CONVERSIONS: Final[Mapping[tuple[str, str], Callable[[Any], Any]]] = {
    ("double", "double"): _same,
    ("double", "string"): _double_text,
    ("double", "bool"): truth,
    ("double", "date"): _date_of_number,
    ("double", "int"): _int_of,
    ("double", "long"): _long_of,
    ("double", "decimal"): lambda value: decimal128(decimal_of(value)),
    ("string", "double"): _parsed_double,
    ("string", "string"): _same,
    ("string", "objectId"): _object_id_of,
    ("string", "bool"): lambda _value: True,
    ("string", "date"): _refused_as_conversion,
    ("string", "int"): _parsed_whole(INT_MIN, INT_MAX, int),
    ("string", "long"): _parsed_whole(LONG_MIN, LONG_MAX, Int64),
    ("string", "decimal"): _parsed_decimal,
    ("objectId", "string"): str,
    ("objectId", "bool"): lambda _value: True,
    ("objectId", "objectId"): _same,
    ("objectId", "date"): lambda value: DatetimeMS(
        int.from_bytes(value.binary[:4], "big", signed=True) * 1000
    ),
    ("bool", "double"): float,
    ("bool", "string"): lambda value: "true" if value else "false",
    ("bool", "bool"): _same,
    ("bool", "int"): int,
    ("bool", "long"): Int64,
    ("bool", "decimal"): lambda value: Decimal128(str(int(value))),
    ("date", "double"): lambda value: float(int(value)),
    ("date", "string"): _date_text,
    ("date", "bool"): lambda _value: True,
    ("date", "date"): _same,
    ("date", "long"): lambda value: Int64(int(value)),
    ("date", "decimal"): lambda value: Decimal128(str(int(value))),
    ("timestamp", "date"): lambda value: DatetimeMS(value.time * 1000),
    ("int", "double"): float,
    ("int", "string"): str,
    ("int", "bool"): truth,
    ("int", "int"): _same,
    ("int", "long"): Int64,
    ("int", "decimal"): lambda value: Decimal128(str(value)),
    ("long", "double"): float,
    ("long", "string"): lambda value: str(int(value)),
    ("long", "bool"): truth,
    ("long", "date"): _date_of_number,
    ("long", "int"): _int_of,
    ("long", "long"): _same,
    ("long", "decimal"): lambda value: Decimal128(str(int(value))),
    ("decimal", "double"): _double_of,
    ("decimal", "string"): str,
    ("decimal", "bool"): truth,
    ("decimal", "date"): _date_of_number,
    ("decimal", "int"): _int_of,
    ("decimal", "long"): _long_of,
    ("decimal", "decimal"): _same,
}
"""Conversions by the types they lead from and to; what is not here does not exist."""
