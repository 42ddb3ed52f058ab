"""Documents past their date go where the API stands on a database that removes none by itself."""

import asyncio
import time
from typing import Final

import structlog

from adapters.database import Database
from adapters.operations.ttl import EVERY_S, Expiring, Reaper
from comparators.errors import ParallaxError

GRACE_S: Final = 180
"""Where a sidecar shadows on the same database, MongoDB deletes first: its monitor looks once a minute. Repositories hide what has expired."""
_log = structlog.get_logger()


class Reaping:
    """Reaps now and then until it is cancelled; a database that is away is asked again at the next time."""

    def __init__(self, database: Expiring, *, every_s: float = EVERY_S) -> None:
        self._reaper = Reaper(database, grace_s=GRACE_S)
        self._every_s = every_s

    async def run(self) -> None:
        """Reap until cancelled."""
        while True:
            try:
                await self._reaper.reap(int(time.time() * 1000))
            except ParallaxError as error:
                _log.info("tidying_failed", error=error.what)
            await asyncio.sleep(self._every_s)


def reaping_of(database: Database) -> Reaping | None:
    """Return what reaps in a database; None for MongoDB, whose own monitor does."""
    return Reaping(database) if isinstance(database, Expiring) else None
