"""`parallax serve`: the relay in this process, the verifier in one beside it."""

import asyncio
from contextlib import ExitStack
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer

from comparators.errors import RefusedError
from comparators.rules import Rules
from proxy.capture.announced import Announcement
from proxy.capture.applications import Applications
from proxy.capture.authority import read_authority
from proxy.capture.limits import CaptureLimits
from proxy.capture.writer import CaptureWriter
from proxy.cli import options
from proxy.cli.collection import settle_garbage_collection
from proxy.cli.ending import cancelled_by_signals, run_until_cancelled
from proxy.cli.relay_status import write_status
from proxy.cli.supervise import keep_http, keep_verifier
from proxy.flags.named import factory_of
from proxy.http.tokens import read_tokens
from proxy.settings import Settings
from proxy.telemetry import configure_logging
from proxy.tracing.exporting import logged
from proxy.uris import address_of, redacted_uri
from proxy.wire.legacy import legacy_servers
from proxy.wire.listener import Listener

_log = structlog.get_logger()

_TEND_S: Final = 1.0
_LOOK_S: Final = 0.05


def serve(
    config: options.Config = None,
    legacy: options.Legacy = None,
    gateway: options.Gateway = None,
    listen: options.Listen = None,
    advertise: options.Advertise = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    rules: options.Rules = None,
    entities: options.Entities = None,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
    *,
    verifier: Annotated[bool, typer.Option(help="Run the verifier beside the relay.")] = True,
    injection: options.Injection = None,
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
        entities=entities,
        log_level=log_level,
        log_format=log_format,
    )
    settings.demand("legacy.uri")
    if verifier:
        settings.demand("gateway.uri")
        # Before anything listens: what the verifier could not work with is told while somebody looks. A rule
        # that has merely expired stops the verifier alone: a restart at night must not cost the application its database.
        Rules.load(settings.rules_file, date.min)
    if settings.http.listen:
        read_tokens(settings.tokens_file)
    if settings.flags.provider:
        factory_of(settings.flags.provider)
    configure_logging(settings.log.level, settings.log.format, part="relay")
    settle_garbage_collection()
    with logged(settings.telemetry, part="relay"):
        run_until_cancelled(relay(settings, with_verifier=verifier, injection=injection))


async def relay(settings: Settings, *, with_verifier: bool, injection: Path | None = None) -> None:
    """Relay until terminated."""
    uri = settings.demand("legacy.uri")
    capture = CaptureWriter(
        settings.capture_directory,
        opened={"version": version("parallax"), "legacy": redacted_uri(uri)},
        limits=CaptureLimits(
            segment_bytes=settings.capture.segment_bytes, max_bytes=settings.capture.max_bytes
        ),
    )
    listen = address_of(settings.listen.address)
    listener = Listener(
        servers=legacy_servers(uri),
        capture=capture,
        host=listen.host,
        port=listen.port,
        advertise=settings.listen.advertise or None,
        max_connections=settings.listen.max_connections,
        applications=Applications(settings.capture_directory),
    )
    with ExitStack() as held:
        held.callback(capture.close)
        held.enter_context(cancelled_by_signals())
        verifying = partial(keep_verifier, settings, injection) if with_verifier else None
        async with asyncio.TaskGroup() as tasks:
            is_gateway = read_authority(settings.capture_directory).is_gateway
            if is_gateway and settings.flags_file is None:
                raise RefusedError(
                    "PostgreSQL has had the last word since the cut-over, and nothing says how to go back",
                    where="flags.file",
                    remedy="name the flags file that was there: MongoDB alone would answer with old documents",
                )
            if settings.has_flags:
                # Only here: a relay without flags is spared what they take.
                from proxy.cli.flagged import go_by_flags

                held.enter_context(
                    go_by_flags(
                        settings,
                        listener,
                        tasks,
                        end=capture.end,
                        verifying=verifying,
                    )
                )
            elif verifying is not None:
                tasks.create_task(verifying(None), name="verifier")
            tasks.create_task(_tend(settings, capture, listener), name="tend capture")
            await _announced(settings)
            tasks.create_task(listener.run(), name="listener")
            if settings.http.listen:
                tasks.create_task(keep_http(settings), name="http")


async def _announced(settings: Settings) -> None:
    """Wait until other sidecars know of this one, only as long as the settings allow."""
    within_s = settings.listen.after_verifier_s
    if not within_s:
        return
    announcement = Announcement(settings.capture_directory)
    try:
        async with asyncio.timeout(within_s):
            while True:
                if announcement.is_put:
                    return
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        _log.warning("relay_not_announced", waited_s=within_s)


async def _tend(settings: Settings, capture: CaptureWriter, listener: Listener) -> None:
    """Look after the log and write the relay's status, once a second."""
    while True:
        await asyncio.sleep(_TEND_S)
        capture.tend()
        counts = {
            "state": capture.state.value,
            "bytes": capture.total_bytes,
            "dropped_reads": capture.dropped_reads,
            "lost_writes": capture.lost_writes,
        }
        try:
            write_status(settings.data_directory, listener.snapshot(), counts)
        except OSError as error:
            _log.warning("status_not_written", error=error.strerror)
