"""`parallax mirror`: keep MongoDB current after the cut-over, or no longer."""

import asyncio
from typing import Annotated, Final

import typer

from adapters.postgresql.outbox import Outbox, Pending
from comparators.errors import SettingsError
from proxy.cli import options
from proxy.cli.asked import Who, name_of
from proxy.cli.collection import settle_garbage_collection
from proxy.cli.ending import run_until_cancelled
from proxy.cli.instead import mirrored
from proxy.settings import Settings
from proxy.telemetry import configure_logging

MIRROR: Final = typer.Typer(
    help="Keep MongoDB current after the cut-over, or no longer.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Why = Annotated[str, typer.Option("--why", help="The reason; it is kept.")]


@MIRROR.command("run", hidden=True)
def run(
    config: options.Config = None,
    *,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True)] = None,
) -> None:
    """Copy what the gateway has written to MongoDB. The relay keeps this process."""
    settings = options.settings_of(config)
    configure_logging(settings.log.level, settings.log.format, part="mirror")
    settle_garbage_collection()
    run_until_cancelled(mirrored(settings, parent))


@MIRROR.command("status")
def status(config: options.Config = None, gateway: options.Gateway = None) -> None:
    """Show how many writes MongoDB lacks; ends with 1 when it is not kept current."""
    settings = options.settings_of(config, gateway=gateway)
    found = asyncio.run(_pending(settings))
    if not found.is_on:
        typer.echo("off: MongoDB lacks what was written since")
        raise typer.Exit(1)
    typer.echo(f"on: MongoDB lacks {found.notes} writes, the oldest for {found.oldest_s:.1f} s")


@MIRROR.command("off")
def off(
    config: options.Config = None,
    gateway: options.Gateway = None,
    *,
    who: Who = None,
    why: Why = "",
) -> None:
    """Leave MongoDB as it is: from here on there is no way back without copying everything."""
    _turn(options.settings_of(config, gateway=gateway), on=False, who=name_of(who), why=why)
    typer.echo("off: MongoDB stays as it is")


@MIRROR.command("on")
def on(
    config: options.Config = None,
    gateway: options.Gateway = None,
    *,
    who: Who = None,
    why: Why = "",
) -> None:
    """Keep MongoDB current again. After `off` every collection there is dropped and copied anew."""
    _turn(options.settings_of(config, gateway=gateway), on=True, who=name_of(who), why=why)
    typer.echo("on: MongoDB is brought up to date")


def _turn(settings: Settings, *, on: bool, who: str, why: str) -> None:
    if not why:
        raise SettingsError(
            "a change of the mirror is kept with its reason",
            where="--why",
            remedy='give a reason, as in --why "ticket 17"',
        )

    async def turned() -> None:
        async with Outbox(settings.demand("gateway.uri")) as outbox:
            await outbox.turn(on=on, who=who, why=why)

    asyncio.run(turned())


async def _pending(settings: Settings) -> Pending:
    async with Outbox(settings.demand("gateway.uri")) as outbox:
        await outbox.prepare()
        return await outbox.pending()
