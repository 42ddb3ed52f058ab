"""Which of what was slow is told of for that alone: some in a second. On a gateway that is overloaded everything is slow, and telling of it all would add to that."""

import time
from collections.abc import Callable
from typing import Final

MOST_SLOW_PER_S: Final = 10


class Slowness:
    """Slow is what took longer than `beyond_s` seconds."""

    def __init__(self, beyond_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._beyond_s = beyond_s
        self._clock = clock
        self._since_s = 0.0
        self._told = 0

    def takes(self, seconds: float) -> bool:
        """Return whether what took so long is slow, and one more may be told of in this second."""
        if seconds <= self._beyond_s:
            return False
        now_s = self._clock()
        if now_s - self._since_s >= 1:
            self._since_s, self._told = now_s, 0
        self._told += 1
        return self._told <= MOST_SLOW_PER_S
