"""What the conversations share that have writes wait for the gateway: the socket on which the verifier tells what became of them.

The relay listens and the verifier comes. While it is not there nobody waits for it: MongoDB's answers are given at once, and the
verifier is told afterwards how many, for the ledger.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final, cast

from comparators.errors import WireError
from proxy.wire.breaker import Breaker
from proxy.wire.complaints import Complaints
from proxy.wire.protocol.awaiting import (
    GROWN,
    Early,
    Messages,
    Told,
    asking,
    telling_early,
    told_in,
)

TELL_EVERY_S: Final = 0.5
MAX_TRANSACTIONS: Final = 10_000
"""Open ones that are remembered: MongoDB itself ends them after a minute."""

Heard = Callable[[Told | None], None]
"""Is told what became of a write; None where nobody will tell any more."""
Arrived = Callable[[], None]
"""Is told that a write may be on the gateway, or that nobody will tell any more."""


class Writing(StrEnum):
    """What became of a write that was to wait for the gateway."""

    SERVED = "served"
    """The gateway had it, and the application was given the gateway's answer; of everything else MongoDB's."""
    CONFIRMED = "confirmed"
    """The gateway had it, or nothing of it was to be had there: all that `dual` asks for, and other phases of what is no plain write."""
    REFUSED = "refused"
    """The gateway had no answer of its own, or one that is not MongoDB's."""
    UNFIT = "unfit"
    """It is in a transaction, of which the commit waits, or nobody waits for its answer."""
    BUSY = "busy"
    """The connection waited for another reply."""
    UNKNOWN = "unknown"
    """It is not on the capture log."""
    LATE = "late"
    """The gateway took longer than it may."""
    LOST = "lost"
    """The verifier went away, or was not there."""
    RESTING = "resting"
    """The gateway was late too often; nobody waits for it for a moment."""


EARLY: Final = frozenset({Writing.UNKNOWN, Writing.LATE, Writing.LOST, Writing.RESTING})
"""What the ledger is told: the application believes the write to be on the gateway, which is not known."""


class Outcomes:
    """One per relay."""

    def __init__(
        self,
        path: Path,
        *,
        dual_within_s: float,
        answer_within_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        """Times count from MongoDB's answer: how long it is held back at most, until the gateway has the write or answers it."""
        self._path = path
        self.dual_within_s: Final = dual_within_s
        self.answer_within_s: Final = answer_within_s
        self._monotonic = monotonic
        self._breaker = Breaker()
        self._line: _Line | None = None
        self._waiting: dict[int, Heard] = {}
        self._reading: dict[int, list[Arrived]] = {}
        """Reads that wait for a write of somebody."""
        self._early: Counter[tuple[str, str]] = Counter()
        self.counts: Counter[Writing] = Counter()
        self.transactions: dict[bytes, str] = {}
        """Sessions whose open transactions have written what waits, with the first collection of that kind."""

    async def run(self, complaints: Complaints) -> None:
        """Listen until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_unix_server(lambda: _Line(self, complaints), str(self._path))
        except OSError as error:
            complaints.warn("verifier_not_heard", reason=error.strerror or type(error).__name__)
            return
        try:
            while True:
                await asyncio.sleep(TELL_EVERY_S)
                self._tell_early()
        finally:
            server.close()
            if self._line is not None:
                self._line.abort()

    # ---- for conversations

    def ask(self, position: int, heard: Heard) -> Writing | None:
        """Have somebody told what becomes of a write that is on the log with its answer; else return why nobody will tell."""
        if self._line is None:
            return Writing.LOST
        if not self._breaker.lets(self._monotonic()):
            return Writing.RESTING
        self._waiting[position] = heard
        self._line.send(asking(position))
        return None

    @property
    def is_heard(self) -> bool:
        """Whether a verifier is there."""
        return self._line is not None

    @property
    def is_given_up(self) -> bool:
        """Whether the gateway was late too often, and is only waited for now and then."""
        return self._breaker.is_open

    def ask_arrival(self, position: int, arrived: Arrived) -> bool:
        """Have a read told once a write of whomever is on the gateway; return whether anybody will tell."""
        if self._line is None:
            return False
        readers = self._reading.setdefault(position, [])
        readers.append(arrived)
        if len(readers) == 1:
            self._line.send(asking(position))
        return True

    def forget_arrival(self, position: int, arrived: Arrived) -> None:
        """Note that a read waits no more."""
        readers = self._reading.get(position, [])
        if arrived in readers:
            readers.remove(arrived)
            if not readers:
                del self._reading[position]

    def late(self, position: int) -> None:
        """Note that nobody waits for a write any more."""
        self._waiting.pop(position, None)
        self._breaker.failed(self._monotonic())

    def forget(self, position: int) -> None:
        """Note that whoever waited for a write is gone."""
        self._waiting.pop(position, None)

    def grown(self) -> None:
        """Have the verifier look at the log, if somebody waits for it: what comes before a write may be there now."""
        if (self._waiting or self._reading) and self._line is not None:
            self._line.send(GROWN)

    def ended(self, namespace: str, writing: Writing) -> None:
        """Count what became of a write."""
        self.counts[writing] += 1
        if writing in EARLY:
            self._early[namespace, writing.value] += 1

    # ---- for the socket

    def connected(self, line: "_Line") -> None:
        """Use a connection from here on: the verifier that came last is the one that is alive."""
        before, self._line = self._line, line
        if before is not None:
            before.abort()
        self._forsake()

    def lost(self, line: "_Line") -> None:
        """Go on without a verifier."""
        if line is self._line:
            self._line = None
            self._forsake()

    def told(self, line: "_Line", told: Told) -> None:
        """Pass on what became of a write."""
        if line is not self._line:
            return
        heard = self._waiting.pop(told.position, None)
        if heard is not None:
            self._breaker.succeeded()
            heard(told)
        for arrived in self._reading.pop(told.position, ()):
            arrived()

    def _forsake(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for heard in waiting.values():
            heard(None)
        reading, self._reading = self._reading, {}
        for arrived in [each for readers in reading.values() for each in readers]:
            arrived()

    def _tell_early(self) -> None:
        if self._line is None or not self._early:
            return
        early, self._early = self._early, Counter()
        for (namespace, reason), n in early.items():
            self._line.send(telling_early(Early(namespace, reason, n)))


class _Line(asyncio.Protocol):
    """A connection from a verifier."""

    def __init__(self, outcomes: Outcomes, complaints: Complaints) -> None:
        self._outcomes = outcomes
        self._complaints = complaints
        self._messages = Messages()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._outcomes.connected(self)

    def data_received(self, data: bytes) -> None:
        self._messages.receive(data)
        try:
            while (message := self._messages.next_message()) is not None:
                self._outcomes.told(self, told_in(message))
        except WireError:
            self.abort()
        except Exception:  # noqa: BLE001 - the door: a bug on the gateway's side ends no conversation
            self._complaints.bug("outcome_not_taken")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._outcomes.lost(self)

    def send(self, message: bytes) -> None:
        """Send a message."""
        cast("asyncio.Transport", self._transport).write(message)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
