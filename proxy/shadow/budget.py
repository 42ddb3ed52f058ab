"""What is compared of reads while the verifier is behind: of each shape some, so that rare ones stay covered. Pure.

How far behind is the age of what is read from the log. Up to `beyond_s` everything is compared; beyond it the first read of each shape in each
second of the log, and the others are given up, which costs a tenth of a comparison: so the verifier stays about that far behind. Writes are always applied.
"""

from typing import Final

_SECOND_NS: Final = 1_000_000_000
_MOST_SHAPES: Final = 10_000


class Budget:
    """Decides about one read after the other."""

    def __init__(self, beyond_s: float) -> None:
        """`beyond_s` is 0 where everything is compared, however long that takes."""
        self._beyond_ns = int(beyond_s * _SECOND_NS)
        self._now_ns = 0
        self._compared: dict[str, int] = {}
        """By shape, the second of the log in which one was compared last."""

    def look(self, now_ns: int) -> None:
        """Know what time it is."""
        self._now_ns = now_ns

    def is_spent(self, received_ns: int) -> bool:
        """Return whether what was received then is read so late that not everything can be compared."""
        return 0 < self._beyond_ns < self._now_ns - received_ns

    def spares(self, shape: str, received_ns: int) -> bool:
        """Return whether a read is not compared, where the budget is spent."""
        second = received_ns // _SECOND_NS
        if self._compared.get(shape) == second:
            return True
        if len(self._compared) >= _MOST_SHAPES:
            self._compared.clear()
        self._compared[shape] = second
        return False
