"""How far the log is verified: everything below a position, save a few that are still open.

A checkpoint is the pair. After a crash the log is read again from the oldest open position, and
of what lies under the checkpoint only the open ones count again, so nothing is counted twice.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Where a new verifier takes over: `position` as in the checkpoint, and what was open."""

    position: int
    open: frozenset[int]

    @property
    def reads_from(self) -> int:
        """Return where the log must be read from."""
        return min(self.open, default=self.position)

    def is_done(self, start: int) -> bool:
        """Return whether an exchange was counted before the crash."""
        return start < self.position and start not in self.open


class Frontier:
    """The starts of exchanges that have no verdict yet."""

    def __init__(self, write_left: Callable[[int], None] | None = None) -> None:
        """`write_left` is told of each write that has its verdict."""
        self._write_left = write_left
        self._open: set[int] = set()
        self._writes: dict[int, frozenset[str]] = {}
        """The collections of the writes among them."""
        self._written: dict[str, dict[int, None]] = {}
        """The same by collection, in the order of the log: they are entered in it."""

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, start: int, *, writes: frozenset[str] | None = None) -> None:
        """Note that an exchange was read, and which collections it may change; None for one that is no write."""
        self._open.add(start)
        if writes is not None:
            self._writes[start] = writes
            for namespace in writes:
                self._written.setdefault(namespace, {})[start] = None

    def leave(self, start: int) -> None:
        """Note that an exchange has its verdict, or needs none."""
        self._open.discard(start)
        namespaces = self._writes.pop(start, None)
        if namespaces is None:
            return
        for namespace in namespaces:
            starts = self._written[namespace]
            del starts[start]
            if not starts:
                del self._written[namespace]
        if self._write_left is not None:
            self._write_left(start)

    def is_open(self, start: int) -> bool:
        """Return whether an exchange that was read has no verdict yet."""
        return start in self._open

    def open(self) -> tuple[int, ...]:
        """Return the open starts in order."""
        return tuple(sorted(self._open))

    def oldest(self, position: int) -> int:
        """Return the oldest position still needed, given how far the log was read."""
        return min(self._open, default=position)

    def oldest_writes(self) -> Iterator[tuple[str, int]]:
        """Give each collection with writes that have no verdict, and the oldest of them."""
        for namespace, starts in self._written.items():
            yield namespace, next(iter(starts))
