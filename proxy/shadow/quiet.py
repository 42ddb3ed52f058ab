"""Read from legacy outside the order of the log, and know whether that reading can be trusted.

The relay logs a write before it forwards it. So a reading of MongoDB holds the effects of no write
whose intent lies behind the end of the log after the reading. Once the verifier has admitted
everything up to there, the only writes that may or may not be in the reading are those answered
after the end of the log before it: `Reading.before`. Whoever finds that none of those touched a
document knows that its image belongs exactly to this place of the order.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from proxy.shadow.progress import Progress

T = TypeVar("T")


class Log(Protocol):
    """The end of a capture log."""

    def end(self) -> int:
        """Return the position behind the last byte written so far."""


class Settling(Protocol):
    """Knows which writes MongoDB has not answered yet, or whose place is not yet known."""

    def is_settled(self, position: int, namespace: str) -> bool:
        """Return whether every write that began before a position was released."""


class Aligning(Protocol):
    """Knows how far other sidecars are, by MongoDB's clock."""

    async def clock(self) -> int | None:
        """Return MongoDB's clock, None where nobody else can tell anything by it."""

    async def reach(self, clock: int | None) -> None:
        """Wait until everything up to a clock is applied here."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What legacy answered, the end of the log before it was asked, and its clock then.

    `clock` is None where no other sidecar was there to write.
    """

    value: T
    before: int
    clock: int | None = None


class Quiet:
    """Take readings that are aligned with the verifier's place in the log."""

    def __init__(self, log: Log, intake: Settling, progress: Progress, peers: Aligning) -> None:
        self._log = log
        self._intake = intake
        self._progress = progress
        self._peers = peers

    async def read(self, namespaces: frozenset[str], ask: Callable[[], Awaitable[T]]) -> Reading[T]:
        """Ask legacy, then wait until every write the answer can hold has been admitted."""
        clock = await self._peers.clock()
        before = self._log.end()
        value = await ask()
        reached = await self._peers.clock()
        after = self._log.end()
        await self._progress.until(lambda: self._has_admitted(after, namespaces))
        await self._peers.reach(reached)
        return Reading(value, before, clock)

    async def settled(self, namespaces: frozenset[str]) -> None:
        """Wait until every write that is on the log by now has been admitted."""
        end = self._log.end()
        await self._progress.until(lambda: self._has_admitted(end, namespaces))

    def _has_admitted(self, position: int, namespaces: frozenset[str]) -> bool:
        progress = self._progress
        return (
            progress.position >= position
            and not progress.is_admitting
            and all(self._intake.is_settled(position, namespace) for namespace in namespaces)
        )
