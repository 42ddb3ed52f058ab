"""`parallax flags`: what is done with each collection, and who has changed that."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
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
from proxy.flags.safety import Grounds, objections
from proxy.ledger.access import Access, opened
from proxy.ledger.fillings import Fillings
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
    force: Annotated[
        bool, typer.Option("--force", help="Whatever speaks against it; the ledger says so.")
    ] = False,
) -> None:
    """Change a flag, and enter that on the ledger; refused where the evidence speaks against it."""
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
    author = _Author(who=name_of(who), why=why, forces=force)
    asyncio.run(_change(settings, direction, _namespace(collection), wanted, author))


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
            f"{change.before} → {change.after}{' (forced)' if change.forced else ''}",
            change.who,
            change.why,
            _gates_line(change.gates),
        )
    Console().print(table)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Author:
    """Who changes a flag, why, and whether against all objections."""

    who: str
    why: str
    forces: bool


async def _change(
    settings: Settings, direction: Direction, namespace: str, wanted: Said, author: _Author
) -> None:
    file = _file_of(settings)
    async with opened(settings.ledger_uri) as access:
        grounds = await _grounds(settings, access, namespace)
        with sole_change(file):
            document = read_flags(file)
            before = said(document, direction, namespace)
            objected = list(objections(before, wanted, namespace=namespace, grounds=grounds))
            if objected and not author.forces:
                raise _refused(objected)
            change = FlagChange(
                at_ns=time.time_ns(),
                direction=direction,
                namespace=namespace,
                before=str(before),
                after=str(wanted),
                who=author.who,
                why=author.why,
                forced=bool(objected),
                gates=gates_then(grounds.gates),
            )
            async with FlagChanges(access).entering(change):
                write_flags(file, with_flag(document, direction, namespace, wanted))
    forced = ", forced" if change.forced else ""
    typer.echo(f"{key_of(direction, namespace)}: {change.before} → {change.after}{forced}")


async def _grounds(settings: Settings, access: Access, namespace: str) -> Grounds:
    """Return the evidence on a collection as it stands."""
    standing = await read_standing(settings.ledger_uri, settings.gates)
    fillings = await Fillings(access).all()
    return Grounds(gates=standing.of(namespace), filling=fillings.get(namespace))


def _refused(objected: Sequence[str]) -> RefusedError:
    error = RefusedError(
        "the evidence does not carry this phase",
        where="parallax flags set",
        remedy="wait for the evidence, or repeat with --force: the ledger will say so",
    )
    for objection in objected:
        error.add_note(objection)
    return error


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
