"""Log what the relay coped with: the first time at once, then a count each minute."""

from collections.abc import Callable
from typing import Final

import structlog

QUIET_S: Final = 60.0


class Complaints:
    """Keep a flood of the same event from becoming a flood of lines."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._log = structlog.get_logger("parallax.wire")
        self._quiet_until: dict[tuple[str, str], float] = {}
        self._unsaid: dict[tuple[str, str], int] = {}

    def warn(self, event: str, *, reason: str, **fields: str | int | None) -> None:
        """Log at warning, unless the same event with the same reason was logged within the last minute."""
        key = (event, reason)
        now = self._clock()
        if now < self._quiet_until.get(key, 0.0):
            self._unsaid[key] = self._unsaid.get(key, 0) + 1
            return
        self._quiet_until[key] = now + QUIET_S
        self._log.warning(event, reason=reason, **fields)

    def tell(self) -> None:
        """Log how often each event came since it was last logged, where its minute is over."""
        now = self._clock()
        for (event, reason), count in list(self._unsaid.items()):
            if now >= self._quiet_until[event, reason]:
                del self._unsaid[event, reason]
                self._quiet_until[event, reason] = now + QUIET_S
                self._log.warning(event, reason=reason, count=count)
        for key in [key for key, until in self._quiet_until.items() if now >= until]:
            del self._quiet_until[key]

    def info(self, event: str, **fields: str | int | None) -> None:
        """Log a change of state."""
        self._log.info(event, **fields)

    def bug(self, event: str, **fields: str | int | None) -> None:
        """Log the exception being handled, with its traceback."""
        self._log.exception(event, **fields)
