"""Wait for a peer that is away: try again with backoff, and keep count of the outage."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final, TypeVar

import structlog

from comparators.errors import UnreachableError

T = TypeVar("T")
_log = structlog.get_logger()

_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0


class Side(StrEnum):
    """The peers of the verifier that may be away."""

    LEGACY = "legacy"
    GATEWAY = "gateway"
    LEDGER = "ledger"


class Outage:
    """Whether one peer is away, and since when; callers all wait, the first one speaks."""

    def __init__(self, side: Side, ended: Callable[[Side, int, int], None]) -> None:
        self._side = side
        self._ended = ended
        self._since_ns: int | None = None

    async def endure(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what an attempt gives, repeating it while the peer is unreachable."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                value = await attempt()
            except UnreachableError as error:
                self._begin(error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            else:
                self._end()
                return value

    def _begin(self, error: UnreachableError) -> None:
        if self._since_ns is None:
            self._since_ns = time.time_ns()
            _log.warning("peer_lost", side=self._side.value, what=error.what, remedy=error.remedy)

    def _end(self) -> None:
        if self._since_ns is None:
            return
        since_ns, self._since_ns = self._since_ns, None
        now_ns = time.time_ns()
        _log.info("peer_back", side=self._side.value, duration_s=(now_ns - since_ns) / 1e9)
        self._ended(self._side, since_ns, now_ns)
