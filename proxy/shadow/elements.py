"""Walk raw BSON without decoding it.

A reply of twenty documents costs 70-90 µs to decode and a few to slice; equal documents are
compared as bytes, so most replies are never decoded at all.
Source: bsonspec.org, version 1.1.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from comparators.errors import CorruptionError

_INT32 = struct.Struct("<i")
_UINT64 = struct.Struct("<Q")
_INT64 = struct.Struct("<q")

DOCUMENT: Final = 0x03
ARRAY: Final = 0x04
NULL: Final = 0x0A
TIMESTAMP: Final = 0x11

_FIXED_SIZES: Final[Mapping[int, int]] = {
    0x01: 8,
    0x06: 0,
    0x07: 12,
    0x08: 1,
    0x09: 8,
    0x0A: 0,
    0x10: 4,
    0x11: 8,
    0x12: 8,
    0x13: 16,
    0x7F: 0,
    0xFF: 0,
}
_LENGTH_PREFIXED: Final[Mapping[int, int]] = {
    0x02: 4,  # string: the length does not count itself
    0x05: 5,  # binary: nor its subtype
    0x0D: 4,
    0x0E: 4,
    0x0C: 16,  # DBPointer: a string and an ObjectId
    0x03: 0,  # document, array, code with scope: the length counts itself
    0x04: 0,
    0x0F: 0,
}


class Element(NamedTuple):
    """One field: its value lies in the buffer from `start` up to `end`."""

    name: bytes
    type: int
    start: int
    end: int


def elements(buffer: bytes, start: int = 0) -> Iterator[Element]:
    """Yield the fields of the document that begins at `start`.

    Raises CorruptionError where the bytes are not BSON.
    """
    try:
        (size,) = _INT32.unpack_from(buffer, start)
        position = start + 4
        last = start + size - 1
        while position < last:
            kind = buffer[position]
            name_end = buffer.index(0, position + 1, last)
            value = name_end + 1
            end = value + _value_size(buffer, kind, value)
            if end > last:
                raise _broken(position)
            yield Element(buffer[position + 1 : name_end], kind, value, end)
            position = end
    except (struct.error, IndexError, ValueError) as error:
        raise _broken(start) from error


def array_documents(buffer: bytes, array: Element) -> tuple[bytes, ...]:
    """Return the documents of an array as raw BSON; raises CorruptionError for other values."""
    found = []
    for item in elements(buffer, array.start):
        if item.type != DOCUMENT:
            raise _broken(item.start)
        found.append(buffer[item.start : item.end])
    return tuple(found)


def uint64(buffer: bytes, element: Element) -> int:
    """Return a timestamp as one number that orders as cluster time does."""
    return int(_UINT64.unpack_from(buffer, element.start)[0])


def integer(buffer: bytes, element: Element) -> int:
    """Return an int32 or int64."""
    reader = _INT32 if element.end - element.start == 4 else _INT64
    return int(reader.unpack_from(buffer, element.start)[0])


def _value_size(buffer: bytes, kind: int, value: int) -> int:
    fixed = _FIXED_SIZES.get(kind)
    if fixed is not None:
        return fixed
    extra = _LENGTH_PREFIXED.get(kind)
    if extra is not None:
        (length,) = _INT32.unpack_from(buffer, value)
        if length < 0:
            raise _broken(value)
        return int(length) + extra
    if kind == 0x0B:  # regex: two C strings
        pattern_end = buffer.index(0, value)
        return buffer.index(0, pattern_end + 1) + 1 - value
    raise _broken(value)


def _broken(offset: int) -> CorruptionError:
    return CorruptionError(
        "a captured message does not hold valid BSON",
        where=f"byte {offset} of the document",
        remedy="nothing to do: the exchange is counted as not verified",
    )
