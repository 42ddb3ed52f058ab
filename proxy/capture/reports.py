"""Say that the capture log copes: the first time at once, then once a minute with the counts so far."""

import time
from contextlib import suppress
from typing import Final

import structlog

from proxy.capture.losses import Losses

REPORT_S: Final = 60.0


class Reports:
    """Log events of the capture log. A log stream that refuses fails nobody."""

    def __init__(self, losses: Losses) -> None:
        self._log = structlog.get_logger(__name__)
        self._losses = losses
        self._quiet_until: dict[str, float] = {}

    def coped(self, event: str, *, remedy: str, error: str | None = None) -> None:
        now = time.monotonic()
        if now < self._quiet_until.get(event, now):
            return
        self._quiet_until[event] = now + REPORT_S
        with suppress(OSError, ValueError):  # ValueError: the stream is closed
            self._log.warning(
                event,
                error=error,
                remedy=remedy,
                dropped_reads=self._losses.dropped_reads,
                lost_writes=self._losses.lost_writes,
                kept_bytes=self._losses.kept_bytes,
            )

    def resumed(self, position: int) -> None:
        """Say that records are written again, if it was said that they are not."""
        if self._quiet_until:
            with suppress(OSError, ValueError):
                self._log.info("capture_resumed", position=position)
