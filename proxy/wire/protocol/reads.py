"""Which reads may be answered by somebody else, and what their replies say. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import bson

from comparators.raw import INT32, Element, elements
from proxy.wire.protocol.framing import HEADER_BYTES, OP_MSG, Frame
from proxy.wire.protocol.message import FLAGS_AT, Request, body_at

COMMANDS: Final = frozenset({"find", "aggregate", "count", "distinct"})
_UNFIT: Final = tuple(
    name + b"\x00"
    for name in (
        # In a transaction, of the past, or without an end.
        b"autocommit",
        b"atClusterTime",
        b"tailable",
        b"$changeStream",
        # Of several collections: flags and writes are known of one.
        b"$lookup",
        b"$graphLookup",
        b"$unionWith",
    )
)
"""Names of fields. One that stands there by chance only costs an answer that MongoDB gives."""
_NUMBERS: Final[Mapping[int, bytes]] = MappingProxyType(
    {
        0x01: b"\x00\x00\x00\x00\x00\x00\xf0\x3f",
        0x10: b"\x01\x00\x00\x00",
        0x12: b"\x01\x00\x00\x00\x00\x00\x00\x00",
        0x08: b"\x01",
    }
)
"""How 1 is written in each type that `ok` may have."""


def is_fit(frame: Frame, request: Request) -> bool:
    """Return whether a read is of a kind that the gateway may answer: plain, whole, and of one collection."""
    raw = frame.raw
    return (
        request.command in COMMANDS
        and not request.namespace.endswith(".")
        and is_plain(frame)
        and not any(name in raw for name in _UNFIT)
    )


def is_plain(frame: Frame) -> bool:
    """Return whether a request has neither a checksum nor asks for an exhaust cursor."""
    return frame.opcode == OP_MSG and frame.raw[FLAGS_AT : FLAGS_AT + 4] == b"\x00\x00\x00\x00"


def verdict_of(frame: Frame) -> tuple[bool, int]:
    """Return whether a reply says `ok`, and the number of the cursor that it leaves open; 0 for none."""
    raw = frame.raw
    is_ok, cursor = False, 0
    try:
        for field in elements(raw, body_at(raw)):
            if field.name == b"ok":
                is_ok = raw[field.value_at : field.end] == _NUMBERS.get(field.type)
            elif field.name == b"cursor":
                cursor = _number(raw, field)
    except (ValueError, IndexError):
        # The client will say what it thinks of it.
        return False, 0
    return is_ok, cursor


def killing(request_id: int, namespace: str, cursor: int) -> bytes:
    """Return the request that closes a cursor."""
    database, _, collection = namespace.partition(".")
    command = {"killCursors": collection, "cursors": [bson.Int64(cursor)], "$db": database}
    document = bson.encode(command)
    size = HEADER_BYTES + 5 + len(document)
    head = b"".join(INT32.pack(number) for number in (size, request_id, 0, OP_MSG, 0))
    return head + b"\x00" + document


def _number(raw: bytes, cursor: Element) -> int:
    for field in elements(raw, cursor.value_at):
        if field.name == b"id":
            return int.from_bytes(raw[field.value_at : field.end], "little", signed=True)
    return 0
