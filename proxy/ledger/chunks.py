"""How far collections have been filled: their chunks, and which of them are merged.

One command at a time fills a collection. It says every second that it is still there; when it has been killed, the next one goes on
behind the chunks that are merged. Chunks are bounded by `_id`s as they are, and forgotten at the end.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from proxy.ledger import tables
from proxy.ledger.access import Access
from proxy.ledger.tables import NANOSECONDS_PER_SECOND

STALE_NS: Final = 5 * NANOSECONDS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A range of `_id`s as raw BSON. `documents` is how many were merged, None for a chunk that is still to be filled."""

    ordinal: int
    lower: bytes | None = field(default=None, repr=False)
    upper: bytes | None = field(default=None, repr=False)
    documents: int | None = None


class Chunks:
    """The chunks on one ledger."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def claim(self, namespace: str, owner: str) -> bool:
        """Take a collection, or say again that it is taken; False while somebody else has it."""
        stored, now_ns = tables.backfills, time.time_ns()
        of_this = stored.c.namespace == namespace
        async with self._access.writing() as connection:
            row = (await connection.execute(select(stored).where(of_this))).one_or_none()
            if row is None:
                values = {"namespace": namespace, "owner": owner, "at_ns": now_ns}
                await connection.execute(stored.insert().values(**values))
                return True
            is_taken = row.owner not in {owner, ""} and now_ns - row.at_ns < STALE_NS
            if is_taken:
                return False
            await connection.execute(
                stored.update().where(of_this).values(owner=owner, at_ns=now_ns)
            )
            return True

    async def let_go(self, namespace: str) -> None:
        """Leave a collection to whoever goes on with it."""
        stored = tables.backfills
        async with self._access.writing() as connection:
            await connection.execute(
                stored.update().where(stored.c.namespace == namespace).values(owner="")
            )

    async def plan(self, namespace: str, chunks: Sequence[Chunk]) -> None:
        """Enter the chunks of a collection."""
        stored = tables.chunks
        rows = [
            {
                "namespace": namespace,
                "ordinal": chunk.ordinal,
                "lower": chunk.lower,
                "upper": chunk.upper,
            }
            for chunk in chunks
        ]
        async with self._access.writing() as connection:
            await connection.execute(stored.delete().where(stored.c.namespace == namespace))
            await connection.execute(stored.insert(), rows)

    async def of(self, namespace: str) -> list[Chunk]:
        """Return the chunks of a collection, none for one that was not planned."""
        stored = tables.chunks
        wanted = select(stored).where(stored.c.namespace == namespace).order_by(stored.c.ordinal)
        async with self._access.writing() as connection:
            rows = (await connection.execute(wanted)).all()
        return [
            Chunk(ordinal=row.ordinal, lower=row.lower, upper=row.upper, documents=row.documents)
            for row in rows
        ]

    async def merged(self, namespace: str, ordinal: int, documents: int) -> None:
        """Enter that a chunk is merged."""
        stored = tables.chunks
        async with self._access.writing() as connection:
            await connection.execute(
                stored.update()
                .where(stored.c.namespace == namespace, stored.c.ordinal == ordinal)
                .values(documents=documents)
            )

    async def forget(self, namespace: str) -> None:
        """Forget a collection that is filled."""
        async with self._access.writing() as connection:
            for table in (tables.chunks, tables.backfills):
                await connection.execute(table.delete().where(table.c.namespace == namespace))
