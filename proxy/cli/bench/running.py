"""One run of a benchmark, from the operations to the figures; what it made is dropped whatever happens."""

import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typer
from pymongo import AsyncMongoClient

from comparators.errors import SettingsError
from proxy.cli.bench.told import about_machine
from proxy.cli.bench.ways import Opened, Way, opened_ways
from proxy.cli.ending import cancelled_by_signals
from proxy.jobs.bench.consumption import Meter, Meters, MongoMeter, OwnMeter, ProcessMeter
from proxy.jobs.bench.databases import client_of, demand_free, drop, names_for
from proxy.jobs.bench.files import read_operations
from proxy.jobs.bench.history import Benchmark
from proxy.jobs.bench.measuring import Extent, Target, measure
from proxy.jobs.bench.operations import Operations
from proxy.jobs.bench.recording import recorded
from proxy.settings import Settings
from proxy.uris import redacted_uri

_RECORDING: Final = "recording"
LEAST: Final = 20
"""Fewer operations than this are no measurement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for. `file` holds the operations; None: the built-in workload."""

    wanted: frozenset[Way]
    running: dict[Way, str]
    extent: Extent
    file: Path | None
    seed: int
    prefix: str
    force: bool


async def benchmark(settings: Settings, asked: Asked) -> Benchmark:
    """Start what is needed, measure in turns, and return the figures."""
    operations = None if asked.file is None else read_operations(asked.file)
    with tempfile.TemporaryDirectory(prefix="parallax-bench-") as name:
        async with AsyncExitStack() as held:
            held.enter_context(cancelled_by_signals())
            ways = await held.enter_async_context(
                opened_ways(settings, Path(name), wanted=asked.wanted, running=asked.running)
            )
            if not ways.opened:
                raise SettingsError(
                    "there is nothing to measure",
                    where="legacy.uri, gateway.uri",
                    remedy="say where MongoDB is with --legacy, and PostgreSQL with --gateway",
                )
            operations = operations or await _recorded(ways.opened[0], asked)
            extent = fitted(asked.extent, operations)
            targets = [await _target(held, way, operations, asked) for way in ways.opened]
            for each in targets:
                names = ", ".join(each.operations.databases)
                typer.echo(f"{each.name}: makes, fills and drops {names}; writes nowhere else")
            measured = await measure(targets, extent, told=typer.echo)
    return Benchmark(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        about=about_machine(),
        source=operations.source,
        digest=operations.digest,
        operations=operations.counts,
        left_out=operations.left_out,
        absent=ways.absent,
        warm_up=extent.warm_up,
        measured=measured,
    )


def fitted(extent: Extent, operations: Operations) -> Extent:
    """Return the extent that the operations carry: those that only read are repeated, writes are not."""
    there, wanted = len(operations.units), extent.warm_up + extent.count
    if not there:
        left_out = ", ".join(f"{n} {name}" for name, n in operations.left_out.items())
        raise SettingsError(
            f"there is nothing to drive: {left_out or 'no operations'}",
            where=operations.source,
            remedy="docs/bench.md tells what is driven: what reads and writes documents",
        )
    if there >= wanted or not any(unit.writes for unit in operations.units):
        return extent
    warm_up = there * extent.warm_up // wanted
    if there - warm_up < LEAST:
        raise SettingsError(
            f"{there} operations are too few: what writes is not driven twice",
            where=operations.source,
            remedy=f"give at least {LEAST} that are timed, and what --warm-up takes",
        )
    return replace(extent, warm_up=warm_up, count=there - warm_up)


async def _recorded(way: Opened, asked: Asked) -> Operations:
    """Let the built-in workload run once, in a database of its own."""
    (name,) = names_for(asked.prefix, _RECORDING, [_RECORDING]).values()
    where = _shown(way)
    async with client_of(way.uri, target=where, connections=1) as client:
        await demand_free(client, [name], target=where, force=asked.force)
        typer.echo(f"{way.way.value}: records the built-in workload in {name}, and drops it")
        count = asked.extent.warm_up + asked.extent.count
        try:
            return await recorded(way.uri, name, seed=asked.seed, count=count)
        finally:
            await drop(client, [name])


async def _target(
    held: AsyncExitStack, way: Opened, operations: Operations, asked: Asked
) -> Target:
    where = _shown(way)
    names = names_for(asked.prefix, way.way.value, operations.databases)
    most = max(load.connections for load in asked.extent.loads)
    client = await held.enter_async_context(client_of(way.uri, target=where, connections=most))
    await demand_free(client, names.values(), target=where, force=asked.force)
    held.push_async_callback(drop, client, names.values())
    return Target(
        name=way.way.value,
        client=client,
        operations=operations.in_databases(names),
        meter=Meters(meters=_meters(way, client)),
    )


def _meters(way: Opened, client: AsyncMongoClient[Any]) -> Sequence[Meter]:
    found: list[Meter] = [OwnMeter()]
    if way.process is not None:
        found.append(ProcessMeter(part=way.part, pid=way.process))
    if way.way is not Way.GATEWAY:
        found.append(MongoMeter(client=client))
    return found


def _shown(way: Opened) -> str:
    return f"{way.way.value}, {redacted_uri(way.uri)}"
