"""In which trace a write is told of, by its place on the log: what its documents became is told there, too."""

from collections import OrderedDict
from typing import Final, NamedTuple

from proxy.tracing.context import Parent
from proxy.tracing.trail import Ids

_MOST: Final = 20_000


class TracedWrite(NamedTuple):
    """A write: the application's span that it names, and its numbers in a trace, None where it is not traced."""

    parent: Parent | None = None
    trace: Ids | None = None


class TracedWrites:
    """The writes judged last, by their position; older ones are forgotten."""

    def __init__(self) -> None:
        self._writes: OrderedDict[int, TracedWrite] = OrderedDict()

    def note(self, position: int, write: TracedWrite) -> None:
        """Note what wrote at a position."""
        self._writes[position] = write
        if len(self._writes) > _MOST:
            self._writes.popitem(last=False)

    def of(self, position: int) -> TracedWrite | None:
        """Return what wrote there; None where that is not known."""
        return self._writes.get(position)
