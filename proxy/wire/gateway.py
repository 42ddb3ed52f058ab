"""What the conversations share that have reads answered by the gateway process: how far it is, and whether it works.

A read may be answered from there only if every write of its collection that has passed through this relay is applied there: written
down before it was forwarded, each has a position on the log, and the verifier tells up to where it has come.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final

from proxy.wire.breaker import Breaker
from proxy.wire.catching import Catching
from proxy.wire.cursors import PairedCursors
from proxy.wire.position import NEAR_BYTES, Position
from proxy.wire.protocol.message import Request

CONNECT_WITHIN_S: Final = 1.0
MAX_COLLECTIONS: Final = 10_000
"""Whose last writes are remembered each by itself."""
NEVER: Final = 1 << 62
_PLAIN_WRITES: Final = frozenset({"insert", "update", "delete", "findAndModify", "findandmodify"})


class Reading(StrEnum):
    """What became of a read whose flag says that the gateway answers."""

    SERVED = "served"
    """The gateway answered; of everything else MongoDB did."""
    UNFIT = "unfit"
    """It is of a kind that the gateway is not asked for."""
    BEHIND = "behind"
    """A write of its collection, or its documents from before the sidecar, may not be on the gateway yet."""
    CONNECTING = "connecting"
    """The connection to the gateway process was not there."""
    RESTING = "resting"
    """The gateway process failed too often; it is left alone for a moment."""
    BUSY = "busy"
    """The connection waited for another reply."""
    REFUSED = "refused"
    """The gateway cannot answer it."""
    ASTRAY = "astray"
    """A batch of a cursor is not the one that MongoDB has given: it gives the rest."""
    LATE = "late"
    """The gateway took longer than it may."""
    LOST = "lost"
    """The gateway process went away meanwhile."""
    ERROR = "error"
    """MongoDB answered with an error, which is what the application is given."""


class GatewaySide:
    """One per relay."""

    def __init__(
        self,
        socket: Path,
        applied: Position,
        *,
        budget_s: float,
        end: int,
        monotonic: Callable[[], float],
        catching: Catching | None = None,
    ) -> None:
        """`end` is where the log ended before this relay: what is below it may not be applied either.

        Without `catching` no read waits for what is missing.
        """
        self._socket = socket
        self._applied = applied
        self.budget_s: Final = budget_s
        self.catching: Final = catching
        self._monotonic = monotonic
        self._written: dict[str, int] = {}
        self._written_anywhere = end - 1
        self._breaker = Breaker()
        self.cursors: Final = PairedCursors()
        self.counts: Counter[Reading] = Counter()

    def wrote(self, request: Request, intent: int) -> None:
        """Note a write that goes to MongoDB now, by its position on the log; 0 if it found no room there."""
        if intent <= 0:
            # It comes onto the log later, if at all, and nobody knows where.
            self._written_anywhere = NEVER
        elif request.command in _PLAIN_WRITES and len(self._written) < MAX_COLLECTIONS:
            self._written[request.namespace] = intent
        else:
            # A transaction, a pipeline or a definition: it may change any collection.
            self._written_anywhere = max(self._written_anywhere, intent)

    def is_behind(self, namespace: str) -> bool:
        """Return whether a document or a write that a read of a collection must see may be missing on the gateway."""
        if self._applied.lacks(namespace):
            return True
        return self._applied.position(namespace) <= self.last_write(namespace)

    def last_write(self, namespace: str) -> int:
        """Return the position of the last write that a read of a collection must see."""
        return max(self._written.get(namespace, 0), self._written_anywhere)

    def has_all(self) -> bool:
        """Return whether every write that has passed through this relay is on the gateway."""
        return self._applied.of_all > self._last()

    def is_near(self) -> bool:
        """Return whether what is missing there will be there in a moment."""
        return self._last() - self._applied.of_all < NEAR_BYTES

    def _last(self) -> int:
        return max(self._written_anywhere, *self._written.values(), 0)

    def rests(self) -> bool:
        """Return whether the gateway process is left alone."""
        return self._breaker.rests(self._monotonic())

    def lets(self) -> bool:
        """Return whether the gateway process may be asked now."""
        return self._breaker.lets(self._monotonic())

    @property
    def is_given_up(self) -> bool:
        """Whether the gateway process failed too often, and is only tried now and then."""
        return self._breaker.is_open

    def failed(self) -> None:
        """Note that the gateway process did not answer."""
        self._breaker.failed(self._monotonic())

    def answered(self) -> None:
        """Note that it did."""
        self._breaker.succeeded()

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> None:
        """Connect; the protocol hears of it. Raises OSError or TimeoutError."""
        async with asyncio.timeout(CONNECT_WITHIN_S):
            await asyncio.get_running_loop().create_unix_connection(factory, str(self._socket))
