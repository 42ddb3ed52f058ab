"""One value model for BSON, JSON and SQL rows: the Python values of the `bson` package, typed.

int32 is `int`, int64 is `Int64`, double is `float`, dates are `DatetimeMS`, UUIDs stay `Binary`, and a
field that is not there is `MISSING`, which is not null. Raw BSON is the canonical form of a
document: two documents are equal exactly when their bytes are.
"""

from collections.abc import Iterator, Sequence
from enum import Enum
from math import isnan, nan
from struct import Struct
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.decimal128 import Decimal128, create_decimal128_context
from bson.int64 import Int64

CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    document_class=dict, datetime_conversion=DatetimeConversion.DATETIME_MS
)


_INNER_START: Final = 4 + 1 + 1
"""The size of the outer document, the type of its one field, and the empty name."""

_SIZE: Final = Struct("<i")
_TOGETHER: Final = 100
"""So many documents of the greatest size are within the size that the `bson` package can make."""


_34_DIGITS: Final = create_decimal128_context()

# NaN has many forms; as an `_id` they are one.
_NAN: Final = nan


class Missing(Enum):
    """The type of the one value that stands for a field that is not there."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


def decode(document: bytes) -> dict[str, Any]:
    """Return raw BSON as canonical values."""
    return bson.decode(document, CODEC)


def encode(document: dict[str, Any]) -> bytes:
    """Return canonical values as raw BSON, fields in their order.

    The `bson` package moves an `_id` to the front of a document, but not of one inside another.
    """
    if next(iter(document), None) == "_id":
        return bson.encode(document, codec_options=CODEC)
    return bson.encode({"": document}, codec_options=CODEC)[_INNER_START:-1]


def encode_each(documents: Sequence[dict[str, Any]]) -> list[bytes]:
    """Return the raw BSON of each document, as `encode` does: many at once take two thirds of the time."""
    if len(documents) == 1:
        return [encode(documents[0])]
    found: list[bytes] = []
    for start in range(0, len(documents), _TOGETHER):
        some = documents[start : start + _TOGETHER]
        found += _elements(bson.encode({"": some}, codec_options=CODEC), len(some))
    return found


def _elements(raw: bytes, count: int) -> Iterator[bytes]:
    """Yield the documents in the array that is the only field of a document, whose name is empty."""
    at = _INNER_START + _SIZE.size
    for number in range(count):
        # The name of an element is its number; its type stands before it, and a NUL behind.
        at += 1 + len(str(number)) + 1
        [size] = _SIZE.unpack_from(raw, at)
        yield raw[at : at + size]
        at += size


def document_key(identifier: Any) -> bytes:
    """Return a key that is equal for exactly those `_id`s that MongoDB holds for equal.

    Numbers of different types with one value are one `_id`.
    Source: MongoDB manual, "Comparison/Sort Order", section "Numeric Types".
    """
    return bson.encode({"": _without_number_type(identifier)}, codec_options=CODEC)


def _without_number_type(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_number_type(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_number_type(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal128):
        return value
    return _number(value)


def _number(value: int | float | Decimal128) -> Any:  # noqa: PYI041 - mypy tells them apart
    if isinstance(value, Decimal128):
        exact = value.to_decimal()
        if exact.is_nan():
            return _NAN
        if exact.is_infinite():
            return float(exact)
        if exact == exact.to_integral_value() and -(2**63) <= exact < 2**63:
            return Int64(int(exact))
        return (
            float(exact)
            if exact == type(exact)(float(exact))
            else Decimal128(exact.normalize(_34_DIGITS))
        )
    if isinstance(value, float):
        if isnan(value):
            return _NAN
        whole = value.is_integer() and -(2**63) <= value < 2**63
        return Int64(int(value)) if whole else value
    return Int64(value)
