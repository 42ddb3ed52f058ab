"""`parallax repair`: copy the state of documents that differ from one side to the other, and look again."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from comparators.errors import RefusedError, SettingsError
from proxy.cli import options
from proxy.cli.asked import Who, name_of
from proxy.cli.repairing import Repair, told
from proxy.cli.telling import telling
from proxy.jobs.repair import Outcome, Planned, Side
from proxy.settings import Settings

MOST_ROWS: Final = 200


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
    for line in told(outcome):
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
    async with Repair.open(settings) as job:
        return await job.plan(await job.chosen(collections, documents), side)


async def _carried_out(
    settings: Settings, side: Side, planned: Sequence[Planned], *, who: str, why: str
) -> Outcome:
    with telling(settings, part="repair") as stints:
        async with Repair.open(settings, stints) as job:
            return await job.carry_out(side, planned, who=who, why=why)


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


def _code(outcome: Outcome) -> int:
    if outcome.others:
        return 1
    return 2 if outcome.pending else 0
