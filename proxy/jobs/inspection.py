"""Whether a range of a collection is the same on both sides, and which documents are not: a task for a runner.

Both sides compute a count and a sum of digests. Where these differ, the digests of the single documents tell which of
them to suspect. Suspects only: the sides are read at two moments, and the gateway follows legacy at a
distance. Whether a suspect differs, the verifier tells.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.postgresql.digests import Digest, Digests, digest_of
from adapters.sql.keys import key_of
from adapters.sql.ranges import IdRange
from comparators.canonical import MISSING, decode, encode
from proxy.jobs.ranges import Collection, Range, collection_of, documents_in, raw_batches

APPLICATION: Final = "parallax-sweep"
BATCH: Final = 1_000
"""Documents of usual size for which a batch stays in the cache of the processor; with 16 MB at once, reading costs twice as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A range to inspect, and where: it may be another machine that does it."""

    legacy: str = field(repr=False)
    gateway: str = field(repr=False)
    namespace: str
    number: int
    within: Range = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """How many documents legacy has in a range, and the `_id`s of those to suspect, each as a document of BSON."""

    documents: int
    suspects: tuple[bytes, ...] = field(repr=False)


async def inspect(inspection: Inspection) -> Inspected:
    """Inspect a range; UnreachableError when a side is away."""
    namespace, within = inspection.namespace, inspection.within
    bounds = IdRange(lower=_value(within.lower), upper=_value(within.upper))
    async with (
        collection_of(inspection.legacy, namespace, application=APPLICATION) as collection,
        Digests(inspection.gateway, connections=1) as digests,
    ):
        async with asyncio.TaskGroup() as tasks:
            of_gateway = tasks.create_task(digests.of(namespace, bounds), name="digest of gateway")
            of_legacy = tasks.create_task(_digest(collection, within), name="digest of legacy")
        legacy, gateway = of_legacy.result(), of_gateway.result()
        if legacy == gateway:
            return Inspected(documents=legacy.documents, suspects=())
        suspects = await _suspects(collection, within, digests, namespace, bounds)
        return Inspected(documents=legacy.documents, suspects=suspects)


async def _digest(collection: Collection, within: Range) -> Digest:
    documents = total = 0
    async for batch in raw_batches(collection, within, batch_size=BATCH):
        found = [digest_of(each) for each in documents_in(batch)]
        documents += len(found)
        total += sum(found)
    return Digest(documents=documents, total=total)


async def _suspects(
    collection: Collection, within: Range, digests: Digests, namespace: str, bounds: IdRange
) -> tuple[bytes, ...]:
    """Return the `_id`s of the documents that only one side has in this form."""
    gateway = await digests.of_each(namespace, bounds)
    found: list[Any] = []
    async for batch in raw_batches(collection, within, batch_size=BATCH):
        for each in documents_in(batch):
            identifier = decode(each)["_id"]
            if gateway.pop(key_of(identifier), None) != digest_of(each):
                found.append(identifier)
    found += await digests.identifiers(namespace, bounds, gateway)
    return tuple(encode({"_id": identifier}) for identifier in found)


def _value(bound: bytes | None) -> Any:
    return MISSING if bound is None else decode(bound)["_id"]
