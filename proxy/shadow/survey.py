"""Look once per log which collections hold documents from before the sidecar that the gateway does not have.

MongoDB gives documents in the order in which they were inserted, so the first ones tell: what no write of the log has made was there before. Which
ones it made is known once everything up to the reading is admitted. The gateway lacks such a document if it had none at all
before the log was followed, or if it has none now: an upsert may have made one meanwhile that is not the whole of it.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Final

from adapters.gateway import Footprint, Generated
from comparators.canonical import document_key
from comparators.errors import UnreachableError, UnsupportedError
from comparators.operation import Kind, Operation
from comparators.outcome import Documents
from proxy.ledger.fillings import Fillings
from proxy.shadow.entering import Entering
from proxy.shadow.patience import Outage
from proxy.shadow.runner import result_of
from proxy.shadow.sides import Sides
from proxy.shadow.stock import Stock

_OLDEST: Final = 20
_PAUSE_S: Final = 0.05


class Survey:
    """One survey of all collections."""

    def __init__(
        self,
        sides: Sides,
        stock: Stock,
        *,
        entering: Entering,
        fillings: Fillings,
        ledger_outage: Outage,
        log: str,
    ) -> None:
        self._sides = sides
        self._stock = stock
        self._entering = entering
        self._fillings = fillings
        self._ledger_outage = ledger_outage
        self._log = log
        self._empty: set[str] = set()
        """What the gateway had no document of, before anything of the log was repeated there."""

    async def load(self) -> None:
        """Before the log is followed: know what the ledger tells, and at its first start what the gateway lacks."""
        self._stock.load(await self._ledger_outage.endure(self._fillings.all))
        if await self._ledger_outage.endure(partial(self._fillings.surveyed, self._log)):
            self._stock.suspect(())
            return
        try:
            filled = await self._sides.legacy.filled()
        except UnreachableError:
            # The log is followed all the same: the survey then goes by what the gateway lacks when legacy is back.
            return
        self._empty = {each for each in filled if await self._is_empty(each)}

    async def run(self) -> None:
        """At the first start of a log, know what both sides tell."""
        if self._stock.is_surveyed:
            return
        await self._sides.peers.have_noticed()
        if self._sides.peers.has_company or self._sides.peers.are_silent:
            # What was not there may have been on its way from another sidecar.
            self._empty = set()
        filled = await self._sides.legacy_outage.endure(self._sides.legacy.filled)
        self._stock.suspect(filled)
        changes = await self._entering.changes()
        for namespace in filled:
            # A backfill may have begun meanwhile, here or beside another sidecar.
            if await self._lacks_some(namespace) and self._stock.reason(namespace) is None:
                await self._entering.enter_lacking(namespace, changes.get(namespace))
            self._stock.clear(namespace)
        await self._ledger_outage.endure(partial(self._fillings.finish_survey, self._log))

    async def _lacks_some(self, namespace: str) -> bool:
        """Return whether the gateway lacks one of the oldest documents, which nobody has written since the log began."""
        while True:
            lacks = await self._lacks_now(namespace)
            if lacks is not None:
                return lacks
            await asyncio.sleep(_PAUSE_S)

    async def _lacks_now(self, namespace: str) -> bool | None:
        """Return the same, None where those that it lacks may have been written meanwhile."""
        reading = await self._sides.quiet.read(
            frozenset({namespace}),
            lambda: self._sides.legacy_outage.endure(
                lambda: self._sides.legacy.oldest(namespace, _OLDEST)
            ),
        )
        oldest = {document_key(identifier): identifier for identifier in reading.value}

        async def stored() -> Mapping[bytes, bytes]:
            # What another sidecar made must be there as well.
            async with self._sides.peers.standing():
                return await self._sides.gateway_outage.endure(
                    lambda: self._sides.gateway.images(namespace, list(oldest.values()))
                )

        # Behind all writes of these documents that the reading may hold.
        footprint = Footprint(namespace=namespace, keys=frozenset(oldest), writes=False)
        images: Mapping[bytes, bytes] = await result_of(self._sides.runner, (footprint,), stored)
        before = {key for key in oldest if not self._stock.is_born(namespace, key)}
        if namespace in self._empty:
            return bool(before)
        lacking = before - images.keys()
        moved = {key for key in lacking if self._sides.moved(namespace, key, reading)}
        if lacking - moved:
            return True
        return None if moved else False

    async def _is_empty(self, namespace: str) -> bool:
        database, _, name = namespace.partition(".")
        one = {"filter": {}, "limit": 1}
        find = Operation(database=database, collection=name, kind=Kind.FIND, arguments=one)
        try:
            outcome = await self._sides.gateway_outage.endure(
                lambda: self._sides.gateway.run(find, generated=Generated(now_ms=0))
            )
        except UnsupportedError:
            # A collection of which nothing can be verified, so nothing can be excused either.
            return False
        return isinstance(outcome.result, Documents) and not outcome.result.documents
