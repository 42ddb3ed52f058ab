"""Look once per log which collections hold documents from before the sidecar that the gateway does not have.

MongoDB gives documents in the order in which they were inserted, so the first ones tell: if the gateway lacks one that no write of the
log has touched, it was there before. Whether one was touched is known once everything up to the reading is admitted.
"""

from functools import partial
from typing import Any, Final

from adapters.gateway import Footprint
from comparators.canonical import document_key
from proxy.ledger.fillings import Fillings, FillingState
from proxy.shadow.patience import Outage
from proxy.shadow.runner import result_of
from proxy.shadow.sides import Sides
from proxy.shadow.stock import Stock

_OLDEST: Final = 20


class Survey:
    """One survey of all collections."""

    def __init__(
        self, sides: Sides, stock: Stock, *, fillings: Fillings, ledger_outage: Outage, log: str
    ) -> None:
        self._sides = sides
        self._stock = stock
        self._fillings = fillings
        self._ledger_outage = ledger_outage
        self._log = log

    async def load(self) -> None:
        """Know what the ledger tells."""
        self._stock.load(await self._ledger_outage.endure(self._fillings.all))

    async def run(self) -> None:
        """At the first start of a log, know what both sides tell."""
        if await self._ledger_outage.endure(partial(self._fillings.surveyed, self._log)):
            self._stock.suspect(())
            return
        filled = await self._sides.legacy_outage.endure(self._sides.legacy.filled)
        self._stock.suspect(filled)
        pending = {}
        for namespace in filled:
            # A backfill may have begun meanwhile.
            if await self._lacks_some(namespace) and self._stock.reason(namespace) is None:
                pending[namespace] = FillingState.PENDING
                self._stock.set(namespace, FillingState.PENDING)
            self._stock.clear(namespace)
        await self._ledger_outage.endure(partial(self._fillings.finish_survey, self._log, pending))

    async def _lacks_some(self, namespace: str) -> bool:
        """Return whether the gateway lacks one of the oldest documents, which nobody has written since the log began."""
        reading = await self._sides.quiet.read(
            frozenset({namespace}),
            lambda: self._sides.legacy_outage.endure(
                lambda: self._sides.legacy.oldest(namespace, _OLDEST)
            ),
        )
        oldest = {document_key(identifier): identifier for identifier in reading.value}
        touches = self._sides.touches

        async def missing() -> list[bytes]:
            images = await self._sides.gateway_outage.endure(
                lambda: self._sides.gateway.images(namespace, list(oldest.values()))
            )
            return [key for key in oldest if key not in images]

        footprint = Footprint(namespace=namespace, keys=frozenset(oldest), writes=False)
        found: list[Any] = await result_of(self._sides.runner, (footprint,), missing)
        return any(not touches.knows(namespace, key) for key in found)
