"""`parallax flags`: what is done with each collection, and who has changed that."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from comparators.errors import RefusedError, SettingsError
from proxy.cli import options
from proxy.cli.asked import Who, name_of
from proxy.flags.document import (
    DEFAULT,
    SHADOW,
    WHOLE,
    Said,
    key_of,
    said,
    standings,
    with_flag,
)
from proxy.flags.file import read_flags, sole_change, write_flags
from proxy.flags.phases import Direction, Phase, not_built
from proxy.ledger.access import opened
from proxy.ledger.flag_changes import FlagChange, FlagChanges, GateThen, gates_then
from proxy.ledger.read import Result, read_standing
from proxy.settings import Settings

FLAGS: Final = typer.Typer(
    help="Show and change what is done with each collection.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Collection = Annotated[
    str,
    typer.Argument(
        help="As `database.collection`, or `default` for all without a flag of their own.",
        metavar="COLLECTION",
    ),
]


@FLAGS.command("ls")
def ls(config: options.Config = None) -> None:
    """Show what the flags say."""
    settings = options.settings_of(config)
    table = Table("collection", "reads", "writes")
    document = read_flags(_file_of(settings))
    namespaces = sorted({each.namespace for each in standings(document)} | {""})
    for namespace in namespaces:
        cells = [str(said(document, direction, namespace)) for direction in Direction]
        table.add_row(namespace or DEFAULT, *cells)
    Console().print(table)


@FLAGS.command("set")
def put(
    collection: Collection,
    phase: Annotated[Phase, typer.Argument(help="What is to hold.", metavar="PHASE")],
    config: options.Config = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    *,
    direction: Annotated[
        Direction, typer.Option("--direction", help="`reads` or `writes`.")
    ] = Direction.READS,
    percent: Annotated[
        int,
        typer.Option("--percent", min=1, max=WHOLE, help="For so many of 100 connections."),
    ] = WHOLE,
    who: Who = None,
    why: Annotated[str, typer.Option("--why", help="The reason, for the ledger.")] = "",
) -> None:
    """Change a flag, and enter that on the ledger."""
    settings = options.settings_of(config, data=data, ledger=ledger)
    if not why:
        raise SettingsError(
            "a change of a flag goes on the ledger with its reason",
            where="--why",
            remedy='give a reason, as in --why "ticket 17"',
        )
    reason = not_built(direction, phase)
    if reason is not None:
        raise RefusedError(
            reason, where="parallax flags set", remedy="docs/flags.md says which phases there are"
        )
    wanted = Said(phase=phase, percent=percent)
    asyncio.run(
        _change(settings, direction, _namespace(collection), wanted, who=name_of(who), why=why)
    )


@FLAGS.command("history")
def history(
    collection: Annotated[
        str | None,
        typer.Argument(help="Only of this one, or of `default`.", metavar="[COLLECTION]"),
    ] = None,
    config: options.Config = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
) -> None:
    """Show who has changed which flag, when, why, and on what evidence; the newest change first."""
    settings = options.settings_of(config, data=data, ledger=ledger)
    namespace = None if collection is None else _namespace(collection)

    async def read() -> list[FlagChange]:
        async with opened(settings.ledger_uri) as access:
            return await FlagChanges(access).read(namespace=namespace)

    table = Table("when", "collection", "change", "who", "why", "gates then")
    for change in asyncio.run(read()):
        table.add_row(
            f"{datetime.fromtimestamp(change.at_ns / 1e9, UTC).astimezone():%Y-%m-%d %H:%M:%S}",
            f"{change.namespace or DEFAULT} {change.direction}",
            f"{change.before} → {change.after}",
            change.who,
            change.why,
            _gates_line(change.gates),
        )
    Console().print(table)


async def _change(
    settings: Settings,
    direction: Direction,
    namespace: str,
    wanted: Said,
    *,
    who: str,
    why: str,
) -> None:
    file = _file_of(settings)
    gates = await _gates(settings, namespace)
    async with opened(settings.ledger_uri) as access:
        with sole_change(file):
            document = read_flags(file)
            change = FlagChange(
                at_ns=time.time_ns(),
                direction=direction,
                namespace=namespace,
                before=str(said(document, direction, namespace)),
                after=str(wanted),
                who=who,
                why=why,
                gates=gates,
            )
            async with FlagChanges(access).entering(change):
                write_flags(file, with_flag(document, direction, namespace, wanted))
    typer.echo(f"{key_of(direction, namespace)}: {change.before} → {change.after}")


async def _gates(settings: Settings, namespace: str) -> tuple[GateThen, ...]:
    """Return the gates of a collection as they stand; none for the default, or where nothing was seen."""
    standing = await read_standing(settings.ledger_uri, settings.gates)
    for each in standing.gates.collections:
        if each.namespace == namespace:
            return gates_then([*each.outcomes, *standing.gates.ledger])
    return ()


def _file_of(settings: Settings) -> Path:
    if settings.flags_file is None:
        raise SettingsError(
            f"there is no flags file: everything is in `{SHADOW}`",
            where="flags.file",
            remedy="name one in the settings of `parallax serve` and of this command",
        )
    return settings.flags_file


def _namespace(collection: str) -> str:
    if collection == DEFAULT:
        return ""
    database, dot, name = collection.partition(".")
    if not (database and dot and name):
        raise SettingsError(
            f"{collection!r} is no collection",
            where="COLLECTION",
            remedy=f"write it as database.collection, or {DEFAULT} for all that have no flag of their own",
        )
    return collection


def _gates_line(gates: tuple[GateThen, ...]) -> str:
    if not gates:
        return "no evidence"
    open_gates = [f"{then.gate} {then.result}" for then in gates if then.result is not Result.PASS]
    return ", ".join(open_gates) or "all passed"
