"""`parallax flags`: what is done with each collection, and who has changed that."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from comparators.errors import RefusedError, SettingsError
from proxy.cli import options
from proxy.cli.asked import Who, name_of
from proxy.cli.flags_file import flags_file_of, namespace_of
from proxy.flags.document import DEFAULT, WHOLE, Said, key_of, said, standings
from proxy.flags.file import read_flags
from proxy.flags.phases import Direction, Phase, not_built
from proxy.ledger.gates import Result
from proxy.settings import Settings

if TYPE_CHECKING:
    # Who asks what the flags say needs neither the ledger nor the gateway: each command loads what it uses.
    from proxy.cli.changing import Author, Wish
    from proxy.ledger.flag_changes import FlagChange, GateThen

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
def ls(config: options.Config = None, data: options.DataDirectory = None) -> None:
    """Show what the flags say."""
    settings = options.settings_of(config, data=data)
    if settings.flags.provider:
        from proxy.cli.flags_provided import provided

        Console().print(asyncio.run(provided(settings)))
        return
    table = Table("collection", "reads", "writes")
    document = read_flags(flags_file_of(settings))
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
    from proxy.cli.changing import Author, Wish
    from proxy.cli.flags_cutover import change_everything, concerns_cutover

    settings = options.settings_of(config, data=data, ledger=ledger)
    author = Author(who=name_of(who), why=_reason(why), forces=force)
    file, namespace = flags_file_of(settings), namespace_of(collection)
    if concerns_cutover(file, namespace, phase):
        asyncio.run(change_everything(settings, file, phase, author))
        return
    reason = not_built(direction, phase)
    if reason is not None:
        raise RefusedError(
            reason, where="parallax flags set", remedy="docs/flags.md says which phases there are"
        )
    wanted = Said(phase=phase, percent=percent)
    wish = Wish(direction=direction, namespace=namespace, said=wanted)
    asyncio.run(_change(settings, wish, author))


@FLAGS.command("release")
def release(
    collection: Collection,
    config: options.Config = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    *,
    who: Who = None,
    why: Annotated[str, typer.Option("--why", help="The reason, for the ledger.")] = "",
) -> None:
    """Release what a roll-back holds back of another provider's flags, and enter that on the ledger."""
    from proxy.cli.changing import Author
    from proxy.cli.flags_provided import released

    settings = options.settings_of(config, data=data, ledger=ledger)
    author = Author(who=name_of(who), why=_reason(why))
    namespace = namespace_of(collection)
    for changed in asyncio.run(released(settings, namespace, author)):
        typer.echo(told(changed))


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
    from proxy.ledger.access import opened
    from proxy.ledger.flag_changes import FlagChanges

    settings = options.settings_of(config, data=data, ledger=ledger)
    namespace = None if collection is None else namespace_of(collection)

    async def read() -> "list[FlagChange]":
        async with opened(settings.ledger_uri) as access:
            return await FlagChanges(access).read(namespace=namespace)

    table = Table("when", "collection", "change", "who", "why", "gates then")
    for each in asyncio.run(read()):
        table.add_row(
            f"{datetime.fromtimestamp(each.at_ns / 1e9, UTC).astimezone():%Y-%m-%d %H:%M:%S}",
            f"{each.namespace or DEFAULT} {each.direction}",
            f"{each.before} → {each.after}{' (forced)' if each.forced else ''}",
            each.who,
            each.why,
            _gates_line(each.gates),
        )
    Console().print(table)


async def _change(settings: Settings, wish: "Wish", author: "Author") -> None:
    from proxy.cli.changing import change
    from proxy.ledger.access import opened

    async with opened(settings.ledger_uri) as access:
        changed = await change(settings, access, wish, author)
    if changed is not None:
        typer.echo(told(changed))


def _reason(why: str) -> str:
    if not why:
        raise SettingsError(
            "a change of a flag goes on the ledger with its reason",
            where="--why",
            remedy='give a reason, as in --why "ticket 17"',
        )
    return why


def told(changed: "FlagChange") -> str:
    """Return a change on one line."""
    key = key_of(Direction(changed.direction), changed.namespace)
    return f"{key}: {changed.before} → {changed.after}{', forced' if changed.forced else ''}"


def _gates_line(gates: "tuple[GateThen, ...]") -> str:
    if not gates:
        return "no evidence"
    open_gates = [f"{then.gate} {then.result}" for then in gates if then.result is not Result.PASS]
    return ", ".join(open_gates) or "all passed"
