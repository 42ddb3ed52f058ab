"""Values as JavaScript would convert them.

A number is a double; one that is whole and fits 32 bits goes over the wire as int32, any other as double, negative zero too.
Source: ECMA-262, "Number::toString", "StringToNumber", "Date Time String Format"; MongoDB Node.js driver, "BSON".
"""

import calendar
import re
from datetime import datetime
from math import copysign, isfinite, isinf, isnan, nan, trunc
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64

from comparators.errors import UnsupportedError

INT32: Final = range(-(2**31), 2**31)
FARTHEST_MS: Final = 8_640_000_000_000_000
WHITESPACE: Final = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)

_DECIMAL: Final = re.compile(r"[+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_RADIX: Final = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_ISO_DATE: Final = re.compile(
    r"(?P<year>[0-9]{4}|[+-][0-9]{6})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?)?"
    r"(?:[Tt](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def number(value: float) -> int | float:
    """Return a number in the form in which it goes over the wire."""
    if isinstance(value, Int64) or not isinstance(value, float):
        return int(value) if value in INT32 else float(value)
    if value == 0:
        return value if copysign(1, value) < 0 else 0
    return int(value) if value.is_integer() and int(value) in INT32 else value


def number_of(text: str) -> float:
    """Return `Number(text)`; NaN where the text is none."""
    stripped = text.strip(WHITESPACE)
    if not stripped:
        return 0.0
    if _RADIX.fullmatch(stripped):
        return float(int(stripped, 0))
    if not _DECIMAL.fullmatch(stripped):
        return nan
    return float(stripped.replace("Infinity", "inf"))


def text_of_number(value: float) -> str:
    """Return `String(value)`."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    digits, exponent = _shortest(abs(float(value)))
    if 0 < exponent <= 21:
        if len(digits) <= exponent:
            return sign + digits.ljust(exponent, "0")
        return f"{sign}{digits[:exponent]}.{digits[exponent:]}"
    if -6 < exponent <= 0:
        return f"{sign}0.{'0' * -exponent}{digits}"
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{exponent - 1:+d}"


def _shortest(value: float) -> tuple[str, int]:
    """Return the fewest digits that tell a positive number from all others, and where its point is."""
    mantissa, _, power = f"{value!r}e0".partition("e")
    power = power.partition("e")[0]
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point = len(whole) + int(power) - (len(digits) - len(stripped))
    return stripped.rstrip("0") or "0", point


def milliseconds_of(text: str) -> int | None:
    """Return `Date.parse(text)`; None for an invalid date.

    Only the format of the standard is the same in all time zones and engines; UnsupportedError for texts that V8 may read otherwise.
    """
    found = _ISO_DATE.fullmatch(text.strip())
    if found is None:
        if not any("0" <= letter <= "9" for letter in text):
            return None
        raise UnsupportedError(
            "a date as text that is not in ISO 8601",
            where="casting to Date",
            remedy="give a date, milliseconds, or a text in ISO 8601",
        )
    return _milliseconds(found)


def _milliseconds(found: re.Match[str]) -> int | None:
    if found["hour"] is not None and found["zone"] is None:
        raise UnsupportedError(
            "a time as text without a time zone",
            where="casting to Date",
            remedy="end it with Z or the offset from UTC",
        )
    year, month, day = int(found["year"]), int(found["month"] or 1), int(found["day"] or 1)
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    millisecond = int((found["fraction"] or "").ljust(3, "0")[:3])
    midnight = hour == 24 and not (minute or second or millisecond)
    if not (1 <= month <= 12 and 1 <= day <= 31 and (hour < 24 or midnight)):
        return None
    if minute > 59 or second > 59 or found["year"] == "-000000":
        return None
    days = _days(year, month) + day - 1
    total = ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + millisecond
    total -= _offset_ms(found["zone"] or "Z")
    return total if abs(total) <= FARTHEST_MS else None


def _offset_ms(zone: str) -> int:
    if zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    return (hours * 60 + minutes) * (60_000 if zone[0] == "+" else -60_000)


def _days(year: int, month: int) -> int:
    """Return the days from the epoch to the first of a month of the proleptic Gregorian calendar."""
    past = year - 1
    ordinal = past * 365 + past // 4 - past // 100 + past // 400
    lengths = (31, 29 if calendar.isleap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return ordinal + sum(lengths[: month - 1]) - _EPOCH_DAYS


_EPOCH_DAYS: Final = 719162


def date_of(milliseconds: float) -> DatetimeMS | None:
    """Return `new Date(milliseconds)`; None for an invalid date."""
    if not isfinite(milliseconds) or abs(milliseconds) > FARTHEST_MS:
        return None
    return DatetimeMS(trunc(milliseconds))


def counts_as_true(value: Any) -> bool:
    """Return whether a value is true in a condition: each object is, empty ones too."""
    return isinstance(value, dict | list | tuple) or bool(value)


def plain(value: Any) -> Any:
    """Return a value that no type casts, in the form in which it goes over the wire.

    Numbers of Python that are whole are JavaScript's numbers: beyond 32 bits they are doubles. A double stays one.
    """
    match value:
        case bool() | Int64():
            return value
        case int():
            return number(value)
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case datetime():
            return DatetimeMS(value)
        case _:
            return value
