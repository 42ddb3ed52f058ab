"""`parallax gateway`: MongoDB's drivers answered from PostgreSQL alone, and the users who may log in."""

import asyncio
import ipaddress
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from adapters.registry import gateway_for
from comparators.errors import RefusedError
from proxy.capture.applied import Applied
from proxy.cli import options
from proxy.cli.certificates import tls_of
from proxy.cli.collection import settle_garbage_collection
from proxy.cli.ending import cancelled_by_signals, cancelled_without, run_until_cancelled
from proxy.cli.instead import served_instead
from proxy.cli.limits import limits_of
from proxy.cli.maps import maps_of
from proxy.cli.telling import FrontTelling, telling_front
from proxy.serving.behind import Behind
from proxy.serving.commands import monotonic
from proxy.serving.cursors import Cursors
from proxy.serving.door import OpenDoor
from proxy.serving.identity import Identity
from proxy.serving.server import Server
from proxy.serving.users import Users
from proxy.settings import Settings
from proxy.telemetry import configure_logging
from proxy.uris import address_of

GATEWAY: Final = typer.Typer(
    help="Answer MongoDB's drivers from PostgreSQL alone, without MongoDB.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
USERS: Final = typer.Typer(
    help="Show and change who may log in.", no_args_is_help=True, rich_markup_mode=None
)
GATEWAY.add_typer(USERS, name="users")
User = Annotated[str, typer.Argument(help="The name of the user.", metavar="NAME")]


@GATEWAY.callback()
def gateway(
    context: typer.Context,
    config: options.Config = None,
    gateway: options.Gateway = None,
    listen: options.Listen = None,
    advertise: options.Advertise = None,
    entities: options.Entities = None,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
    *,
    behind: Annotated[Path | None, typer.Option("--behind", hidden=True)] = None,
    instead: Annotated[Path | None, typer.Option("--instead", hidden=True)] = None,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True)] = None,
) -> None:
    """Answer MongoDB's drivers from PostgreSQL alone, without MongoDB."""
    if context.invoked_subcommand is not None:
        return
    settings = options.settings_of(
        config,
        gateway=gateway,
        listen=listen,
        advertise=advertise,
        entities=entities,
        log_level=log_level,
        log_format=log_format,
    )
    settings.demand("gateway.uri")
    configure_logging(settings.log.level, settings.log.format, part="gateway")
    settle_garbage_collection()
    # Behind and instead of MongoDB there are others beside it, one of whom has the address.
    is_alone = behind is None and instead is None
    address = settings.telemetry.prometheus if is_alone else ""
    with telling_front(settings, part="gateway", prometheus=address) as told:
        if behind is not None:
            run_until_cancelled(served_behind(settings, behind, parent, told))
        elif instead is not None:
            run_until_cancelled(served_instead(settings, instead, parent, told))
        else:
            run_until_cancelled(served(settings, told))


@USERS.command("add")
def add(user: User, config: options.Config = None, gateway: options.Gateway = None) -> None:
    """Let a user in, or change the password; it is read from a prompt, or from stdin."""
    settings = options.settings_of(config, gateway=gateway)
    password = _password()
    _with_users(settings, lambda users: users.add(user, password))


@USERS.command("rm")
def remove(user: User, config: options.Config = None, gateway: options.Gateway = None) -> None:
    """Let a user in no more."""
    settings = options.settings_of(config, gateway=gateway)
    _with_users(settings, lambda users: users.remove(user))


@USERS.command("ls")
def show(config: options.Config = None, gateway: options.Gateway = None) -> None:
    """Show who may log in."""
    settings = options.settings_of(config, gateway=gateway)

    async def printed(users: Users) -> None:
        for name in users.names:
            typer.echo(name)

    _with_users(settings, printed)


async def served(settings: Settings, told: FrontTelling) -> None:
    """Serve until terminated."""
    serving = settings.serving
    address = address_of(settings.listen.address)
    uri = settings.demand("gateway.uri")
    is_open = not _is_loopback(address.host)
    async with AsyncExitStack() as held:
        held.enter_context(cancelled_by_signals())
        users = Users(uri, everybody=is_open)
        held.push_async_callback(users.close)
        await users.prepare()
        if is_open and not users.names:
            raise RefusedError(
                f"there are no users, so that only this machine may be served, not {address.host}",
                where="[listen] address",
                remedy="add one with `parallax gateway users add NAME`, or listen on 127.0.0.1",
            )
        gateway = await held.enter_async_context(
            gateway_for(uri, connections=serving.connections, entities=maps_of(settings))
        )
        identity = Identity(replica_set=serving.replica_set)
        server = Server(
            gateway,
            door=OpenDoor(
                address.host,
                address.port,
                tls=tls_of(
                    settings.serving.tls_certificate,
                    settings.serving.tls_key,
                    where="serving.tls_certificate",
                ),
            ),
            limits=limits_of(settings),
            users=users,
            identity=lambda: identity,
            advertise=settings.listen.advertise,
            answered=told.metrics.command,
            spans=told.spans,
        )
        await server.run()


async def served_behind(
    settings: Settings, path: Path, parent: int | None, told: FrontTelling
) -> None:
    """Answer the reads of the relay that has started this process, until that is gone."""
    async with AsyncExitStack() as held:
        held.enter_context(cancelled_by_signals())
        held.enter_context(cancelled_without(parent))
        applied = Applied(settings.capture_directory)
        held.callback(applied.close)
        gateway = await held.enter_async_context(
            gateway_for(
                settings.demand("gateway.uri"),
                connections=settings.serving.connections,
                entities=maps_of(settings),
            )
        )
        serving = settings.serving
        cursors = Cursors(
            max_bytes=serving.cursor_bytes, idle_s=serving.cursor_idle_s, monotonic=monotonic
        )
        behind = Behind(
            gateway,
            path=path,
            cursors=cursors,
            definitions=lambda: applied.definitions,
            answered=told.metrics.command,
            spans=told.spans,
        )
        await behind.run()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _password() -> str:
    if sys.stdin.isatty():
        asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise RefusedError(
            "no password was given", where="stdin", remedy="write it to stdin as one line"
        )
    return password


def _with_users(settings: Settings, work: Callable[[Users], Awaitable[None]]) -> None:
    async def working() -> None:
        users = Users(settings.demand("gateway.uri"))
        try:
            await users.prepare()
            await work(users)
        finally:
            await users.close()

    asyncio.run(working())
