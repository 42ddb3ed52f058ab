"""The fields of raw BSON, without decoding what they hold.

Raw values compare exactly: types apart, NaN equal to the same NaN, -0.0 unlike 0.0, the order of fields
and duplicate names in sight. What is equal is skipped by its length, so that looking for a difference
costs as much as there is to find.
Source: BSON specification 1.1, bsonspec.org.
"""

from collections.abc import Callable, Iterator, Mapping
from struct import Struct
from typing import Any, Final, NamedTuple

import bson
from bson.dbref import DBRef

from comparators.canonical import CODEC, MISSING, document_key

OBJECT: Final = 0x03
ARRAY: Final = 0x04
MISSING_TYPE: Final = "missing"

TYPE_NAMES: Final[Mapping[int, str]] = {
    0x01: "double",
    0x02: "string",
    0x03: "object",
    0x04: "array",
    0x05: "binData",
    0x06: "undefined",
    0x07: "objectId",
    0x08: "bool",
    0x09: "date",
    0x0A: "null",
    0x0B: "regex",
    0x0C: "dbPointer",
    0x0D: "javascript",
    0x0E: "symbol",
    0x0F: "javascriptWithScope",
    0x10: "int",
    0x11: "timestamp",
    0x12: "long",
    0x13: "decimal",
    0xFF: "minKey",
    0x7F: "maxKey",
}

_INT32: Final = Struct("<i").unpack_from
_SAME_WHEN_EQUAL: Final = frozenset({0x02, 0x05, 0x07, 0x08, 0x09, 0x0A})


class Element(NamedTuple):
    """A type code and the bytes of a value."""

    code: int
    raw: bytes

    @property
    def type_name(self) -> str:
        """Return the alias that `$type` knows."""
        return TYPE_NAMES.get(self.code, f"type {self.code}")

    @property
    def value(self) -> Any:
        """Return the canonical value."""
        size = 4 + 2 + len(self.raw) + 1
        framed = size.to_bytes(4, "little") + bytes((self.code, 0)) + self.raw + b"\x00"
        value = bson.decode(framed, CODEC)[""]
        return dict(value.as_doc()) if isinstance(value, DBRef) else value


def elements(document: bytes) -> Iterator[tuple[str, Element]]:
    """Give the fields of a document, or the items of an array, in their order."""
    at, end = 4, len(document) - 1
    while at < end:
        code = document[at]
        name_end = document.index(0, at + 1)
        name = document[at + 1 : name_end].decode()
        start = name_end + 1
        at = start + _LENGTHS[code](document, start)
        yield name, Element(code, document[start:at])


def identity(document: bytes) -> bytes | None:
    """Return a key of the document's `_id`, equal where `document_key` is; None without an `_id`."""
    for name, element in elements(document):
        if name == "_id":
            if element.code in _SAME_WHEN_EQUAL:
                return bytes((element.code,)) + element.raw
            return document_key(element.value)
    return None


def type_name(element: Element | None) -> str:
    """Return the alias of a value's type, `missing` for None."""
    return MISSING_TYPE if element is None else element.type_name


def value_of(element: Element | None) -> Any:
    """Return the canonical value, MISSING for None."""
    return MISSING if element is None else element.value


def element_of(value: Any) -> Element:
    """Return a canonical value as an element."""
    document = bson.encode({"": value}, codec_options=CODEC)
    return Element(document[4], document[6:-1])


def _fixed(length: int) -> Callable[[bytes, int], int]:
    return lambda _document, _start: length


def _counted(extra: int) -> Callable[[bytes, int], int]:
    return lambda document, start: int(_INT32(document, start)[0]) + extra


def _regex(document: bytes, start: int) -> int:
    pattern_end = document.index(0, start)
    return document.index(0, pattern_end + 1) + 1 - start


_LENGTHS: Final[Mapping[int, Callable[[bytes, int], int]]] = {
    0x01: _fixed(8),
    0x02: _counted(4),
    0x03: _counted(0),
    0x04: _counted(0),
    0x05: _counted(5),
    0x06: _fixed(0),
    0x07: _fixed(12),
    0x08: _fixed(1),
    0x09: _fixed(8),
    0x0A: _fixed(0),
    0x0B: _regex,
    0x0C: _counted(16),
    0x0D: _counted(4),
    0x0E: _counted(4),
    0x0F: _counted(0),
    0x10: _fixed(4),
    0x11: _fixed(8),
    0x12: _fixed(8),
    0x13: _fixed(16),
    0xFF: _fixed(0),
    0x7F: _fixed(0),
}
