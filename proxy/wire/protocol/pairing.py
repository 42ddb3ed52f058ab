"""Match replies with the requests they answer, on one connection.

mongod answers in order, so the oldest request is looked at first. A reply that announces another one
(`moreToCome`: exhaust cursors, streaming hello) leaves its request open; the next one answers the reply before it,
as if that had been a request.
Source: MongoDB specifications, "OP_MSG", section "Exhaust Cursors".
"""

from collections import deque
from typing import Final, NamedTuple

from proxy.wire.protocol.message import Treatment

_HELLO: Final = Treatment.HELLO
"""Looked at for every message: a global is found at once, a member of an enumeration is not (Python 3.11)."""


class Pending(NamedTuple):
    """A request that waits for its reply, with the times the caller needs back."""

    request_id: int
    treatment: Treatment
    namespace: str
    request: bytes
    """Empty where nobody needs it at the reply."""
    received_ns: int
    """Wall clock."""
    forwarded_ns: int
    """Monotonic clock."""
    overhead_ns: int
    """Spent in the relay until the request was forwarded."""
    intent: int
    """Position of the write's intent on the log; 0 for what is no write."""


class Pairing:
    """Hold the requests of one connection that wait for a reply."""

    __slots__ = ("_waiting", "hellos", "waiting_bytes")

    def __init__(self) -> None:
        self._waiting: deque[Pending] = deque()
        self.hellos = 0
        self.waiting_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def sent(self, pending: Pending) -> None:
        """Note a request that was forwarded and expects a reply."""
        self._waiting.append(pending)
        self.waiting_bytes += len(pending.request)
        if pending.treatment is _HELLO:
            self.hellos += 1

    def answered(self, *, response_to: int, reply_id: int, more_to_come: bool) -> Pending | None:
        """Return the request that this reply answers; None if none was asked."""
        waiting = self._waiting
        if waiting and waiting[0].request_id == response_to and not more_to_come:
            return self._left(waiting.popleft())
        for place, pending in enumerate(waiting):
            if pending.request_id == response_to:
                if more_to_come:
                    waiting[place] = pending._replace(request_id=reply_id)
                    return pending
                del waiting[place]
                return self._left(pending)
        return None

    def _left(self, pending: Pending) -> Pending:
        self.waiting_bytes -= len(pending.request)
        if pending.treatment is _HELLO:
            self.hellos -= 1
        return pending

    def abandoned(self) -> tuple[Pending, ...]:
        """Return what was never answered, and forget it."""
        left = tuple(self._waiting)
        self._waiting.clear()
        self.hellos = 0
        self.waiting_bytes = 0
        return left
