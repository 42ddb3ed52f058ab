"""BSON values as `jsonb`, and back where nothing is lost.

`jsonb` sorts keys by length and then bytes, knows no types beside JSON's, and keeps the zeros behind a decimal point. So a
value is exact in it if its keys stand in that order already and its numbers can be told apart: `5` is an int32, `5.0` a
double, a whole number beyond 32 bits an int64. Of any other value the JSON only narrows.
Source: PostgreSQL manual, "JSON Types", section "jsonb Containment and Existence".
"""

import json
from collections.abc import Callable, Mapping
from math import copysign, isfinite
from typing import Any, Final, NamedTuple

from bson.int64 import Int64

from adapters.sql.body import quoted, value_body

LEAST_INT: Final = -(2**31)
MOST_INT: Final = 2**31 - 1
MOST_EXACT: Final = 2**53
DEEPEST: Final = 100


class Json(NamedTuple):
    """The JSON text of a value, and whether the value can be read back from it."""

    text: str
    exact: bool


def json_of(value: Any) -> Json:
    """Return a value as JSON, for a `jsonb` column."""
    text = _exact(value, 0)
    if text is not None:
        return Json(text, True)
    return Json(value_body(value), False)


def value_of_json(text: str) -> Any:
    """Return the value of a text that was exact."""
    return _DECODER.decode(text)


def _whole(text: str) -> int:
    value = int(text)
    return value if LEAST_INT <= value <= MOST_INT else Int64(value)


_DECODER: Final = json.JSONDecoder(parse_int=_whole)


def _exact(value: Any, depth: int) -> str | None:
    if depth > DEEPEST:
        return None
    if value is None:
        return "null"
    writer = WRITERS.get(type(value))
    return None if writer is None else writer(value, depth + 1)


def _string(value: str, _depth: int) -> str | None:
    return None if "\0" in value else quoted(value)


def _long(value: Int64, _depth: int) -> str | None:
    return None if LEAST_INT <= value <= MOST_INT else str(int(value))


def _double(value: float, _depth: int) -> str | None:
    if not isfinite(value) or (value == 0 and copysign(1, value) < 0):
        return None
    if not value.is_integer():
        return repr(value)
    return f"{int(value)}.0" if abs(value) <= MOST_EXACT else None


def _document(value: Mapping[str, Any], depth: int) -> str | None:
    encoded = [name.encode() for name in value]
    if any(b"\0" in name for name in encoded):
        return None
    if encoded != sorted(encoded, key=lambda name: (len(name), name)):
        return None
    fields = []
    for name, item in value.items():
        text = _exact(item, depth)
        fields.append(None if text is None else f"{quoted(name)}:{text}")
    return _all("{", fields, "}")


def _array(value: list[Any], depth: int) -> str | None:
    return _all("[", [_exact(element, depth) for element in value], "]")


def _all(opening: str, parts: list[str | None], closing: str) -> str | None:
    known = [part for part in parts if part is not None]
    return f"{opening}{','.join(known)}{closing}" if len(known) == len(parts) else None


# By exact type: `Code` is a `str`, and `Int64` an `int`.
WRITERS: Final[Mapping[type, Callable[[Any, int], str | None]]] = {
    bool: lambda value, _depth: "true" if value else "false",
    str: _string,
    int: lambda value, _depth: str(value),
    Int64: _long,
    float: _double,
    dict: _document,
    list: _array,
}
