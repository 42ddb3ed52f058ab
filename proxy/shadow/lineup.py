"""Units that wait for their turn among those of all logs, the first in MongoDB's order in front.

The log is read on meanwhile: a write whose answer lies further on would hold up the others for ever.
"""

from bisect import insort
from dataclasses import dataclass
from typing import Final

from proxy.shadow.places import steps_of
from proxy.shadow.units import Unit

_MOST: Final = 50_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A unit, its place, and where the log was read from when it was released."""

    place: int
    unit: Unit
    began: int


class Lineup:
    """The units in the order of their places; those of one place in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Return whether more may be read."""
        return len(self._waiting) < _MOST

    @property
    def first(self) -> Waiting | None:
        """Return the unit in front, None where nothing waits."""
        return self._waiting[0] if self._waiting else None

    def lowest_step(self) -> int | None:
        """Return the clock after which the first write of several steps began; None without one."""
        clocks = (steps_of(each.unit) for each in self._waiting)
        return min((clock for clock in clocks if clock is not None), default=None)

    def add(self, waiting: Waiting) -> None:
        """Add a unit at its place."""
        if self._waiting and waiting.place < self._waiting[-1].place:
            insort(self._waiting, waiting, key=_place)
        else:
            self._waiting.append(waiting)

    def remove_first(self) -> None:
        """Let the unit in front go."""
        del self._waiting[0]

    def began(self, position: int) -> int:
        """Return up to where everything was released and let go, given how far the log was read."""
        return min((each.began for each in self._waiting), default=position)


def _place(waiting: Waiting) -> int:
    return waiting.place
