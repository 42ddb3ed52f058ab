"""Fill a collection of the gateway while the application writes: chunk by chunk, under the orders of the verifier.

The verifier holds the collection for some seconds; meanwhile chunks are read from legacy and staged, here or on a cluster, and merged
by the verifier. Then the collection goes on, catches up, and is held again. A chunk is done when the
verifier has merged it; every other one is copied again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import structlog

from adapters.postgresql.filler import Filler
from comparators.errors import RefusedError, UnreachableError
from proxy.jobs.asking import Asking
from proxy.jobs.chunks import ChunkRunner, attempted
from proxy.jobs.copying import APPLICATION, Copied, Copying, copy_chunk
from proxy.jobs.ranges import Range, collection_of, ranges_of
from proxy.ledger.chunks import Chunk, Chunks
from proxy.ledger.orders import OrderKind
from proxy.tracing.stints import Stints

_log = structlog.get_logger()

HOLD_S: Final = 10.0
"""How long chunks are begun under one hold."""

GRACE_S: Final = 60.0
"""How long the verifier waits beyond that for the chunks under way."""

CLAIM_EVERY_S: Final = 1.0
TRIES: Final = 5
SMOOTH_S: Final = 5.0
"""With a limit, a chunk holds what may be copied in so many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to fill and how: addresses, documents per chunk, documents per second or None."""

    legacy: str = field(repr=False)
    gateway: str = field(repr=False)
    documents_per_chunk: int
    rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A collection that is filled; `refused` tells of indexes that the gateway does not have, and why."""

    namespace: str
    documents: int
    indexes: int
    refused: Mapping[str, str]


Told = Callable[[int], None]
"""Is called with the documents that were merged since."""


