"""A document as JSON, with losses: what PostgreSQL narrows by, never what is answered.

One rule keeps narrowing honest: values that MongoDB holds for equal become equal JSON, and of two values
that MongoDB orders within one class the lesser does not become the greater. Different values may
become one. Whatever is BSON has a JSON here, so that storing a document cannot fail:
numbers go through the nearest double, strings end before U+0000, which jsonb cannot hold.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

EXACT_WHOLE: Final = 2**53
INFINITE: Final = "2e308"
"""Beyond every double; jsonb numbers have no infinities."""

NOT_A_NUMBER: Final = '"$NaN"'
DEEPEST: Final = 200
"""Deeper documents than MongoDB takes are cut, so that neither parser runs out of stack."""

quoted: Final = json.JSONEncoder(ensure_ascii=False).encode


def body_of(document: Mapping[str, Any], *, deepest: int = DEEPEST) -> str:
    """Return the text of the jsonb body of a document, cut where it is nested deeper than that."""
    return _document(document, DEEPEST - deepest)


def value_body(value: Any) -> str:
    """Return the text of a value of any kind."""
    return _value(value, 0)


def scalar_of(value: Any) -> str | None:
    """Return the JSON of a value that is neither document nor array, else None."""
    writer = SCALARS.get(type(value))
    if writer is None:
        return None
    return writer(value)


def name_of(name: str) -> str:
    """Return the JSON string of a field name."""
    return quoted(name.split("\0", 1)[0])


def _document(value: Mapping[str, Any], depth: int) -> str:
    if depth > DEEPEST:
        return "null"
    inside = depth + 1
    return (
        "{"
        + ",".join([f"{name_of(name)}:{_value(item, inside)}" for name, item in value.items()])
        + "}"
    )


def _array(value: list[Any], depth: int) -> str:
    if depth > DEEPEST:
        return "null"
    inside = depth + 1
    return "[" + ",".join([_value(item, inside) for item in value]) + "]"


def _value(value: Any, depth: int) -> str:
    writer = SCALARS.get(type(value))
    if writer is not None:
        return writer(value)
    if isinstance(value, Mapping):
        return _document(value, depth)
    if isinstance(value, list | tuple):
        return _array(list(value), depth)
    if isinstance(value, DBRef):
        return _document(value.as_doc(), depth)
    return next((made(value) for kind, made in SCALARS.items() if isinstance(value, kind)), "null")


def _string(value: str) -> str:
    if "\0" in value:
        value = value.split("\0", 1)[0]
    return quoted(value)


def _whole(value: int) -> str:
    if -EXACT_WHOLE <= value <= EXACT_WHOLE:
        return str(int(value))
    return _double(float(value))


def _double(value: float) -> str:
    if math.isnan(value):
        return NOT_A_NUMBER
    if math.isinf(value):
        return INFINITE if value > 0 else f"-{INFINITE}"
    if value.is_integer() and -EXACT_WHOLE <= value <= EXACT_WHOLE:
        return str(int(value))
    return repr(value)


def _decimal(value: Decimal128) -> str:
    return _double(float(value.to_decimal()))


def _binary(value: bytes) -> str:
    subtype = value.subtype if isinstance(value, Binary) else 0
    # A hash is as good for equality, and keeps a file's chunk out of the body.
    return f'"$binary:{subtype}:{hashlib.sha256(value).hexdigest()}"'


SCALARS: Final[Mapping[type, Callable[[Any], str]]] = {
    str: _string,
    ObjectId: lambda value: f'"{value}"',
    bool: lambda value: "true" if value else "false",
    int: _whole,
    Int64: _whole,
    float: _double,
    type(None): lambda _value: "null",
    DatetimeMS: lambda value: _whole(int(value)),
    Decimal128: _decimal,
    Binary: _binary,
    bytes: _binary,
    Timestamp: lambda _value: '"$timestamp"',
    Regex: lambda _value: '"$regex"',
    Code: lambda _value: '"$code"',
    MinKey: lambda _value: '"$minKey"',
    MaxKey: lambda _value: '"$maxKey"',
}
