"""The chunk task of a backfill: read a range of `_id`s from legacy, and stage it beside the collection on the gateway."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from adapters.postgresql.filler import Filler
from proxy.jobs.ranges import Collection, Range, collection_of, documents_in, raw_batches

APPLICATION: Final = "parallax-backfill"
BATCHES_PER_SECOND: Final = 4
"""With a limit: how smooth the reading is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copying:
    """What to copy. `rate` is how many documents per second at most, None for no limit."""

    legacy: str = field(repr=False)
    gateway: str = field(repr=False)
    namespace: str
    within: Range = field(repr=False)
    rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Where the documents lie, and how many."""

    table: str
    documents: int


async def copy_chunk(spec: Copying) -> Copied:
    """Copy one chunk; UnreachableError when one side is away."""
    async with (
        collection_of(spec.legacy, spec.namespace, application=APPLICATION) as collection,
        Filler(spec.gateway) as filler,
    ):
        documents = _documents(collection, spec)
        table, n = await filler.stage(spec.namespace, documents)
        return Copied(table=table, documents=n)


async def _documents(collection: Collection, spec: Copying) -> AsyncIterator[bytes]:
    began_s, n = time.monotonic(), 0
    rate = spec.rate
    batch_size = 0 if rate is None else max(2, int(rate / BATCHES_PER_SECOND))
    async for batch in raw_batches(collection, spec.within, batch_size=batch_size):
        for document in documents_in(batch):
            n += 1
            yield document
        if rate is not None:
            ahead_s = n / rate - (time.monotonic() - began_s)
            await asyncio.sleep(max(0.0, ahead_s))
