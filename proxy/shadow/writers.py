"""What wrote at a place of the log: for whoever finds a document of it differing soon afterwards."""

from collections import OrderedDict
from typing import Final, NamedTuple

from proxy.tracing.context import Parent
from proxy.tracing.trail import Ids

_MOST: Final = 20_000


class Writer(NamedTuple):
    """A write: its shape, the application's span that it names, and its numbers in a trace, None where it is not traced."""

    shape: str
    parent: Parent | None = None
    trace: Ids | None = None


class Writers:
    """The writes judged last, by their position; older ones are forgotten."""

    def __init__(self) -> None:
        self._writers: OrderedDict[int, Writer] = OrderedDict()

    def note(self, position: int, writer: Writer) -> None:
        """Note what wrote at a position."""
        self._writers[position] = writer
        if len(self._writers) > _MOST:
            self._writers.popitem(last=False)

    def of(self, position: int) -> Writer | None:
        """Return what wrote there; None where that is not known."""
        return self._writers.get(position)
