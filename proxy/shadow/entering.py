"""What is known of collections, here and on the ledger: both change in step, and other verifiers are told to read it.

Several verifiers enter what they know on one ledger. What a survey has found is entered only where nobody has entered anything since it
began: a backfill may have filled the collection meanwhile.
"""

import asyncio
from collections.abc import Mapping

from proxy.ledger.fillings import Fillings, FillingState
from proxy.shadow.patience import Outage
from proxy.shadow.stock import Stock


class Entering:
    """Enters how much of a collection the gateway has."""

    def __init__(self, stock: Stock, fillings: Fillings, ledger_outage: Outage) -> None:
        self._stock = stock
        self._fillings = fillings
        self._ledger_outage = ledger_outage
        self._turn = asyncio.Lock()

    async def enter(self, namespace: str, state: FillingState) -> None:
        """Know it here and on the ledger."""
        async with self._turn:
            self._stock.set(namespace, state)
            await self._ledger_outage.endure(lambda: self._fillings.set({namespace: state}))
            # From now on the others are told to read it.
            self._stock.version += 1

    async def changes(self) -> Mapping[str, int]:
        """Return when each collection that is on the ledger was last entered."""
        return await self._ledger_outage.endure(self._fillings.changes)

    async def enter_lacking(self, namespace: str, changed_ns: int | None) -> None:
        """Enter that the gateway lacks documents of a collection, unless it was entered since then; None: ever."""
        async with self._turn:
            entered = await self._ledger_outage.endure(
                lambda: self._fillings.set_lacking(namespace, changed_ns)
            )
            if entered:
                self._stock.set(namespace, FillingState.PENDING)
                self._stock.version += 1
            else:
                await self._hear()

    async def hear(self) -> None:
        """Know what another verifier has entered."""
        async with self._turn:
            await self._hear()

    async def _hear(self) -> None:
        self._stock.hear(await self._ledger_outage.endure(self._fillings.all))
