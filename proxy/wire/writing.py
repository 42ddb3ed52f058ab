"""The writes of one conversation whose acknowledgement waits for the gateway, after MongoDB has answered them.

One at a time, and only where nothing else is open on the connection. MongoDB's answer goes onto the log at once, and the verifier is
asked what becomes of the write: once the gateway has it, the client gets MongoDB's answer (`dual`, and whatever is no plain write) or the
gateway's own (`canary`, `gateway`). Whatever goes wrong on the way, it gets MongoDB's.
"""

import asyncio
from typing import Final, Protocol

from comparators.raw import DOCUMENT, elements
from proxy.flags.phases import BEYOND_SHADOW, SERVING, Phase
from proxy.wire.outcomes import MAX_TRANSACTIONS, Outcomes, Writing
from proxy.wire.protocol.awaiting import Told, joined
from proxy.wire.protocol.framing import OP_MSG, Frame
from proxy.wire.protocol.message import FLAGS_AT, Request, body_at

_ANSWERED: Final = frozenset({"insert", "update", "delete", "findAndModify", "findandmodify"})
"""Commands of which the gateway's own answer can be given."""
_IN_TRANSACTION: Final = b"\x08autocommit\x00\x00"
_COMMIT: Final = "commitTransaction"
_ABORT: Final = "abortTransaction"


class Host(Protocol):
    """The conversation that this belongs to."""

    def give(self, raw: bytes) -> None:
        """Give the client a reply."""
        ...

    def flush(self) -> None:
        """Write what was captured onto the log."""
        ...

    def write_ended(self) -> None:
        """Go on with the client: its write has been answered."""
        ...


class AwaitedWrites:
    """The writes of one conversation: one at most is under way."""

    def __init__(self, shared: Outcomes, host: Host) -> None:
        self._shared = shared
        self._host = host
        self._asked: int | None = None
        """The number of the request under way, None where none is."""
        self._position = 0
        self._namespace = ""
        self._answers = False
        self._is_over = False
        self._legacy: Frame | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_asked(self) -> bool:
        """Return whether a write is under way, so that replies must be looked at before the client gets them."""
        return self._asked is not None

    def begin(
        self, frame: Frame, request: Request, phase: Phase | None, position: int, *, is_alone: bool
    ) -> bool:
        """Have the acknowledgement of a write wait, if it is to; `position` is that of its intent, 0 if it is not on the log."""
        namespace = self._waits_for(frame, request, phase)
        if namespace is None:
            return False
        if not is_alone:
            obstacle = Writing.BUSY
        elif position <= 0:
            obstacle = Writing.UNKNOWN
        elif not _is_fit(frame):
            obstacle = Writing.UNFIT
        else:
            self._asked = frame.request_id
            self._position = position
            self._namespace = namespace
            self._answers = phase in SERVING and request.command in _ANSWERED
            return True
        self._shared.ended(namespace, obstacle)
        return False

    def gives(self, frame: Frame) -> bool:
        """Return whether the client gets a reply of MongoDB now; it is captured already."""
        if frame.response_to != self._asked:
            return True
        self._legacy = frame
        self._host.flush()
        obstacle = self._shared.ask(self._position, self._heard)
        if obstacle is not None:
            self._end(frame.raw, obstacle)
            return False
        shared = self._shared
        within_s = shared.answer_within_s if self._answers else shared.dual_within_s
        self._timer = asyncio.get_running_loop().call_later(within_s, self._late)
        return False

    def close(self) -> None:
        """End with the conversation: what MongoDB has answered the client gets, as far as it still takes anything."""
        self._is_over = True
        if self._legacy is not None:
            self._shared.forget(self._position)
            self._end(self._legacy.raw, Writing.LOST)

    def _waits_for(self, frame: Frame, request: Request, phase: Phase | None) -> str | None:
        """Return the collection for whose sake a write is to wait, None where it is not."""
        transactions = self._shared.transactions
        if request.command in {_COMMIT, _ABORT}:
            session = _session_of(frame)
            namespace = None if session is None else transactions.pop(session, None)
            return namespace if request.command == _COMMIT else None
        if phase not in BEYOND_SHADOW:
            return None
        if _IN_TRANSACTION in frame.raw:
            session = _session_of(frame)
            if session is not None and len(transactions) < MAX_TRANSACTIONS:
                transactions.setdefault(session, request.namespace)
            self._shared.ended(request.namespace, Writing.UNFIT)
            return None
        return request.namespace

    def _heard(self, told: Told | None) -> None:
        legacy = self._legacy
        if legacy is None:
            return
        if told is None:
            self._end(legacy.raw, Writing.LOST)
        elif not self._answers:
            self._end(legacy.raw, Writing.CONFIRMED)
        else:
            own = None if told.reply is None else joined(legacy, told.reply)
            if own is None:
                self._end(legacy.raw, Writing.REFUSED)
            else:
                self._end(own, Writing.SERVED)

    def _late(self) -> None:
        self._shared.late(self._position)
        if self._legacy is not None:
            self._end(self._legacy.raw, Writing.LATE)

    def _end(self, reply: bytes, outcome: Writing) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._asked = self._legacy = None
        self._shared.ended(self._namespace, outcome)
        self._host.give(reply)
        if not self._is_over:
            self._host.write_ended()


def _is_fit(frame: Frame) -> bool:
    """Return whether a write is of the kind whose answer can be made anew: neither an old message nor one with a checksum."""
    return frame.opcode == OP_MSG and frame.raw[FLAGS_AT : FLAGS_AT + 4] == b"\x00\x00\x00\x00"


def _session_of(frame: Frame) -> bytes | None:
    """Return what names the session of a command, None where nothing does."""
    if frame.opcode != OP_MSG:
        return None
    for field in elements(frame.raw, body_at(frame.raw)):
        if field.name == b"lsid" and field.type == DOCUMENT:
            return frame.raw[field.value_at : field.end]
    return None
