"""Walk over the fields of a BSON document without decoding their values.

Source: bsonspec.org, version 1.1.
"""

import struct
from collections.abc import Iterator, Mapping
from struct import Struct
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

DOUBLE: Final = 0x01
STRING: Final = 0x02
DOCUMENT: Final = 0x03
ARRAY: Final = 0x04
BINARY: Final = 0x05
BOOLEAN: Final = 0x08
REGEX: Final = 0x0B
POINTER: Final = 0x0C
SCOPED_CODE: Final = 0x0F
INT64: Final = 0x12

INT32: Final = Struct("<i")

_FIXED: Final[Mapping[int, int]] = MappingProxyType(
    {
        0x01: 8,  # double
        0x06: 0,  # undefined
        0x07: 12,  # ObjectId
        0x08: 1,  # boolean
        0x09: 8,  # date
        0x0A: 0,  # null
        0x10: 4,  # int32
        0x11: 8,  # timestamp
        0x12: 8,  # int64
        0x13: 16,  # Decimal128
        0x7F: 0,  # MaxKey
        0xFF: 0,  # MinKey
    }
)
_COUNTED: Final[Mapping[int, int]] = MappingProxyType(
    {
        # type → what a value takes besides the length it states
        0x02: 4,  # string
        0x03: 0,  # document
        0x04: 0,  # array
        0x05: 5,  # binary
        0x0C: 16,  # DBPointer
        0x0D: 4,  # code
        0x0E: 4,  # symbol
        0x0F: 0,  # code with scope
    }
)


class Element(NamedTuple):
    """One field of a document, by its offsets in the bytes walked over."""

    type: int
    name: bytes
    start: int
    value_at: int
    end: int


Place: TypeAlias = tuple[int, int, int]
"""Of a field: its type, the offset of its value, and the offset behind it."""


def document_end(raw: bytes, start: int) -> int:
    """Return the offset behind the document at `start`; ValueError if it does not fit."""
    if start + 5 > len(raw):
        raise ValueError("a document begins behind the end of its message")
    (size,) = INT32.unpack_from(raw, start)
    end = start + int(size)
    if size < 5 or end > len(raw) or raw[end - 1] != 0:
        raise ValueError(f"a document claims {size} bytes")
    return end


def elements(raw: bytes, start: int = 0) -> Iterator[Element]:
    """Yield the top-level fields of the document at `start`; ValueError where it breaks off."""
    last = document_end(raw, start) - 1
    at = start + 4
    while at < last:
        kind = raw[at]
        name_end = raw.index(0, at + 1, last)
        value_at = name_end + 1
        end = _value_end(raw, kind, value_at)
        if not value_at <= end <= last:
            raise ValueError("a field is longer than its document")
        yield Element(kind, raw[at + 1 : name_end], at, value_at, end)
        at = end


def fields(raw: bytes, start: int = 0) -> dict[bytes, Place]:
    """Return the places of the top-level fields by name; ValueError where the document breaks off.

    `elements` in one pass and without an object for each field: half the price, for who needs most of them.
    Of fields with the same name the last one counts.
    """
    last = document_end(raw, start) - 1
    at = start + 4
    found: dict[bytes, Place] = {}
    fixed_size = _FIXED.get
    while at < last:
        kind = raw[at]
        value_at = raw.index(0, at + 1, last) + 1
        size = fixed_size(kind)
        end = _value_end(raw, kind, value_at) if size is None else value_at + size
        if not value_at <= end <= last:
            raise ValueError("a field is longer than its document")
        found[raw[at + 1 : value_at - 1]] = (kind, value_at, end)
        at = end
    return found


def documents(raw: bytes, start: int = 0) -> tuple[bytes, ...]:
    """Return the elements of the array at `start`, all of them documents; ValueError if they are not."""
    last = document_end(raw, start) - 1
    at = start + 4
    found: list[bytes] = []
    while at < last:
        if raw[at] != DOCUMENT:
            raise ValueError("an element is no document")
        value_at = raw.index(0, at + 1, last) + 1
        at = document_end(raw, value_at)
        if at > last:
            raise ValueError("an element is longer than its array")
        found.append(raw[value_at:at])
    return tuple(found)


def _value_end(raw: bytes, kind: int, at: int) -> int:
    counted = _COUNTED.get(kind)
    if counted is not None:
        try:
            (size,) = INT32.unpack_from(raw, at)
        except struct.error as error:
            raise ValueError("a field breaks off") from error
        return at + int(size) + counted if size >= 0 else -1
    fixed = _FIXED.get(kind)
    if fixed is not None:
        return at + fixed
    if kind == REGEX:
        return raw.index(0, raw.index(0, at) + 1) + 1
    raise ValueError(f"a field of the unknown type {kind:#04x}")
