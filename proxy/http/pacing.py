"""How often each caller may ask: a bucket that fills at a steady rate and holds a burst."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_MOST_CALLERS: Final = 10_000
"""Callers that are remembered; the one that was quiet longest is forgotten first, and its bucket was fullest."""


class Pacing:
    """Buckets by caller. `monotonic` is the clock, in seconds; a rate of 0 lets everybody pass."""

    def __init__(self, *, per_second: float, burst: int, monotonic: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = burst
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str) -> float:
        """Take one from the caller's bucket; return 0, or how many seconds to wait where it is empty."""
        if not self._per_second:
            return 0
        now = self._monotonic()
        left, since = self._buckets.pop(caller, (float(self._burst), now))
        left = min(left + (now - since) * self._per_second, float(self._burst))
        wait_s = 0.0 if left >= 1 else (1 - left) / self._per_second
        self._buckets[caller] = (left if wait_s else left - 1, now)
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        return wait_s
