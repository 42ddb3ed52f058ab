"""Lay out one record of the capture log, and take it apart again.

A record is a header of 64 bytes, then the request, then the reply, each a whole message of the MongoDB
wire protocol (or nothing). All numbers are little-endian:

    magic 4 · header checksum 4 · payload checksum 4 · kind 1 · zero 3 · request length 4 · reply length 4 ·
    connection 8 · received_ns 8 · legacy_ns 8 · overhead_ns 8 · intent 8

The header has a checksum of its own, so that its two lengths can be believed before the payload is there:
what is only half written can be told from what is damaged. That checksum starts from the record's position
and the id of the log, so that bytes which merely look like a record (a log stored in a document, a
record left over from another log) never pass for one.
"""

from enum import IntEnum, StrEnum
from struct import Struct
from typing import Final, NamedTuple

from zlib_ng.zlib_ng import crc32

Bytes = bytes | bytearray | memoryview

MAGIC: Final = b"\xc7PX\x9d"
"""Opens each record. No valid UTF-8 contains it: 0xC7 must be followed by a continuation byte."""

LOST: Final = -1
"""The position of an intent that could not be written."""

_HEADER: Final = Struct("<4sIIB3xIIqqqqq")
_BODY: Final = Struct("<IB3xIIqqqqq")
_PREFIX: Final = Struct("<4sI")
HEADER_BYTES: Final = _HEADER.size
_PREFIX_BYTES: Final = _PREFIX.size
_LOW_HALF: Final = 0xFFFFFFFF


class RecordKind(IntEnum):
    """What a record tells."""

    OPENED = 1
    """A relay began; `request` is BSON."""
    INTENT = 2
    """A write as the client sent it, on the log before it is forwarded."""
    REPLY = 3
    """The answer to the write at `intent`; empty when none came or none could be kept: in doubt."""
    EXCHANGE = 4
    """A read and its answer."""
    CLOSED = 5
    """The client's connection ended."""
    GAP = 6
    """Something could not be written; `request` is BSON (see `gap.py`)."""


class Record(NamedTuple):
    """One record, and where it stands."""

    position: int
    kind: RecordKind
    connection: int
    received_ns: int
    """Wall clock: the request was complete at the relay."""
    legacy_ns: int
    """From forwarding to the complete reply."""
    overhead_ns: int
    """Spent inside the relay."""
    intent: int
    """For REPLY the position of its INTENT, otherwise 0."""
    request: bytes
    reply: bytes

    @property
    def end(self) -> int:
        """Return the position just behind this record."""
        return self.position + HEADER_BYTES + len(self.request) + len(self.reply)


class Harm(StrEnum):
    """Why bytes of the log were passed over."""

    MAGIC = "no record begins here"
    HEADER = "header checksum"
    PAYLOAD = "payload checksum"
    KIND = "unknown kind"
    TORN = "torn"
    MISSING = "missing"
    SEGMENT = "segment header"
    FOREIGN = "segment of another log"


HARMLESS: Final = frozenset({Harm.TORN, Harm.SEGMENT})
"""A torn record was never forwarded, or leaves a write without its answer, which is in doubt anyhow."""


class Incomplete(NamedTuple):
    """The bytes end before the record does; it needs `needed` bytes from its first one."""

    needed: int


class Damaged(NamedTuple):
    """No record can be read here. `length` is 0 when the header cannot be believed."""

    harm: Harm
    length: int


_KINDS: Final = {int(kind): kind for kind in RecordKind}
_NO_HEADER: Final = Incomplete(HEADER_BYTES)


def seed_of(log: bytes) -> int:
    """Return what the header checksums of the log with this id start from."""
    return crc32(log)


def header(
    position: int,
    kind: RecordKind,
    connection: int,
    received_ns: int,
    legacy_ns: int,
    overhead_ns: int,
    intent: int,
    request: Bytes,
    reply: Bytes,
    seed: int,
) -> bytes:
    """Return the header; on disk, `request` and `reply` follow it."""
    body = _BODY.pack(
        crc32(reply, crc32(request)),
        kind,
        len(request),
        len(reply),
        connection,
        received_ns,
        legacy_ns,
        overhead_ns,
        intent,
    )
    start = (seed ^ position ^ (position >> 32)) & _LOW_HALF
    return _PREFIX.pack(MAGIC, crc32(body, start)) + body


class Head(NamedTuple):
    """What of a header the writer needs again when its record could not be written."""

    kind: RecordKind
    connection: int
    received_ns: int
    intent: int


def head_of(encoded: bytes) -> Head:
    """Take apart what `header` returned."""
    _, _, _, kind, _, _, connection, received_ns, _, _, intent = _HEADER.unpack(encoded)
    return Head(_KINDS[kind], connection, received_ns, intent)


def decode(buffer: bytes, offset: int, position: int, seed: int) -> Record | Incomplete | Damaged:
    """Read the record of `position`, which begins at `offset` of `buffer`."""
    payload = offset + HEADER_BYTES
    if len(buffer) < payload:
        return _NO_HEADER
    (
        magic,
        header_checksum,
        payload_checksum,
        kind_number,
        request_length,
        reply_length,
        *origin,  # connection, received_ns, legacy_ns, overhead_ns, intent
    ) = _HEADER.unpack_from(buffer, offset)
    if magic != MAGIC:
        return Damaged(Harm.MAGIC, 0)
    start = (seed ^ position ^ (position >> 32)) & _LOW_HALF
    if crc32(buffer[offset + _PREFIX_BYTES : payload], start) != header_checksum:
        return Damaged(Harm.HEADER, 0)
    reply_at = payload + request_length
    end = reply_at + reply_length
    if len(buffer) < end:
        return Incomplete(end - offset)
    request = buffer[payload:reply_at]
    reply = buffer[reply_at:end]
    if crc32(reply, crc32(request)) != payload_checksum:
        return Damaged(Harm.PAYLOAD, end - offset)
    kind = _KINDS.get(kind_number)
    if kind is None:
        return Damaged(Harm.KIND, end - offset)
    return Record._make((position, kind, *origin, request, reply))
