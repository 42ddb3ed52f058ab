"""A circuit breaker: what fails again and again is left alone, but for a try now and then. Pure."""

from typing import Final

FAILURES: Final = 5
"""In a row, until it opens."""
PAUSE_S: Final = 1.0


class Breaker:
    """Closed, or open with one try in each pause. A try that nobody hears of again only costs the pause."""

    def __init__(self, pause_s: float = PAUSE_S) -> None:
        self._pause_s = pause_s
        self._failures = 0
        self._rests_until = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether it failed too often, whoever tries now."""
        return self._failures >= FAILURES

    def rests(self, now: float) -> bool:
        """Return whether nothing may be tried now."""
        return self._failures >= FAILURES and now < self._rests_until

    def lets(self, now: float) -> bool:
        """Return whether to try now; while it is open that is the one try of this pause."""
        if self._failures < FAILURES:
            return True
        if now < self._rests_until:
            return False
        self._rests_until = now + self._pause_s
        return True

    def failed(self, now: float) -> None:
        """Note that a try failed."""
        self._failures += 1
        self._rests_until = now + self._pause_s

    def succeeded(self) -> None:
        """Note that a try went well."""
        self._failures = 0
