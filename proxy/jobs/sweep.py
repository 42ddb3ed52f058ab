"""Prove that whole collections are equal on both sides, also the documents that nobody reads or writes.

Chunks of both sides are compared by digests. The documents to suspect go to the verifier, which compares them at a place
of the order of writes and enters those that differ.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from adapters.postgresql.digests import Digests
from comparators.verdict import Verdict
from proxy.jobs.asking import Asking
from proxy.jobs.budget import Budget
from proxy.jobs.chunks import ChunkRunner, attempted, for_each
from proxy.jobs.inspection import APPLICATION, Inspected, Inspection, inspect
from proxy.jobs.ranges import Range, collection_of, ranges_of
from proxy.ledger.orders import OrderKind
from proxy.ledger.sweeps import Sweeps, SweptChunk
from proxy.tracing.stints import Stints

_log = structlog.get_logger()

DOCUMENTS_PER_CHUNK: Final = 25_000
LEAST_PER_CHUNK: Final = 500
MOST_MISFITS: Final = 1_000
"""Rows of which only the document tells the place are read for each chunk: with more, a collection is one chunk."""


@dataclass(slots=True, kw_only=True)
class Swept:
    """What a sweep found in a collection.

    `differing` are the redacted `_id`s. Of `uncompared` documents nothing could be said; `busy` ones were written all the
    time, and are compared after their last write as every document is. An `unfilled` collection was not swept.
    """

    namespace: str
    chunks: int
    documents: int = 0
    suspects: int = 0
    uncompared: int = 0
    busy: int = 0
    unfilled: bool = False
    differing: list[str] = field(default_factory=list)


class Sweep:
    """Sweeps collections, one after the other."""

    def __init__(
        self,
        *,
        legacy_uri: str,
        gateway_uri: str,
        digests: Digests,
        runner: ChunkRunner,
        asking: Asking,
        sweeps: Sweeps,
        budget: Budget,
        documents_per_chunk: int = DOCUMENTS_PER_CHUNK,
        stints: Stints | None = None,
    ) -> None:
        """`stints` tells of what is done in traces; None where nobody is told."""
        self._stints = stints or Stints()
        self._legacy_uri = legacy_uri
        self._gateway_uri = gateway_uri
        self._digests = digests
        self._runner = runner
        self._asking = asking
        self._sweeps = sweeps
        self._budget = budget
        self._documents_per_chunk = documents_per_chunk
        self._plans: dict[str, tuple[int, list[Range]]] = {}

    async def run(
        self, namespace: str, told: Callable[[int], object] = lambda _documents: None
    ) -> Swept:
        """Sweep a collection; UnreachableError if a side is away, or the verifier when it is needed.

        `told` is given the number of documents of each chunk that is done.
        """
        with self._stints.doing("sweep", namespace) as doing:
            swept = await self._swept(namespace, told)
            doing.facts |= {
                "parallax.documents": swept.documents,
                "parallax.documents.suspected": swept.suspects,
                "parallax.documents.mismatch": len(swept.differing),
                "parallax.documents.not_comparable": swept.uncompared + swept.busy,
            }
            if swept.differing:
                doing.error = Verdict.MISMATCH.value
            _log.info(
                "collection_swept",
                collection=namespace,
                documents=swept.documents,
                differing=len(swept.differing),
            )
        return swept

    async def _swept(self, namespace: str, told: Callable[[int], object]) -> Swept:
        ranges = await self._ranges(namespace)
        swept = Swept(namespace=namespace, chunks=len(ranges))

        async def work(inspection: Inspection) -> None:
            with self._stints.doing(
                "sweep chunk", namespace, {"parallax.chunk": inspection.number}
            ) as doing:
                inspected = await attempted(self._runner, inspect, inspection)
                differing = await self._judge(swept, inspection.number, inspected)
                doing.facts["parallax.documents"] = inspected.documents
                doing.facts["parallax.documents.suspected"] = len(inspected.suspects)
                if differing:
                    doing.error = Verdict.MISMATCH.value
            told(inspected.documents)
            await self._budget.spend(inspected.documents)

        inspections = [
            Inspection(
                legacy=self._legacy_uri,
                gateway=self._gateway_uri,
                namespace=namespace,
                number=number,
                within=within,
            )
            for number, within in enumerate(ranges)
        ]
        await for_each(self._runner, inspections, work)
        return swept

    async def _ranges(self, namespace: str) -> list[Range]:
        """Return the chunks of a collection; those of the last time while it is about as large."""
        async with collection_of(
            self._legacy_uri, namespace, application=APPLICATION
        ) as collection:
            size = await collection.estimated_document_count()
            before, ranges = self._plans.get(namespace, (0, []))
            if ranges and before <= 2 * size and size <= 2 * before:
                return ranges
            ranges = [Range()]
            if await self._digests.misfits(namespace) <= MOST_MISFITS:
                ranges = await ranges_of(collection, documents=self._documents_per_chunk)
        self._plans[namespace] = (size, ranges)
        await self._sweeps.plan(namespace, len(ranges))
        return ranges

    async def _judge(self, swept: Swept, number: int, inspected: Inspected) -> int:
        """Have the suspects of a chunk compared, and return how many differ."""
        verdicts, names, busy = await self._verdicts(swept.namespace, inspected.suspects)
        if verdicts[Verdict.NOT_COMPARABLE] > busy:
            # Those were made equal, for their difference proved nothing.
            verdicts, names, busy = await self._verdicts(swept.namespace, inspected.suspects)
        uncompared = verdicts[Verdict.NOT_COMPARABLE] - busy
        swept.documents += inspected.documents
        swept.suspects += len(inspected.suspects)
        swept.uncompared += uncompared
        swept.busy += busy
        swept.differing += names
        await self._sweeps.swept(
            SweptChunk(
                namespace=swept.namespace,
                chunk=number,
                swept_ns=time.time_ns(),
                documents=inspected.documents,
                differing=len(names),
                uncompared=uncompared,
            )
        )
        return len(names)

    async def _verdicts(
        self, namespace: str, suspects: Sequence[bytes]
    ) -> tuple[Counter[str], list[str], int]:
        """Return the verdicts on suspects, the names of those that differ, and how many are written all the time."""
        verdicts: Counter[str] = Counter()
        names: list[str] = []
        busy = 0
        if suspects:
            for order in await self._asking.about(OrderKind.COMPARE, namespace, suspects):
                verdicts.update(order.outcome["verdicts"])
                busy += len(order.outcome["busy"])
                names += [
                    name
                    for name, verdict in order.outcome["documents"].items()
                    if verdict == Verdict.MISMATCH
                ]
        return verdicts, names, busy
