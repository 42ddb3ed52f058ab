"""The logical order of captured exchanges: the order in which MongoDB did them.

Two replies may pass each other on the way to the relay, so the order of the log is not quite the
order of the server. MongoDB stamps each reply with `operationTime`: for a write the place of the
write in the oplog, for a read the last write it can have seen. Exchanges are released by that
clock; one is held back only while a write of the same collection is under way that may have happened
before it. Such a write has a clock greater than every exchange that was answered before it was asked
(its `floor`), so what lies at or under the floor is safe to release.

Without a clock (a standalone server) exchanges keep the order in which they were answered.
`Placed.beside` names the writes that ran at the same time; without a clock their order is not known.
Source: MongoDB manual, "Causal Consistency and Read and Write Concerns", `operationTime`.
"""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True, kw_only=True, eq=False)
class Placed(Generic[T]):
    """An exchange with its place; `clock` is None where the server gave none.

    `effective` is true for a write that changed something: among equal clocks it comes first.
    """

    item: T
    namespaces: frozenset[str]
    start: int
    position: int
    clock: int | None
    effective: bool
    beside: list["Placed[T]"] = field(default_factory=list)

    @property
    def rank(self) -> tuple[int, int, int]:
        """Return what exchanges are ordered by."""
        if self.clock is None:
            return (0, 0, self.position)
        return (self.clock, 0 if self.effective else 1, self.position)


@dataclass(slots=True, kw_only=True, eq=False)
class _Pending(Generic[T]):
    start: int
    namespaces: frozenset[str]
    floor: int
    has_steps: bool = False
    beside: list[Placed[T]] = field(default_factory=list)

    def may_precede(self, placed: Placed[T]) -> bool:
        if self.start > placed.position or not share(self.namespaces, placed.namespaces):
            return False
        return placed.clock is None or placed.clock > self.floor


class Sequence(Generic[T]):
    """Put exchanges into logical order."""

    def __init__(self) -> None:
        self._pending: dict[int, _Pending[T]] = {}
        self._held: list[Placed[T]] = []
        self._highest_clock = 0

    @property
    def highest_clock(self) -> int:
        """Return the highest clock of what was answered."""
        return self._highest_clock

    def floors(self, *, with_steps: bool = False) -> Iterator[int]:
        """Give the clocks above which those writes lie that are not answered yet: all, or those of several steps."""
        for pending in self._pending.values():
            if pending.has_steps or not with_steps:
                yield pending.floor

    def held(self) -> Iterator[T]:
        """Give what is answered and waits for writes that may come before it."""
        for placed in self._held:
            yield placed.item

    def begin(self, start: int, namespaces: frozenset[str], *, has_steps: bool = False) -> None:
        """Note that a write was forwarded to MongoDB and not yet answered."""
        self._pending[start] = _Pending(
            start=start,
            namespaces=namespaces,
            floor=self._highest_clock,
            has_steps=has_steps,
        )

    def abandon(self, start: int) -> None:
        """Forget a write that will not be placed."""
        self._pending.pop(start, None)

    def place(self, placed: Placed[T]) -> None:
        """Note that an exchange was answered."""
        own = self._pending.pop(placed.start, None)
        if own is not None:
            self._meet(placed, own)
        if placed.clock is None and self._highest_clock:
            placed.clock = self._highest_clock
        self._highest_clock = max(self._highest_clock, placed.clock or 0)
        if self._held and placed.rank < self._held[-1].rank:
            insort(self._held, placed, key=_rank)
        else:
            self._held.append(placed)

    def release(self) -> list[Placed[T]]:
        """Return, in order, the exchanges that nothing under way can still come before."""
        if not self._pending:
            released, self._held = self._held, []
            return released
        released = [placed for placed in self._held if not self._is_held(placed)]
        if released:
            self._held = [placed for placed in self._held if self._is_held(placed)]
        return released

    def unsettled_before(self, position: int, namespace: str) -> bool:
        """Return whether a write of a collection that began before a position is still here."""
        asked = frozenset({namespace})
        return any(
            pending.start < position and share(pending.namespaces, asked)
            for pending in self._pending.values()
        ) or any(
            placed.start < position and share(placed.namespaces, asked) for placed in self._held
        )

    def _meet(self, placed: Placed[T], own: _Pending[T]) -> None:
        """Tell a write and those of its collections that ran at the same time of each other."""
        for earlier in own.beside:
            earlier.beside.append(placed)
        placed.beside = own.beside
        for other in self._pending.values():
            if share(other.namespaces, placed.namespaces):
                other.beside.append(placed)

    def _is_held(self, placed: Placed[T]) -> bool:
        return any(pending.may_precede(placed) for pending in self._pending.values())


def share(some: frozenset[str], others: frozenset[str]) -> bool:
    """Return whether two sets of namespaces have a collection in common.

    `database.`, of a command on a whole database, stands for each of its collections.
    """
    if not some.isdisjoint(others):
        return True
    return _covers(some, others) or _covers(others, some)


def _covers(some: frozenset[str], others: frozenset[str]) -> bool:
    return any(
        namespace.endswith(".") and any(other.startswith(namespace) for other in others)
        for namespace in some
    )


def _rank(placed: Placed[T]) -> tuple[int, int, int]:
    return placed.rank
