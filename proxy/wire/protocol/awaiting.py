"""What relay and verifier tell each other of writes whose acknowledgement waits for the gateway. Pure.

Each message is a BSON document, which says itself how long it is. The relay asks for a write by its position on the log, says that the log
has grown, and how many writes it has acknowledged without waiting longer; the verifier tells what became of a write.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import bson
from bson import Int64
from bson.errors import BSONError

from comparators.errors import WireError
from comparators.raw import INT32, elements
from proxy.wire.protocol.framing import HEADER_BYTES, OP_MSG, Frame
from proxy.wire.protocol.message import SECTIONS_AT, body_at

GROWN: Final = bson.encode({})
"""The log has grown."""
MAX_MESSAGE_BYTES: Final = 48_000_000
_SMALLEST: Final = 5
_ASKED: Final = "asks"
_EARLY: Final = "early"
_TOLD: Final = "told"
_REPLY: Final = "reply"
_LIST: Final = b"\x00\x00\x00\x00\x00"
"""Of the flags, none, and the kind of the one section."""
OUTCOMES: Final = frozenset(
    {
        b"n",
        b"nModified",
        b"upserted",
        b"writeErrors",
        b"lastErrorObject",
        b"value",
        b"errmsg",
        b"code",
        b"codeName",
        b"keyPattern",
        b"keyValue",
    }
)
"""Fields of a reply that say what a write did."""


class Told(NamedTuple):
    """A write is on the gateway, or nothing of it is to be had there.

    `reply` is the gateway's own, which says the same as MongoDB's; None where it has none, or says something else.
    """

    position: int
    reply: bytes | None = None


class Early(NamedTuple):
    """So many writes of a collection were acknowledged before the gateway was known to have them, and why."""

    namespace: str
    reason: str
    n: int


class Messages:
    """Takes bytes, gives whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> None:
        """Take what has come."""
        self._buffer += data

    def next_message(self) -> Mapping[str, Any] | None:
        """Return the next message, None until one is whole; WireError for what is none."""
        buffer = self._buffer
        if len(buffer) < INT32.size:
            return None
        (size,) = INT32.unpack_from(buffer)
        if not _SMALLEST <= size <= MAX_MESSAGE_BYTES:
            raise _broken(f"a message of {size} bytes")
        if len(buffer) < size:
            return None
        raw = bytes(buffer[:size])
        del buffer[:size]
        try:
            message: Mapping[str, Any] = bson.decode(raw)
        except BSONError as error:
            raise _broken("a message that is not BSON") from error
        return message


def asking(position: int) -> bytes:
    """Return the question what became of a write."""
    return bson.encode({_ASKED: Int64(position)})


def asked_in(message: Mapping[str, Any]) -> int | None:
    """Return the position that a message asks for, None if it asks for none."""
    position = message.get(_ASKED)
    return None if position is None else int(position)


def telling_early(early: Early) -> bytes:
    """Return the message that writes were acknowledged early."""
    return bson.encode({_EARLY: list(early)})


def early_in(message: Mapping[str, Any]) -> Early | None:
    """Return what a message says of writes that were acknowledged early."""
    early = message.get(_EARLY)
    if early is None:
        return None
    namespace, reason, n = early
    return Early(str(namespace), str(reason), int(n))


def telling(told: Told) -> bytes:
    """Return the message that tells what became of a write."""
    message: dict[str, Any] = {_TOLD: Int64(told.position)}
    if told.reply is not None:
        message[_REPLY] = told.reply
    return bson.encode(message)


def told_in(message: Mapping[str, Any]) -> Told:
    """Return what a message tells; WireError if it tells nothing."""
    try:
        return Told(int(message[_TOLD]), message.get(_REPLY))
    except KeyError as error:
        raise _broken("a message that tells of no write") from error


def joined(legacy: Frame, reply: bytes) -> bytes | None:
    """Return the gateway's reply in the place of MongoDB's: what the write did is the gateway's, clocks and all else MongoDB's.

    None where MongoDB's is not of the kind that anything can be put into.
    """
    raw = legacy.raw
    if legacy.opcode != OP_MSG:
        return None
    try:
        start = body_at(raw)
        own = {field.name for field in elements(reply)} | OUTCOMES
        kept = [raw[f.start : f.end] for f in elements(raw, start) if f.name not in own]
    except (ValueError, IndexError):
        return None
    body = b"".join((reply[INT32.size : -1], *kept, b"\x00"))
    size = SECTIONS_AT + 1 + INT32.size + len(body)
    head = INT32.pack(size) + raw[INT32.size : HEADER_BYTES]
    return b"".join((head, _LIST, INT32.pack(INT32.size + len(body)), body))


def _broken(reason: str) -> WireError:
    return WireError(reason, where="verifier", remedy="run relay and verifier of one version")
