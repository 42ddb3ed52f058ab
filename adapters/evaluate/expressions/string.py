"""`$concat`, `$substrCP` and the other string operators; regular expressions stand in `regex.py`.

Source: MongoDB manual, "String Expression Operators".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.timestamp import Timestamp

from adapters.evaluate.expressions.array import search_range
from adapters.evaluate.expressions.calendar import broken_down, iso_text
from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.evaluate.numbers import coerced, integral, is_number
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name

_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_TRIMMED: Final = (
    "\0 \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
)


def double_text(value: float) -> str:
    """Return a double with six significant digits, as the server prints it."""
    return f"{value:g}"


def text_of(value: Any) -> str:
    """Return a value as the string operators read it: null is empty, some types are refused."""
    if isinstance(value, Code):
        return str(value)
    kind = type(value)
    if kind is str:
        return str(value)
    if is_nullish(value):
        return ""
    if kind is float:
        return double_text(value)
    if kind in {int, Int64}:
        return str(int(value))
    if kind is Decimal128:
        return str(value)
    if kind is DatetimeMS:
        return iso_text(int(value))
    if kind is Timestamp:
        return _timestamp_text(value)
    raise CommandFailure(16007, f"can't convert from BSON type {type_name(value)} to String")


def _timestamp_text(value: Timestamp) -> str:
    at = broken_down(value.time * 1000)
    return f"{_MONTHS[at.month - 1]} {at.day:2d} {at.hour:02d}:{at.minute:02d}:{at.second:02d}:{value.inc}"


def concat(arguments: Iterable[Any]) -> Any:
    parts = []
    for value in arguments:
        if isinstance(value, str) and not isinstance(value, Code):
            parts.append(value)
        elif is_nullish(value):
            return None
        else:
            raise CommandFailure(16702, f"$concat only supports strings, not {type_name(value)}")
    return "".join(parts)


def _substr_cp(arguments: Sequence[Any]) -> Any:
    text = text_of(arguments[0])
    start = _position(arguments[1], 34450, 34451)
    length = _position(arguments[2], 34452, 34453)
    if length < 0:
        raise CommandFailure(34454, "$substrCP: length must be a nonnegative integer.")
    if start < 0:
        raise CommandFailure(34455, "$substrCP: the starting index must be nonnegative integer.")
    return text[start : start + length]


def _position(value: Any, not_number: int, not_integer: int) -> int:
    if not is_number(value):
        raise CommandFailure(
            not_number, f"$substrCP: must be a numeric type, not {type_name(value)}"
        )
    whole = integral(value)
    if whole is None:
        raise CommandFailure(
            not_integer, "$substrCP: cannot be represented as a 32-bit integral value"
        )
    return whole


def _substr_bytes(arguments: Sequence[Any]) -> Any:
    raw = text_of(arguments[0]).encode()
    if not is_number(arguments[1]):
        raise CommandFailure(16034, "$substrBytes: starting index must be a numeric type")
    if not is_number(arguments[2]):
        raise CommandFailure(16035, "$substrBytes: length must be a numeric type")
    start = _long(arguments[1])
    if start < 0:
        raise CommandFailure(50752, "$substrBytes: starting index must be non-negative")
    length = _long(arguments[2])
    end = len(raw) if length < 0 else start + length
    if start < len(raw) and _continues(raw[start]):
        raise CommandFailure(28656, "$substrBytes: starting index is a UTF-8 continuation byte")
    if start < len(raw) and end < len(raw) and _continues(raw[end]):
        raise CommandFailure(
            28657, "$substrBytes: ending index is in the middle of a UTF-8 character"
        )
    return raw[start:end].decode()


def _long(value: Any) -> int:
    if isinstance(value, float) and not -(2.0**63) <= value < 2.0**63:
        raise CommandFailure(31109, f"Can't coerce out of range value {value} to long")
    return coerced(value)


def _continues(byte: int) -> bool:
    return byte & 0xC0 == 0x80


def _length(
    operator: str, code: int, measure: Callable[[str], int]
) -> Callable[[Sequence[Any]], Any]:
    def evaluate(arguments: Sequence[Any]) -> Any:
        return measure(required_text(arguments[0], code, operator))

    return evaluate


def required_text(value: Any, code: int, operator: str) -> str:
    if not isinstance(value, str) or isinstance(value, Code):
        raise CommandFailure(code, f"{operator} requires a string, found: {type_name(value)}")
    return value


def _index_of_cp(arguments: Iterable[Any]) -> Any:
    values = iter(arguments)
    searched = next(values)
    if is_nullish(searched):
        return None
    text = required_text(searched, 40093, "$indexOfCP")
    token = required_text(next(values), 40094, "$indexOfCP")
    start, end = search_range("$indexOfCP", values, len(text))
    # The end bounds where a match begins, so even the empty string is not found at the very end.
    if start >= end:
        return 0 if not (text or token or start) else -1
    return text.find(token, start, end - 1 + len(token))


def _index_of_bytes(arguments: Iterable[Any]) -> Any:
    values = iter(arguments)
    searched = next(values)
    if is_nullish(searched):
        return None
    text = required_text(searched, 40091, "$indexOfBytes").encode()
    token = required_text(next(values), 40092, "$indexOfBytes").encode()
    start, end = search_range("$indexOfBytes", values, len(text))
    return -1 if start > len(text) or end < start else text.find(token, start, end)


def _split(arguments: Sequence[Any]) -> Any:
    text, separator = arguments
    if is_nullish(text) or is_nullish(separator):
        return None
    text = required_text(text, 40085, "$split")
    separator = required_text(separator, 40086, "$split")
    if not separator:
        raise CommandFailure(40087, "$split requires a non-empty separator")
    return text.split(separator)


def _strcasecmp(arguments: Sequence[Any]) -> Any:
    left, right = (_ascii_upper(text_of(value)).encode() for value in arguments)
    return (left > right) - (left < right)


def _ascii_upper(text: str) -> str:
    return text.encode().upper().decode()


def _ascii_lower(text: str) -> str:
    return text.encode().lower().decode()


def _trim(operator: str, strip: Callable[[str, str], str]) -> Callable[[Iterable[Any]], Any]:
    def evaluate(arguments: Iterable[Any]) -> Any:
        values = iter(arguments)
        text = next(values)
        if is_nullish(text):
            return None
        text = required_text(text, 50699, operator)
        characters = next(values)
        if characters is ABSENT:
            return strip(text, _TRIMMED)
        if is_nullish(characters):
            return None
        return strip(text, required_text(characters, 50700, operator))

    return evaluate


def _replace(operator: str, count: int) -> Callable[[Sequence[Any]], Any]:
    def evaluate(arguments: Sequence[Any]) -> Any:
        texts = []
        for value, code in zip(arguments, (51746, 51745, 51744), strict=True):
            if not is_nullish(value):
                required_text(value, code, operator)
            texts.append(value)
        text, find, replacement = texts
        if is_nullish(text) or is_nullish(find) or is_nullish(replacement):
            return None
        return text.replace(find, replacement, count)

    return evaluate


def stripped(text: str, characters: str) -> str:
    # An empty list of characters would mean white space to Python.
    return text.strip(characters) if characters else text


def _lstripped(text: str, characters: str) -> str:
    return text.lstrip(characters) if characters else text


def _rstripped(text: str, characters: str) -> str:
    return text.rstrip(characters) if characters else text


STOPPING: Final[Mapping[str, Callable[[Iterable[Any]], Any]]] = {
    "$concat": concat,
    "$indexOfBytes": _index_of_bytes,
    "$indexOfCP": _index_of_cp,
    "$ltrim": _trim("$ltrim", _lstripped),
    "$rtrim": _trim("$rtrim", _rstripped),
    "$trim": _trim("$trim", stripped),
}
"""Operators that look at an argument before they evaluate the next."""

EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    **STOPPING,
    "$replaceAll": _replace("$replaceAll", -1),
    "$replaceOne": _replace("$replaceOne", 1),
    "$split": _split,
    "$strLenBytes": _length("$strLenBytes", 34473, lambda text: len(text.encode())),
    "$strLenCP": _length("$strLenCP", 34471, len),
    "$strcasecmp": _strcasecmp,
    "$substr": _substr_bytes,
    "$substrBytes": _substr_bytes,
    "$substrCP": _substr_cp,
    "$toLower": lambda arguments: _ascii_lower(text_of(arguments[0])),
    "$toUpper": lambda arguments: _ascii_upper(text_of(arguments[0])),
}
