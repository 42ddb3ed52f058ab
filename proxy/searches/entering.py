"""Enter comparisons of searches on the ledger, where a verifier has begun one. Nobody waits for it.

The API goes on without a ledger, and while it is locked or away: what is not entered yet is kept, within bounds, and entered later.
"""

import asyncio
import secrets
from typing import Final

import structlog

from comparators.errors import ParallaxError
from proxy.ledger.access import Access, opened
from proxy.ledger.engine import NoLedgerError
from proxy.ledger.entries import SearchComparison
from proxy.ledger.lookup import redaction_of
from proxy.ledger.searches import SearchBatch, enter_searches

_log = structlog.get_logger()

EVERY_S: Final = 1.0
"""How often it is written at most."""
AGAIN_S: Final = 5.0
"""How long a ledger is left alone that could not be written."""
LAST_WITHIN_S: Final = 2.0
"""How long an end may wait for what is left to enter."""


class Entering:
    """Enters what comparisons come to on one ledger; `run` must be running."""

    def __init__(self, ledger: str, *, again_s: float = AGAIN_S) -> None:
        self._ledger = ledger
        self._again_s = again_s
        self._batch = SearchBatch(writer=secrets.token_hex(8))
        self._new = asyncio.Event()
        self._entered = 0
        self._is_told = False

    def judged(self, comparison: SearchComparison) -> None:
        """Have a comparison entered; returns at once."""
        self._batch.add(comparison)
        self._new.set()

    async def run(self) -> None:
        """Enter until cancelled, and then what is left."""
        try:
            while True:
                await self._new.wait()
                try:
                    await self._enter_always()
                except ParallaxError as error:
                    self._tell(error)
                self._new.set()
                await asyncio.sleep(self._again_s)
        finally:
            if self._batch.added != self._entered:
                await self._enter_the_last()

    async def _enter_always(self) -> None:
        async with opened(self._ledger) as access:
            while True:
                await self._new.wait()
                self._new.clear()
                await self._enter(access)
                await asyncio.sleep(EVERY_S)

    async def _enter(self, access: Access) -> None:
        redaction = await redaction_of(access)
        added = self._batch.added
        await enter_searches(access, redaction, self._batch)
        self._entered = added
        self._is_told = False

    async def _enter_the_last(self) -> None:
        try:
            async with asyncio.timeout(LAST_WITHIN_S), opened(self._ledger) as access:
                await self._enter(access)
        except (ParallaxError, TimeoutError) as error:
            self._tell(error)

    def _tell(self, error: ParallaxError | TimeoutError) -> None:
        """Say once that it cannot be entered; that no verifier has begun a ledger is nobody's concern."""
        if self._is_told or isinstance(error, NoLedgerError):
            return
        self._is_told = True
        reason = error.what if isinstance(error, ParallaxError) else "it takes too long"
        _log.warning("searches_not_entered", reason=reason, dropped=self._batch.lost)