class Backfill:
    """Fills collections, one after the other."""

    def __init__(
        self,
        plan: Plan,
        *,
        chunks: Chunks,
        asking: Asking,
        runner: ChunkRunner,
        stints: Stints | None = None,
    ) -> None:
        """`stints` tells of what is done in traces; None where nobody is told."""
        self._stints = stints or Stints()
        self._plan = plan
        self._chunks = chunks
        self._asking = asking
        self._runner = runner
        self._owner = uuid4().hex

    async def fill(self, namespace: str, told: Told) -> Filled:
        """Fill a collection, or go on where an earlier command was killed."""
        with self._stints.doing("backfill", namespace) as doing:
            filled = await self._fill(namespace, told)
            doing.facts["parallax.documents"] = filled.documents
            doing.facts["parallax.indexes"] = filled.indexes
            if filled.refused:
                doing.error = "index_refused"
            _log.info("collection_filled", collection=namespace, documents=filled.documents)
        return filled

    async def _fill(self, namespace: str, told: Told) -> Filled:
        async with self._claimed(namespace), Filler(self._plan.gateway) as filler:
            await self._asking.done(OrderKind.PREPARE, namespace, {})
            work = await self._planned(namespace, filler, told)
            await self._copy_all(work)
            await filler.discard(namespace)
            await filler.make_indexes(namespace)
            outcome = await self._asking.done(OrderKind.COMPLETE, namespace, {})
            await self._chunks.forget(namespace)
        return Filled(
            namespace=namespace,
            documents=work.documents,
            indexes=outcome["indexes"],
            refused=outcome["refused"],
        )

    @asynccontextmanager
    async def _claimed(self, namespace: str) -> AsyncIterator[None]:
        """Have a collection for oneself; RefusedError while another command fills it."""
        deadline = time.monotonic() + TRIES * CLAIM_EVERY_S + 1
        while not await self._chunks.claim(namespace, self._owner):
            if time.monotonic() > deadline:
                raise RefusedError(
                    "another command fills it",
                    where=namespace,
                    remedy="wait for its end, or stop it: this one then goes on where it was",
                )
            await asyncio.sleep(CLAIM_EVERY_S)

        async def keep() -> None:
            while True:
                await asyncio.sleep(CLAIM_EVERY_S)
                if not await self._chunks.claim(namespace, self._owner):
                    raise RefusedError(
                        "another command has taken over: this one was silent for too long",
                        where=namespace,
                        remedy="let the other one end",
                    )

        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(keep(), name="keep claim")
            try:
                yield
            finally:
                keeping.cancel()
        await self._chunks.let_go(namespace)

    async def _planned(self, namespace: str, filler: Filler, told: Told) -> "_Work":
        chunks = await self._chunks.of(namespace) or await self._cut(namespace, filler)
        return _Work(namespace, chunks, told)

    async def _cut(self, namespace: str, filler: Filler) -> list[Chunk]:
        plan = self._plan
        most = plan.documents_per_chunk
        if plan.rate is not None:
            most = max(1, min(most, int(plan.rate * SMOOTH_S)))
        async with collection_of(plan.legacy, namespace, application=APPLICATION) as source:
            ranges = await ranges_of(source, documents=most)
            size = await _size_of(source)
        if await filler.is_nearly_empty(namespace, bytes_to_come=size):
            await filler.remove_indexes(namespace)
        chunks = [
            Chunk(ordinal=ordinal, lower=each.lower, upper=each.upper)
            for ordinal, each in enumerate(ranges)
        ]
        await self._chunks.plan(namespace, chunks)
        return chunks

    async def _copy_all(self, work: "_Work") -> None:
        while work.remaining:
            payload = {"within_s": HOLD_S + GRACE_S}
            hold = await self._asking.done(OrderKind.HOLD, work.namespace, payload)
            try:
                await self._copy_under(hold, work)
            finally:
                release = {"hold": hold["hold"]}
                await self._asking.ask(OrderKind.RELEASE, work.namespace, release, log=hold["log"])

    async def _copy_under(self, hold: Mapping[str, Any], work: "_Work") -> None:
        """Copy chunks while a hold lasts; begin none when its end is near."""
        until = time.monotonic() + HOLD_S
        places = asyncio.Semaphore(self._runner.places)

        async def copy(chunk: Chunk) -> None:
            try:
                copied = await self._copy(work.namespace, chunk)
            finally:
                places.release()
            await self._merge(hold, work, chunk, copied)

        async with asyncio.TaskGroup() as tasks:
            while work.remaining and time.monotonic() < until:
                await places.acquire()
                if not work.remaining:
                    break
                tasks.create_task(copy(work.remaining.pop(0)))

    async def _copy(self, namespace: str, chunk: Chunk) -> Copied:
        plan = self._plan
        rate = None if plan.rate is None else plan.rate / self._runner.places
        spec = Copying(
            legacy=plan.legacy,
            gateway=plan.gateway,
            namespace=namespace,
            within=Range(lower=chunk.lower, upper=chunk.upper),
            rate=rate,
        )
        try:
            with self._stints.doing(
                "backfill chunk", namespace, {"parallax.chunk": chunk.ordinal}
            ) as doing:
                copied = await attempted(self._runner, copy_chunk, spec)
                doing.facts["parallax.documents"] = copied.documents
                return copied
        except UnreachableError as error:
            error.add_note("what was merged stays: repeat the command, and it goes on from there")
            raise

    async def _merge(
        self, hold: Mapping[str, Any], work: "_Work", chunk: Chunk, copied: Copied
    ) -> None:
        payload = {
            "hold": hold["hold"],
            "table": copied.table,
            "rows": copied.documents,
            "lower": chunk.lower,
            "upper": chunk.upper,
        }
        outcome = await self._asking.done(OrderKind.MERGE, work.namespace, payload, log=hold["log"])
        if not outcome["merged"]:
            work.again(chunk)
            return
        await self._chunks.merged(work.namespace, chunk.ordinal, copied.documents)
        work.merged(copied.documents)


class _Work:
    """The chunks of a collection that are still to be copied."""

    def __init__(self, namespace: str, chunks: list[Chunk], told: Told) -> None:
        self.namespace = namespace
        self.documents = 0
        self.remaining = [chunk for chunk in chunks if chunk.documents is None]
        self._told = told
        self._tries: dict[int, int] = {}
        self.merged(sum(chunk.documents or 0 for chunk in chunks))

    def merged(self, documents: int) -> None:
        self.documents += documents
        self._told(documents)

    def again(self, chunk: Chunk) -> None:
        """Copy a chunk once more; RefusedError when that never ends."""
        tries = self._tries[chunk.ordinal] = self._tries.get(chunk.ordinal, 0) + 1
        if tries >= TRIES:
            raise RefusedError(
                f"a chunk could not be merged in {TRIES} tries",
                where=self.namespace,
                remedy="see that verifier and PostgreSQL keep running, then repeat the command",
            )
        self.remaining.append(chunk)


async def _size_of(source: Any) -> int:
    cursor = await source.aggregate([{"$collStats": {"storageStats": {}}}])
    async with cursor:
        async for each in cursor:
            return int(each["storageStats"]["size"])
    return 0
