"""`parallax sweep`: prove that whole collections are equal, once or all the time."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Annotated, Any, Final, Self

import typer
from pymongo import AsyncMongoClient
from rich.console import Console
from rich.table import Table

from adapters.postgresql.digests import Digests
from comparators.errors import UnreachableError
from proxy.cli import options
from proxy.cli.asked import Who, name_of
from proxy.cli.bar import documents_bar
from proxy.cli.ending import cancelled_by_signals
from proxy.cli.running import Collections, Dask, runner_of
from proxy.cli.telling import telling
from proxy.jobs.asking import Asking
from proxy.jobs.budget import Budget
from proxy.jobs.collections import chosen, collections_on, legacy_client
from proxy.jobs.inspection import APPLICATION
from proxy.jobs.sweep import DOCUMENTS_PER_CHUNK, LEAST_PER_CHUNK, Sweep, Swept
from proxy.ledger.access import opened
from proxy.ledger.fillings import Fillings, FillingState
from proxy.ledger.orders import Orders
from proxy.ledger.sweeps import Sweeps
from proxy.settings import Settings
from proxy.tracing.stints import Stints

PLACES: Final = 2
"""Chunks at once in this process: while one waits for a side, the other is worked on."""

_UNFILLED: Final = frozenset({FillingState.PENDING, FillingState.COPYING})
MOST_NAMES: Final = 20
RETRY_S: Final = 1.0
SECONDS_PER_CHUNK: Final = 2.0
"""Under a budget, chunks are so small that what it allows for this time is read at once."""


def sweep(
    collections: Collections = None,
    config: options.Config = None,
    legacy: options.Legacy = None,
    gateway: options.Gateway = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    *,
    every: Annotated[
        float | None,
        typer.Option(
            "--every",
            min=0,
            help="Sweep again and again, so many seconds from one beginning to the next.",
            metavar="SECONDS",
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option("--budget", min=1, help="At most so many documents a second.", metavar="N"),
    ] = None,
    dask: Dask = None,
    who: Who = None,
) -> int:
    """Prove that whole collections are equal on both sides; ends with 1 when documents differ."""
    settings = options.settings_of(config, legacy=legacy, gateway=gateway, data=data, ledger=ledger)
    found: list[Swept] = []

    async def work() -> None:
        with telling(settings, part="sweep") as stints:
            async with _Sweeping.open(
                settings, budget=budget, dask=dask, who=name_of(who), stints=stints
            ) as job:
                if every is None:
                    found.extend(await job.once(collections or ()))
                    return
                with cancelled_by_signals():
                    await job.repeat(collections or (), every)

    with suppress(asyncio.CancelledError):
        asyncio.run(work())
    return _code(found)


class _Sweeping:
    """Sweeps with all that they need."""

    def __init__(
        self,
        sweep: Sweep,
        *,
        sweeps: Sweeps,
        fillings: Fillings,
        client: AsyncMongoClient[Any],
        digests: Digests,
    ) -> None:
        self._sweep = sweep
        self._sweeps = sweeps
        self._fillings = fillings
        self._client = client
        self._digests = digests

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Settings,
        *,
        budget: float | None,
        dask: str | None,
        who: str,
        stints: Stints,
    ) -> AsyncIterator[Self]:
        """Open ledger, both sides, and the cluster."""
        uri, dsn = settings.demand("legacy.uri"), settings.demand("gateway.uri")
        async with AsyncExitStack() as held:
            access = await held.enter_async_context(opened(settings.ledger_uri))
            client = await held.enter_async_context(legacy_client(uri, application=APPLICATION))
            digests = await held.enter_async_context(Digests(dsn, connections=1))
            runner = await runner_of(held, dask, places=PLACES if budget is None else 1)
            sweeps = Sweeps(access)
            sweep = Sweep(
                legacy_uri=uri,
                gateway_uri=dsn,
                digests=digests,
                runner=runner,
                asking=Asking(Orders(access), who=who, why="sweep"),
                sweeps=sweeps,
                budget=Budget(budget),
                documents_per_chunk=_chunk_of(budget),
                stints=stints,
            )
            yield cls(
                sweep, sweeps=sweeps, fillings=Fillings(access), client=client, digests=digests
            )

    async def once(self, wanted: Sequence[str]) -> list[Swept]:
        """Sweep each collection, and print what was found."""
        there = await collections_on(self._client)
        known = {*there, *await self._digests.namespaces()}
        if not wanted:
            await self._sweeps.keep(known)
        fillings = await self._fillings.all()
        found = []
        for namespace in chosen(known, wanted):
            if there.get(namespace):
                typer.echo(f"{namespace} is not compared: {there[namespace]}", err=True)
            elif fillings.get(namespace) in _UNFILLED:
                typer.echo(
                    f"{namespace} is not backfilled yet: `parallax backfill {namespace}`", err=True
                )
                found.append(Swept(namespace=namespace, chunks=0, unfilled=True))
            else:
                found.append(await self._one(namespace))
        Console().print(_shown(found))
        for swept in found:
            for line in _names(swept):
                typer.echo(line)
        return found

    async def repeat(self, wanted: Sequence[str], every_s: float) -> None:
        """Sweep until cancelled; while a side is away, try again."""
        while True:
            began = time.monotonic()
            try:
                await self.once(wanted)
            except* UnreachableError as errors:
                for error in _causes(errors):
                    typer.echo(f"sweep interrupted: {error.what} ({error.where})", err=True)
            await asyncio.sleep(max(RETRY_S, began + every_s - time.monotonic()))

    async def _one(self, namespace: str) -> Swept:
        database, _, name = namespace.partition(".")
        size = await self._client[database][name].estimated_document_count()
        with documents_bar(namespace, size) as advance:
            return await self._sweep.run(namespace, told=advance)


def _chunk_of(budget: float | None) -> int:
    if budget is None:
        return DOCUMENTS_PER_CHUNK
    return min(DOCUMENTS_PER_CHUNK, max(LEAST_PER_CHUNK, int(budget * SECONDS_PER_CHUNK)))


def _causes(errors: BaseExceptionGroup[UnreachableError]) -> Iterator[UnreachableError]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _causes(error)
        else:
            yield error


def _shown(found: Sequence[Swept]) -> Table:
    table = Table("collection", "documents", "chunks", "suspects", "differ", "not compared", "busy")
    for swept in found:
        counts = (
            *(swept.documents, swept.chunks, swept.suspects),
            *(len(swept.differing), swept.uncompared, swept.busy),
        )
        table.add_row(swept.namespace, *(f"{count:,}" for count in counts))
    return table


def _names(swept: Swept) -> Iterator[str]:
    for name in swept.differing[:MOST_NAMES]:
        yield f"differs: {swept.namespace} {name}"
    if swept.busy:
        yield f"pending: {swept.busy:,} of {swept.namespace}, written all the time; the verifier compares each after its last write"
    if len(swept.differing) > MOST_NAMES:
        yield f"and {len(swept.differing) - MOST_NAMES:,} more; `parallax repair --dry-run` shows them"


def _code(found: Sequence[Swept]) -> int:
    """Return the exit code: 1 when documents differ, 2 when of some it could not be said."""
    if any(swept.differing for swept in found):
        return 1
    is_open = any(swept.uncompared or swept.busy or swept.unfilled for swept in found)
    return 2 if is_open else 0
