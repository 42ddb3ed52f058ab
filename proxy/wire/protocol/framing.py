"""Cut a stream of bytes into messages of the MongoDB wire protocol.

Pulled: `receive(data)`, then `next_frame()` until it returns None. After a WireError the framer stays in error,
but every whole message in front of the broken one has been given out.
Source: MongoDB manual, "Wire Protocol", section "Standard Message Header".
"""

from struct import Struct
from typing import Final, NamedTuple

from comparators.errors import WireError

HEADER_BYTES: Final = 16
MAX_MESSAGE_BYTES: Final = 48_000_000
"""What mongod accepts and announces (`maxMessageSizeBytes`)."""

OP_REPLY: Final = 1
OP_QUERY: Final = 2004
OP_COMPRESSED: Final = 2012
OP_MSG: Final = 2013

REQUEST_OPCODES: Final = frozenset({OP_MSG, OP_QUERY})
REPLY_OPCODES: Final = frozenset({OP_MSG, OP_REPLY})

_HEADER: Final = Struct("<iiii")


class Frame(NamedTuple):
    """One message, whole and unchanged."""

    raw: bytes
    request_id: int
    response_to: int
    opcode: int


class Framer:
    """Hold what has come of a message that is not complete; never more than one message and one read."""

    __slots__ = ("_at", "_buffered", "_data", "_error", "_opcodes", "_parts", "_peer")

    def __init__(self, *, peer: str, opcodes: frozenset[int]) -> None:
        self._peer = peer
        self._opcodes = opcodes
        self._data = b""
        self._at = 0
        self._parts: list[bytes] = []
        self._buffered = 0
        self._error: WireError | None = None

    @property
    def buffered(self) -> int:
        """Return how many bytes were received and not yet given out."""
        return self._buffered

    def peek(self) -> bytes:
        """Return the bytes received and not yet given out."""
        self._join()
        return self._data[self._at :]

    def alone(self, data: bytes) -> Frame | None:
        """Return the message that `data` is, if it is exactly one and none is incomplete: the usual case, at once.

        None changes nothing: `receive` it then.
        """
        if self._buffered or len(data) < HEADER_BYTES or self._error is not None:
            return None
        length, request_id, response_to, opcode = _HEADER.unpack_from(data)
        is_sound = HEADER_BYTES < length <= MAX_MESSAGE_BYTES and opcode in self._opcodes
        if length != len(data) or not is_sound:
            return None
        return Frame(data, request_id, response_to, opcode)

    def receive(self, data: bytes) -> None:
        """Take the next bytes of the stream, however they were cut."""
        if self._buffered:
            self._parts.append(data)
            self._buffered += len(data)
        else:
            self._data = data
            self._at = 0
            self._buffered = len(data)

    def next_frame(self) -> Frame | None:
        """Return the next whole message, None if there is none yet; raise WireError if there never can be one."""
        if self._error is not None:
            raise self._error
        if self._buffered < HEADER_BYTES:
            return None
        if len(self._data) - self._at < HEADER_BYTES:
            self._join()
        length, request_id, response_to, opcode = _HEADER.unpack_from(self._data, self._at)
        if not HEADER_BYTES < length <= MAX_MESSAGE_BYTES or opcode not in self._opcodes:
            self._error = self._refusal(length, opcode)
            raise self._error
        if self._buffered < length:
            return None
        # Joined once per message, when its last byte is here: a large one costs one copy, not one per read.
        self._join()
        end = self._at + length
        # `bytes` returns itself for a slice of everything: the usual message, alone in its read, is not copied.
        raw = self._data[self._at : end]
        self._buffered -= length
        if self._buffered:
            self._at = end
        else:
            self._data = b""
            self._at = 0
        return Frame(raw, request_id, response_to, opcode)

    def _join(self) -> None:
        if self._parts:
            self._data = b"".join((self._data[self._at :], *self._parts))
            self._parts.clear()
            self._at = 0

    def _refusal(self, length: int, opcode: int) -> WireError:
        if length <= HEADER_BYTES:
            what = f"a message claims {length} bytes, header included"
        elif length > MAX_MESSAGE_BYTES:
            what = f"a message claims {length} bytes; the protocol ends at {MAX_MESSAGE_BYTES}"
        elif opcode == OP_COMPRESSED:
            what = "a message is compressed although compression was never agreed"
        else:
            what = f"opcode {opcode} is unknown or no longer spoken"
        return WireError(
            what, where=self._peer, remedy="check that the peer speaks MongoDB's wire protocol"
        )
