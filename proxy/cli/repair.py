"""`parallax repair`: copy the state of documents that differ from one side to the other, and look again."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

import typer
from pymongo import AsyncMongoClient
from rich.console import Console
from rich.table import Table

from adapters.gateway import Gateway
from adapters.postgresql.digests import Digests
from adapters.registry import gateway_for
from comparators.errors import RefusedError, SettingsError
from proxy.cli import options
from proxy.cli.asked import Who, name_of
from proxy.jobs.asking import Asking
from proxy.jobs.choice import choose
from proxy.jobs.collections import legacy_client
from proxy.jobs.overwriting import Overwriting
from proxy.jobs.repair import Identifiers, Outcome, Planned, Side, Step, carry_out, plan
from proxy.ledger.access import Access, opened
from proxy.ledger.fillings import Fillings
from proxy.ledger.lookup import close_gone, open_divergences, redaction_of
from proxy.ledger.orders import Orders
from proxy.ledger.redaction import Redaction
from proxy.settings import Settings
from proxy.shadow.legacy import Legacy
from proxy.uris import redacted_uri

MOST_ROWS: Final = 200
APPLICATION: Final = "parallax-repair"
TO_LEGACY: Final = "(MongoDB was made equal to the gateway)"
"""Stands behind the reason on the ledger."""


def repair(
    config: options.Config = None,
    legacy: options.Legacy = None,
    gateway: options.Gateway = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    *,
    collection: Annotated[
        list[str] | None,
        typer.Option(
            "--collection",
            help="Only this one, as `database.collection` (again for more).",
            metavar="NAME",
        ),
    ] = None,
    document: Annotated[
        list[str] | None,
        typer.Option(
            "--id",
            help="Only this document, as the report names it; or with one --collection any `_id` as Extended JSON.",
            metavar="ID",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")
    ] = False,
    to: Annotated[
        Side, typer.Option("--to", help="The side that is made equal to the other one.")
    ] = Side.GATEWAY,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --to legacy: overwrite without being asked.")
    ] = False,
    who: Who = None,
    why: Annotated[str, typer.Option("--why", help="The reason, for the ledger.")] = "",
) -> int:
    """Copy documents that differ from one side to the other.

    Ends with 1 when some still differ, with 2 when of some it cannot be said, for they are written all the time.
    """
    settings = options.settings_of(config, legacy=legacy, gateway=gateway, data=data, ledger=ledger)
    if not why and not dry_run:
        raise SettingsError(
            "a repair goes on the ledger with its reason",
            where="--why",
            remedy='give a reason, as in --why "ticket 17", or look first with --dry-run',
        )

    planned = asyncio.run(_planned(settings, to, collection or (), document or ()))
    if dry_run or not planned:
        Console().print(_shown(planned, to))
        return 0
    if to is Side.LEGACY and not yes:
        Console().print(_shown(planned, to))
        _ask(len(planned))
    outcome = asyncio.run(_carried_out(settings, to, planned, who=name_of(who), why=why))
    for line in _told(outcome):
        typer.echo(line)
    return _code(outcome)


def _ask(documents: int) -> None:
    """Go on only when somebody says yes; RefusedError otherwise, also where nobody can be asked."""
    agreed = False
    with suppress(typer.Abort):
        agreed = typer.confirm(
            f"MongoDB is written to, past the sidecar: {documents:,} documents become as the gateway has them. Go on?",
            err=True,
        )
    if not agreed:
        raise RefusedError(
            "nothing was changed: MongoDB is overwritten only when somebody says yes",
            where="--to legacy",
            remedy="look with --dry-run, then answer y, or give --yes where nobody can answer",
        )


async def _planned(
    settings: Settings, side: Side, collections: Sequence[str], documents: Sequence[str]
) -> list[Planned]:
    async with _Repair.open(settings) as job:
        return await job.plan(side, collections, documents)


async def _carried_out(
    settings: Settings, side: Side, planned: Sequence[Planned], *, who: str, why: str
) -> Outcome:
    async with _Repair.open(settings) as job:
        return await job.carry_out(side, planned, who=who, why=why)


class _Repair:
    """A repair with all that it needs."""

    def __init__(
        self,
        access: Access,
        redaction: Redaction,
        client: AsyncMongoClient[Any],
        legacy: Legacy,
        gateway: Gateway,
        ids: Identifiers,
    ) -> None:
        self._access = access
        self._client = client
        self._redaction = redaction
        self._legacy = legacy
        self._gateway = gateway
        self._identifiers = ids

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        """Open ledger and both sides."""
        uri, dsn = settings.demand("legacy.uri"), settings.demand("gateway.uri")
        async with (
            opened(settings.ledger_uri) as access,
            legacy_client(uri, application=APPLICATION) as client,
            Digests(dsn) as digests,
            gateway_for(dsn, connections=1) as gateway,
        ):
            redaction = await redaction_of(access)
            legacy = Legacy(client, where=redacted_uri(uri))
            identifiers = Identifiers(client, digests, redaction)
            yield cls(access, redaction, client, legacy, gateway, identifiers)

    async def plan(
        self, side: Side, collections: Sequence[str], documents: Sequence[str]
    ) -> list[Planned]:
        """Return what would be done."""
        chosen = choose(
            await open_divergences(self._access),
            collections=collections,
            documents=documents,
            redaction=self._redaction,
        )
        return await plan(
            chosen,
            identifiers=self._identifiers,
            legacy=self._legacy,
            gateway=self._gateway,
            side=side,
        )

    async def carry_out(
        self, side: Side, planned: Sequence[Planned], *, who: str, why: str
    ) -> Outcome:
        """Do it."""
        if side is Side.GATEWAY:
            outcome = await carry_out(planned, Asking(Orders(self._access), who=who, why=why))
        else:
            overwriting = Overwriting(
                self._client,
                legacy=self._legacy,
                gateway=self._gateway,
                asking=Asking(Orders(self._access), who=who, why=f"{why} {TO_LEGACY}"),
                fillings=Fillings(self._access),
            )
            outcome = await overwriting.carry_out(planned)
        gone = [each.divergence for each in planned if each.step is Step.GONE]
        names = [(each.namespace, each.document) for each in gone]
        await close_gone(self._access, names, who=who, why=why)
        return outcome


def _shown(planned: Sequence[Planned], side: Side) -> Table | str:
    if not planned:
        return "nothing differs: there is nothing to repair"
    where = "on the gateway" if side is Side.GATEWAY else "on MongoDB"
    table = Table("collection", "document", where, "differs at", "since")
    for each in planned[:MOST_ROWS]:
        divergence = each.divergence
        since = datetime.fromtimestamp(divergence.since_ns / 1e9, UTC).astimezone()
        table.add_row(
            divergence.namespace,
            divergence.document,
            each.step.value,
            ", ".join(divergence.paths) or divergence.cause,
            f"{since:%Y-%m-%d %H:%M:%S}" if divergence.since_ns else "",
        )
    if len(planned) > MOST_ROWS:
        table.caption = f"and {len(planned) - MOST_ROWS:,} more"
    return table


def _told(outcome: Outcome) -> Iterator[str]:
    yield f"repaired and equal: {outcome.repaired:,}"
    for (namespace, document), verdict in outcome.others.items():
        yield f"{verdict}: {namespace} {document}"
    for namespace, document in outcome.pending:
        yield f"pending: {namespace} {document}, written all the time; repeat the command when that has an end"


def _code(outcome: Outcome) -> int:
    if outcome.others:
        return 1
    return 2 if outcome.pending else 0
