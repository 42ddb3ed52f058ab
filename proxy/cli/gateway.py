"""`parallax gateway`: MongoDB's drivers answered from PostgreSQL alone."""

from typing import Final

import typer

from adapters.registry import gateway_for
from proxy.cli import options
from proxy.cli.collection import settle_garbage_collection
from proxy.cli.ending import cancelled_by_signals, run_until_cancelled
from proxy.cli.maps import maps_of
from proxy.serving.server import Server, ServerLimits
from proxy.settings import Settings
from proxy.telemetry import configure_logging
from proxy.uris import address_of

GATEWAY: Final = typer.Typer(
    help="Answer MongoDB's drivers from PostgreSQL alone, without MongoDB.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


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
) -> None:
    """Answer MongoDB's drivers from PostgreSQL alone, without MongoDB."""
    settings = options.settings_of(
        config,
        gateway=gateway,
        listen=listen,
        advertise=advertise,
        entities=entities,
        log_level=log_level,
        log_format=log_format,
    )
    context.obj = settings
    if context.invoked_subcommand is not None:
        return
    settings.demand("gateway.uri")
    configure_logging(settings.log.level, settings.log.format, part="gateway")
    settle_garbage_collection()
    run_until_cancelled(served(settings))


async def served(settings: Settings) -> None:
    """Serve until terminated."""
    serving = settings.serving
    address = address_of(settings.listen.address)
    with cancelled_by_signals():
        async with gateway_for(
            settings.demand("gateway.uri"),
            connections=serving.connections,
            entities=maps_of(settings),
        ) as gateway:
            server = Server(
                gateway,
                host=address.host,
                port=address.port,
                limits=_limits(settings),
                replica_set=serving.replica_set,
                advertise=settings.listen.advertise,
            )
            await server.run()


def _limits(settings: Settings) -> ServerLimits:
    serving = settings.serving
    return ServerLimits(
        connections=settings.listen.max_connections,
        transactions=max(1, serving.connections // 2),
        cursor_bytes=serving.cursor_bytes,
        cursor_idle_s=serving.cursor_idle_s,
        transaction_s=serving.transaction_s,
        drain_s=serving.drain_s,
    )
