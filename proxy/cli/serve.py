"""`parallax serve`: the relay in this process, the verifier in one beside it."""

import asyncio
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Annotated, Final

import typer

from proxy.capture.limits import CaptureLimits
from proxy.capture.writer import CaptureWriter
from proxy.cli import options
from proxy.cli.ending import cancelled_by_signals, run_until_cancelled
from proxy.cli.supervise import keep_verifier
from proxy.settings import Settings
from proxy.telemetry import configure_logging
from proxy.uris import redacted_uri
from proxy.wire.legacy import legacy_servers

_TEND_S: Final = 1.0


def serve(
    config: options.Config = None,
    legacy: options.Legacy = None,
    gateway: options.Gateway = None,
    listen: options.Listen = None,
    advertise: options.Advertise = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    rules: options.Rules = None,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
    *,
    verifier: Annotated[bool, typer.Option(help="Run the verifier beside the relay.")] = True,
) -> None:
    """Stand between application and MongoDB, capture every operation, and verify it."""
    settings = options.settings_of(
        config,
        legacy=legacy,
        gateway=gateway,
        listen=listen,
        advertise=advertise,
        data=data,
        ledger=ledger,
        rules=rules,
        log_level=log_level,
        log_format=log_format,
    )
    settings.demand("legacy.uri")
    if verifier:
        settings.demand("gateway.uri")
    configure_logging(settings.log.level, settings.log.format, part="relay")
    run_until_cancelled(relay(settings, with_verifier=verifier))


async def relay(settings: Settings, *, with_verifier: bool) -> None:
    """Relay until terminated."""
    uri = settings.demand("legacy.uri")
    servers = legacy_servers(uri)
    capture = CaptureWriter(
        settings.capture_directory,
        opened={"version": version("parallax"), "legacy": redacted_uri(uri)},
        limits=CaptureLimits(
            segment_bytes=settings.capture.segment_bytes, max_bytes=settings.capture.max_bytes
        ),
    )
    async with AsyncExitStack() as held:
        held.callback(capture.close)
        held.enter_context(cancelled_by_signals())
        del servers
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_tend(capture), name="tend capture")
            if with_verifier:
                tasks.create_task(keep_verifier(settings), name="verifier")
