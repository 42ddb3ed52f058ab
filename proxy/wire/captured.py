"""What of one conversation goes onto the capture log."""

from collections.abc import Callable, Iterable
from time import perf_counter_ns, time_ns
from typing import Final

from proxy.wire.captor import Capture
from proxy.wire.counters import Counters
from proxy.wire.protocol.message import Treatment
from proxy.wire.protocol.pairing import Pending

# Looked at for every message: a global is found at once, a member of an enumeration is not (Python 3.11).
_READ: Final = Treatment.READ
_WRITE: Final = Treatment.WRITE


class Captured:
    """The records of one connection, which ends with one that says so."""

    __slots__ = ("_any", "_capture", "_counters", "_noted", "number")

    def __init__(self, capture: Capture, counters: Counters, noted: Callable[[], None]) -> None:
        """`noted` has the capture flushed soon."""
        self._capture = capture
        self._counters = counters
        self._noted = noted
        self._any = False
        self.number = 0
        """Of the connection."""

    def intent(self, namespace: str, raw: bytes, received_ns: int) -> int:
        """Note a write that is about to be forwarded, and return its position."""
        self._any = True
        return self._capture.intent(
            connection=self.number, received_ns=received_ns, request=raw, collection=namespace
        )

    def answered(self, pending: Pending, reply: bytes, started_ns: int) -> None:
        """Note the answer to a read or to a write, which was there at `started_ns`; of nothing else."""
        if pending.treatment is _READ:
            self._any = True
            now_ns = perf_counter_ns()
            self._capture.exchange(
                connection=self.number,
                received_ns=pending.received_ns,
                legacy_ns=started_ns - pending.forwarded_ns,
                overhead_ns=pending.overhead_ns + now_ns - started_ns,
                request=pending.request,
                reply=reply,
                collection=pending.namespace,
            )
            self._noted()
        elif pending.treatment is _WRITE:
            legacy_ns = started_ns - pending.forwarded_ns
            overhead_ns = pending.overhead_ns + perf_counter_ns() - started_ns
            self._write_ended(pending, reply, legacy_ns, overhead_ns)

    def unacknowledged(self, pending: Pending) -> None:
        """Note that a write gets no answer because nobody has asked for one."""
        self._counters.writes_unacknowledged += 1
        self._write_ended(pending, b"", 0, 0)

    def over(self, abandoned: Iterable[Pending]) -> None:
        """Note the end: writes that are still open are in doubt."""
        for pending in abandoned:
            if pending.treatment is _WRITE:
                self._counters.writes_unanswered += 1
                self._write_ended(pending, b"", 0, pending.overhead_ns)
        if self._any:
            self._capture.closed(connection=self.number, received_ns=time_ns())
            self._noted()

    def _write_ended(
        self, pending: Pending, reply: bytes, legacy_ns: int, overhead_ns: int
    ) -> None:
        self._capture.reply(
            connection=self.number,
            received_ns=pending.received_ns,
            legacy_ns=legacy_ns,
            overhead_ns=overhead_ns,
            intent=pending.intent,
            reply=reply,
            collection=pending.namespace,
        )
        self._noted()
