"""`parallax backfill`: copy the documents that were there before the sidecar."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

import typer

from comparators.errors import RefusedError
from proxy.cli import options
from proxy.cli.asked import Who, name_of
from proxy.cli.bar import documents_bar
from proxy.cli.running import Collections, Dask, runner_of
from proxy.cli.telling import telling
from proxy.jobs.asking import Asking
from proxy.jobs.backfill import Backfill, Filled, Plan
from proxy.jobs.collections import chosen, collections_on, legacy_client
from proxy.jobs.copying import APPLICATION
from proxy.ledger.access import opened
from proxy.ledger.chunks import Chunks
from proxy.ledger.orders import Orders
from proxy.settings import Settings

WHY: Final = "backfill"


def backfill(
    collections: Collections = None,
    config: options.Config = None,
    legacy: options.Legacy = None,
    gateway: options.Gateway = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    rate: options.Rate = None,
    dask: Dask = None,
    who: Who = None,
) -> int:
    """Copy existing documents to the gateway while the application writes; ends with 1 when an index is missing."""
    settings = options.settings_of(
        config, legacy=legacy, gateway=gateway, data=data, ledger=ledger, rate=rate
    )
    filled = asyncio.run(_fill_all(settings, collections or (), dask, name_of(who)))
    missing = [(each, name) for each in filled for name in each.refused]
    for each, name in missing:
        typer.echo(f"{each.namespace}: the gateway has no index {name}: {each.refused[name]}")
    return 1 if missing else 0


async def _fill_all(
    settings: Settings, named: Sequence[str], dask: str | None, who: str
) -> list[Filled]:
    uri = settings.demand("legacy.uri")
    limits = settings.backfill
    plan = Plan(
        legacy=uri,
        gateway=settings.demand("gateway.uri"),
        documents_per_chunk=limits.documents_per_chunk,
        rate=limits.documents_per_second or None,
    )
    async with AsyncExitStack() as held:
        stints = held.enter_context(telling(settings, part="backfill"))
        client = await held.enter_async_context(legacy_client(uri, application=APPLICATION))
        there = await collections_on(client)
        namespaces = _fillable(there, chosen(there, named), named)
        access = await held.enter_async_context(opened(settings.ledger_uri))
        runner = await runner_of(held, dask, places=limits.concurrency)
        filling = Backfill(
            plan,
            chunks=Chunks(access),
            asking=Asking(Orders(access), who=who, why=WHY),
            runner=runner,
            stints=stints,
        )
        found = []
        for namespace in namespaces:
            database, _, name = namespace.partition(".")
            size = await client[database][name].estimated_document_count()
            with documents_bar(namespace, size) as advance:
                filled = await filling.fill(namespace, advance)
            typer.echo(f"{namespace}: {filled.documents:,} documents, {filled.indexes} indexes")
            found.append(filled)
        return found


def _fillable(there: dict[str, str], wanted: Sequence[str], named: Sequence[str]) -> list[str]:
    """Return the collections that can be filled; RefusedError for one that was named and cannot."""
    for namespace in wanted:
        if there[namespace] and namespace in named:
            raise RefusedError(
                f"{namespace} cannot be filled: it is {there[namespace]}",
                where="COLLECTION",
                remedy="name ordinary collections; the gateway has no other ones",
            )
        if there[namespace]:
            typer.echo(f"{namespace} is left out: it is {there[namespace]}", err=True)
    return [namespace for namespace in wanted if not there[namespace]]
