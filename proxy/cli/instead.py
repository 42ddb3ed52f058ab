"""The processes of a cut-over, kept by the relay: one that answers instead of MongoDB, one that keeps MongoDB current."""

import asyncio
import json
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final

from pymongo import AsyncMongoClient

from adapters.postgresql.outbox import NOTED, Outbox
from adapters.registry import gateway_for
from comparators.errors import SettingsError, UnreachableError
from proxy.capture.authority import read_authority
from proxy.cli.ending import cancelled_by_signals, cancelled_without
from proxy.cli.limits import limits_of
from proxy.cli.maps import maps_of
from proxy.cli.measuring import observed
from proxy.cli.telling import FrontTelling, stints_to
from proxy.exporters import exported
from proxy.mirror.mirror import Mirror
from proxy.mirror.target import Target
from proxy.serving.commands import monotonic
from proxy.serving.door import InnerDoor
from proxy.serving.identity import Identity, identity_of
from proxy.serving.noting import noting
from proxy.serving.retries import Retries
from proxy.serving.server import Server
from proxy.serving.users import Users
from proxy.settings import Settings
from proxy.settings_sections import Signal
from proxy.telemetry import Metrics
from proxy.tracing.drops import observe_drops
from proxy.tracing.exporting import logged, traced
from proxy.uris import redacted_uri

MIRROR_CONNECTIONS: Final = 2
LOOK_S: Final = 0.2
TRIES: Final = 50
MEASURED_EVERY_S: Final = 1.0
_LEGACY_TIMEOUT_MS: Final = 2_000


async def served_instead(
    settings: Settings, path: Path, parent: int | None, told: FrontTelling
) -> None:
    """Answer whomever the relay brings, until it is gone."""
    uri = settings.demand("gateway.uri")
    async with AsyncExitStack() as held:
        held.enter_context(cancelled_by_signals())
        held.enter_context(cancelled_without(parent))
        outbox = await held.enter_async_context(Outbox(uri))
        await outbox.prepare()
        users = Users(uri)
        held.push_async_callback(users.close)
        await users.prepare()
        gateway = await held.enter_async_context(
            gateway_for(uri, connections=settings.serving.connections, entities=maps_of(settings))
        )

        async def pending() -> bytes:
            found = await outbox.pending()
            lacking = {"notes": found.notes, "oldest_s": found.oldest_s, "is_on": found.is_on}
            return json.dumps(lacking).encode()

        server = Server(
            noting(gateway),
            door=InnerDoor(path, asked=pending, users=users),
            limits=limits_of(settings),
            users=users,
            identity=_Known(settings.capture_directory),
            retries=Retries(monotonic=monotonic, beginning=NOTED),
            answered=told.metrics.command,
            spans=told.spans,
        )
        await server.run()


class _Known:
    """Who drivers have known so far; written down by the relay before it brings the first of them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._identity: Identity | None = None

    def __call__(self) -> Identity:
        if self._identity is None:
            self._identity = identity_of(read_authority(self._directory).hello)
        return self._identity


async def mirrored(settings: Settings, parent: int | None) -> None:
    """Keep MongoDB current until the relay is gone."""
    uri, legacy = settings.demand("gateway.uri"), settings.demand("legacy.uri")
    async with AsyncExitStack() as held:
        held.enter_context(cancelled_by_signals())
        held.enter_context(cancelled_without(parent))
        while not read_authority(settings.capture_directory).is_gateway:  # noqa: ASYNC110 - another process
            await asyncio.sleep(LOOK_S)
        metrics = await _metrics(settings, held)
        trails = held.enter_context(traced(settings.telemetry, part="mirror"))
        lines = held.enter_context(logged(settings.telemetry, part="mirror"))
        observe_drops(metrics.meter, {Signal.TRACES: trails, Signal.LOGS: lines})
        outbox = await held.enter_async_context(Outbox(uri))
        await outbox.prepare()
        client: AsyncMongoClient[Any] = await held.enter_async_context(
            AsyncMongoClient(
                legacy, serverSelectionTimeoutMS=_LEGACY_TIMEOUT_MS, appname="parallax-mirror"
            )
        )
        gateway = await held.enter_async_context(
            gateway_for(uri, connections=MIRROR_CONNECTIONS, entities=maps_of(settings))
        )
        target = Target(client, where=redacted_uri(legacy))
        async with outbox.alone(), asyncio.TaskGroup() as tasks:
            tasks.create_task(_measured(outbox, metrics), name="measure")
            tasks.create_task(observed(settings, metrics).run(), name="look for metrics")
            await Mirror(outbox, gateway, target, stints=stints_to(settings, trails)).run()


async def _metrics(settings: Settings, held: AsyncExitStack) -> Metrics:
    """Take over where metrics are fetched from the verifier, which ends now."""
    tries_left = TRIES
    while True:
        try:
            return held.enter_context(exported(settings.telemetry, part="mirror"))
        except SettingsError:
            tries_left -= 1
            if not tries_left:
                raise
        await asyncio.sleep(LOOK_S)


async def _measured(outbox: Outbox, metrics: Metrics) -> None:
    """Tell once a second what MongoDB lacks."""
    while True:
        with suppress(UnreachableError):
            # The mirror tells of PostgreSQL being away.
            found = await outbox.pending()
            metrics.mirror(notes=found.notes, seconds=found.oldest_s)
        await asyncio.sleep(MEASURED_EVERY_S)
