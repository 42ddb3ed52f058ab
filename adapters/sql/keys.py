"""Bytes that sort under memcmp as MongoDB sorts values: the primary key of a document table.

A key is a class byte, then the value so that no key is a prefix of a greater one's inside. Numbers of all
types share one class and sort by value; equal numbers have equal keys. Keys that would not fit a B-tree
page end in a hash: they stay distinct, and sorted by their first LONGEST_EXACT bytes.
Source: MongoDB manual, "Comparison/Sort Order".
"""

import hashlib
import math
import struct
import sys
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, localcontext
from fractions import Fraction
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

from comparators.canonical import MISSING, Missing

LONGEST_EXACT: Final = 1800
"""A B-tree entry of PostgreSQL may have a third of a page: about 2,700 bytes."""

# Class bytes in MongoDB's order; 0x00 and 0x01 are free for the ends of documents and arrays.
MIN_KEY: Final = b"\x02"
UNDEFINED: Final = b"\x04"
NULL: Final = b"\x06"
NUMBER: Final = b"\x0a"
STRING: Final = b"\x10"
DOCUMENT: Final = b"\x18"
ARRAY: Final = b"\x20"
BINARY: Final = b"\x28"
OBJECT_ID: Final = b"\x30"
FALSE: Final = b"\x38\x00"
TRUE: Final = b"\x38\x01"
DATE: Final = b"\x40"
TIMESTAMP: Final = b"\x48"
REGEX: Final = b"\x50"
CODE: Final = b"\x58"
CODE_WITH_SCOPE: Final = b"\x60"
MAX_KEY: Final = b"\x7f"

END: Final = b"\x00"
NOT_A_NUMBER: Final = b"\x00" * 8 + b"\x00"
EXACT_WHOLE: Final = 2**53
LARGEST: Final = Decimal(sys.float_info.max)
SIGN: Final = 1 << 63
ALL_BITS: Final = (1 << 64) - 1


def key_of(value: Any) -> bytes:
    """Return the key of a value; of two values, the lesser has the lesser key."""
    # The commonest `_id`, on the hot path.
    if type(value) is ObjectId:
        return OBJECT_ID + value.binary
    key = _encoded(value)
    if len(key) > LONGEST_EXACT:
        return key[:LONGEST_EXACT] + hashlib.sha256(key).digest()
    return key


def next_key_of(value: Any) -> bytes:
    """Return the least key above that of a value, which must not be too long to be exact."""
    return key_of(value) + b"\x00"


def class_bounds(value: Any) -> tuple[bytes, bytes]:
    """Return the least key of the value's class and a key above all of the class."""
    mark = _encoded(value)[0]
    return bytes((mark,)), bytes((mark + 1,))


def _encoded(value: Any) -> bytes:
    encoder = ENCODERS.get(type(value))
    if encoder is None:
        encoder = next(made for kind, made in ENCODERS.items() if isinstance(value, kind))
    return encoder(value)


def _text(value: str) -> bytes:
    # U+0000 becomes a pair above the end mark, so that "a" stays below "a\0".
    return value.encode().replace(b"\x00", b"\x00\xff") + b"\x00\x00"


def _string(value: str) -> bytes:
    return STRING + _text(value)


def _document(value: Mapping[str, Any]) -> bytes:
    # Field by field: first the class of the value, then the name, then the value.
    parts = [DOCUMENT]
    for name, item in value.items():
        encoded = _encoded(item)
        parts += (encoded[:1], _text(name), encoded[1:])
    return b"".join(parts) + END


def _array(value: list[Any]) -> bytes:
    return ARRAY + b"".join(map(_encoded, value)) + END


def _binary(value: bytes) -> bytes:
    subtype = value.subtype if isinstance(value, Binary) else 0
    return BINARY + struct.pack(">IB", len(value), subtype) + value


def _regex(value: Regex[Any]) -> bytes:
    pattern = value.pattern
    text = pattern.decode() if isinstance(pattern, bytes) else pattern
    return REGEX + _text(text) + struct.pack(">I", value.flags)


def _code(value: Code) -> bytes:
    if value.scope is None:
        return CODE + _text(str(value))
    return CODE_WITH_SCOPE + _text(str(value)) + _document(value.scope)


def _whole(value: int) -> bytes:
    if -EXACT_WHOLE <= value <= EXACT_WHOLE:
        return NUMBER + _double_bits(float(value)) + END
    return NUMBER + _rational(Fraction(value))


def _double(value: float) -> bytes:
    if math.isnan(value):
        return NUMBER + NOT_A_NUMBER
    return NUMBER + _double_bits(value) + END


def _decimal(value: Decimal128) -> bytes:
    exact = value.to_decimal()
    if not exact.is_finite():
        return _double(float(exact))
    if abs(exact) > LARGEST:
        return NUMBER + _beyond_doubles(exact)
    return NUMBER + _rational(Fraction(exact))


def _double_bits(value: float) -> bytes:
    """Return eight bytes that sort as doubles do; both zeros are one."""
    bits: int = struct.unpack(">Q", struct.pack(">d", value + 0.0))[0]
    return (bits ^ ALL_BITS if bits & SIGN else bits | SIGN).to_bytes(8, "big")


def _rational(value: Fraction) -> bytes:
    """Return the greatest double that is not above, and what is left of the way to the next one."""
    floor = float(value)
    if Fraction(floor) > value:
        floor = math.nextafter(floor, -math.inf)
    rest = value - Fraction(floor)
    if not rest:
        return _double_bits(floor) + END
    step = Fraction(math.nextafter(floor, math.inf)) - Fraction(floor)
    return _double_bits(floor) + _digits(rest / step) + END


def _digits(share: Fraction) -> bytes:
    """Return the decimal digits of a share between 0 and 1, each above the end mark; they are finite."""
    digits = bytearray()
    while share:
        share *= 10
        digit = share.numerator // share.denominator
        digits.append(digit + 1)
        share -= digit
    return bytes(digits)


def _beyond_doubles(value: Decimal) -> bytes:
    """Return the key of a Decimal128 that is further from zero than any double but infinity."""
    with localcontext(Context(prec=34)):
        size = abs(value).normalize()
    _, digits, exponent = size.as_tuple()
    magnitude = struct.pack(">H", len(digits) + int(exponent)) + bytes(d + 1 for d in digits) + END
    if value > 0:
        # Above the largest double, below infinity; 0x0f is above every digit of a rest.
        return _double_bits(float(LARGEST)) + b"\x0f" + magnitude
    return _double_bits(-math.inf) + b"\x0f" + bytes(255 - byte for byte in magnitude)


ENCODERS: Final[Mapping[type, Callable[[Any], bytes]]] = {
    ObjectId: lambda value: OBJECT_ID + value.binary,
    str: _string,
    bool: lambda value: TRUE if value else FALSE,
    int: _whole,
    Int64: _whole,
    float: _double,
    type(None): lambda _value: NULL,
    DatetimeMS: lambda value: DATE + ((int(value) & ALL_BITS) ^ SIGN).to_bytes(8, "big"),
    dict: _document,
    list: _array,
    Binary: _binary,
    bytes: _binary,
    Decimal128: _decimal,
    Timestamp: lambda value: TIMESTAMP + struct.pack(">II", value.time, value.inc),
    Regex: _regex,
    Code: _code,
    MinKey: lambda _value: MIN_KEY,
    MaxKey: lambda _value: MAX_KEY,
    DBRef: lambda value: _document(value.as_doc()),
    # A field that is not there sorts, and is unique, as null.
    Missing: lambda _value: NULL,
}

MISSING_KEY: Final = key_of(MISSING)
