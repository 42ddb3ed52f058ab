"""When each chunk of each collection was last swept.

A chunk is a number within a plan: where it begins would be a value. A new plan cuts the collection anew, so each of its
chunks counts as swept when the longest unswept one of the old plan was.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from proxy.ledger import tables
from proxy.ledger.access import Access

NEVER: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptChunk:
    """What a sweep found in one chunk.

    `differing` documents differ, of `uncompared` ones it could not be said.
    """

    namespace: str
    chunk: int
    swept_ns: int
    documents: int
    differing: int
    uncompared: int


class Sweeps:
    """The sweeps on one ledger."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def plan(self, namespace: str, chunks: int) -> None:
        """Note that a collection is cut into so many chunks from now on."""
        stored = tables.sweeps
        of_collection = stored.c.namespace == namespace
        async with self._access.writing() as connection:
            oldest = await connection.execute(
                select(func.min(stored.c.swept_ns)).where(of_collection)
            )
            swept_ns = oldest.scalar_one() or NEVER
            await connection.execute(stored.delete().where(of_collection))
            rows = [
                {
                    "namespace": namespace,
                    "chunk": chunk,
                    "swept_ns": swept_ns,
                    "documents": 0,
                    "differing": 0,
                    "uncompared": 0,
                }
                for chunk in range(chunks)
            ]
            await connection.execute(stored.insert(), rows)

    async def swept(self, found: SweptChunk) -> None:
        """Enter what was found in a chunk."""
        stored = tables.sweeps
        changed = stored.update().where(
            stored.c.namespace == found.namespace, stored.c.chunk == found.chunk
        )
        async with self._access.writing() as connection:
            await connection.execute(
                changed.values(
                    swept_ns=found.swept_ns,
                    documents=found.documents,
                    differing=found.differing,
                    uncompared=found.uncompared,
                )
            )

    async def keep(self, namespaces: Collection[str]) -> None:
        """Forget all collections but these: the others are gone."""
        stored = tables.sweeps
        async with self._access.writing() as connection:
            await connection.execute(
                stored.delete().where(stored.c.namespace.not_in(list(namespaces)))
            )
