"""`parallax repair`: copy the legacy state of documents that differ to the gateway, and look again."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Self

import typer
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
from proxy.jobs.repair import Identifiers, Outcome, Planned, Step, carry_out, plan
from proxy.ledger.access import Access, opened
from proxy.ledger.lookup import close_gone, open_divergences, redaction_of
from proxy.ledger.orders import Orders
from proxy.ledger.redaction import Redaction
from proxy.settings import Settings
from proxy.shadow.legacy import Legacy
from proxy.uris import redacted_uri

MOST_ROWS: Final = 200
APPLICATION: Final = "parallax-repair"


class Authority(StrEnum):
    """The side that is right."""

    LEGACY = "legacy"
    GATEWAY = "gateway"


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
    authority: Annotated[
        Authority, typer.Option("--from", help="The side that is right.")
    ] = Authority.LEGACY,
    who: Who = None,
    why: Annotated[str, typer.Option("--why", help="The reason, for the ledger.")] = "",
) -> int:
    """Copy documents that differ from MongoDB to the gateway; ends with 1 when some still differ."""
    settings = options.settings_of(config, legacy=legacy, gateway=gateway, data=data, ledger=ledger)
    if authority is Authority.GATEWAY:
        raise RefusedError(
            "the gateway is not authoritative: MongoDB answers the application, and is right",
            where="--from gateway",
            remedy="repair from legacy; the other way comes with the phases of the switch",
        )
    if not why and not dry_run:
        raise SettingsError(
            "a repair goes on the ledger with its reason",
            where="--why",
            remedy='give a reason, as in --why "ticket 17", or look first with --dry-run',
        )

    async def work() -> int:
        async with _Repair.open(settings) as job:
            planned = await job.plan(collection or (), document or ())
            if dry_run or not planned:
                Console().print(_shown(planned))
                return 0
            outcome = await job.carry_out(planned, who=name_of(who), why=why)
        for line in _told(outcome):
            typer.echo(line)
        return 1 if outcome.others else 0

    return asyncio.run(work())


class _Repair:
    """A repair with all that it needs."""

    def __init__(
        self,
        access: Access,
        redaction: Redaction,
        legacy: Legacy,
        gateway: Gateway,
        ids: Identifiers,
    ) -> None:
        self._access = access
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
            yield cls(access, redaction, legacy, gateway, Identifiers(client, digests, redaction))

    async def plan(self, collections: Sequence[str], documents: Sequence[str]) -> list[Planned]:
        """Return what would be done."""
        chosen = choose(
            await open_divergences(self._access),
            collections=collections,
            documents=documents,
            redaction=self._redaction,
        )
        return await plan(
            chosen, identifiers=self._identifiers, legacy=self._legacy, gateway=self._gateway
        )

    async def carry_out(self, planned: Sequence[Planned], *, who: str, why: str) -> Outcome:
        """Do it."""
        asking = Asking(Orders(self._access), who=who, why=why)
        outcome = await carry_out(planned, asking)
        gone = [each.divergence for each in planned if each.step is Step.GONE]
        names = [(each.namespace, each.document) for each in gone]
        await close_gone(self._access, names, who=who, why=why)
        return outcome


def _shown(planned: Sequence[Planned]) -> Table | str:
    if not planned:
        return "nothing differs: there is nothing to repair"
    table = Table("collection", "document", "on the gateway", "differs at", "since")
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
