"""What was never verified because the log lost it, or there was too much of it."""

from sqlalchemy import exists, or_, select

from proxy.ledger import tables
from proxy.ledger.access import Access
from proxy.ledger.entries import Dropped, EventKind


class Losses:
    """The losses on one ledger."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def of(self, namespace: str) -> bool:
        """Return whether writes of a collection or comparisons after them were ever lost, or a part of a log was unreadable."""
        drops, events = tables.drops, tables.events
        lost = exists().where(
            drops.c.namespace == namespace,
            drops.c.what.in_([Dropped.WRITES.value, Dropped.STATES.value]),
        )
        skipped = exists().where(events.c.kind == EventKind.RECORDS_SKIPPED.value)
        async with self._access.reading() as connection:
            return bool((await connection.execute(select(or_(lost, skipped)))).scalar_one())
