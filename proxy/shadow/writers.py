"""Which shape of operation wrote at a place of the log: for whoever finds a document of it differing soon afterwards."""

from collections import OrderedDict
from typing import Final

_MOST: Final = 20_000


class Writers:
    """The writes judged last, by their position; older ones are forgotten."""

    def __init__(self) -> None:
        self._shapes: OrderedDict[int, str] = OrderedDict()

    def note(self, position: int, shape: str) -> None:
        """Note that an operation of this shape wrote."""
        self._shapes[position] = shape
        if len(self._shapes) > _MOST:
            self._shapes.popitem(last=False)

    def of(self, position: int) -> str:
        """Return what wrote there; empty where that is not known."""
        return self._shapes.get(position, "")
