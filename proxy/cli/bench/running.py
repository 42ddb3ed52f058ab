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

from comparators.errors import ParallaxError, SettingsError
from proxy.cli.bench.told import about_machine
from proxy.cli.bench.ways import Opened, Way, opened_ways
from proxy.cli.ending import cancelled_by_signals
from proxy.jobs.bench.captured import captured
from proxy.jobs.bench.comparing import demand_comparable
from proxy.jobs.bench.consumption import Meter, Meters, MongoMeter, OwnMeter, ProcessMeter
from proxy.jobs.bench.copying import copied
from proxy.jobs.bench.databases import client_of, demand_free, drop, names_for
from proxy.jobs.bench.files import read_operations
from proxy.jobs.bench.history import Benchmark
from proxy.jobs.bench.measuring import Extent, Target, measure
from proxy.jobs.bench.operations import Operations
from proxy.jobs.bench.postmaster import postmaster_of
from proxy.jobs.bench.recording import recorded
from proxy.settings import Settings
from proxy.uris import redacted_uri

_RECORDING: Final = "recording"
LEAST: Final = 20
"""Fewer operations than this are no measurement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for. The operations are those of `file` or `log`, else of the built-in workload.

    `copy` documents of each collection of a log are there before; `before` is an earlier run to compare with.
    """

    wanted: frozenset[Way]
    running: dict[Way, str]
    extent: Extent
    file: Path | None
    log: Path | None
    copy: int
    seed: int
    prefix: str
    force: bool
    before: Benchmark | None


async def benchmark(settings: Settings, asked: Asked) -> Benchmark:
    """Start what is needed, measure in turns, and return the figures."""
    known = _read(asked)
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
            operations = await _operations(settings, asked, known, ways.opened[0])
            extent = fitted(asked.extent, operations)
            if asked.before is not None:
                demand_comparable(asked.before, operations.digest, where="--against")
            targets = [await _target(held, way, operations, asked, settings) for way in ways.opened]
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


def _read(asked: Asked) -> Operations | None:
    """Return the operations of a file or a log; None for the built-in workload."""
    if asked.file is not None and asked.log is not None:
        raise SettingsError(
            "operations come from a file or from a log, not from both",
            where="--file, --capture",
            remedy="leave one of them out",
        )
    if asked.file is not None:
        found = read_operations(asked.file)
    elif asked.log is not None:
        found = captured(asked.log)
    else:
        return None
    if not found.units:
        left_out = ", ".join(f"{n} {name}" for name, n in found.left_out.items())
        raise SettingsError(
            f"there is nothing to drive: {left_out or 'no operations'}",
            where=found.source,
            remedy="docs/bench.md tells what is driven: what reads and writes documents",
        )
    return found


async def _operations(
    settings: Settings, asked: Asked, known: Operations | None, first: Opened
) -> Operations:
    if known is None:
        return await _recorded(first, asked)
    if asked.log is None or not asked.copy:
        return known
    uri = settings.legacy.uri
    if not uri:
        typer.echo("legacy.uri is not set: nothing is there for captured reads to find")
        return known
    where = f"legacy.uri, {redacted_uri(uri)}"
    typer.echo(
        f"{where}: reads up to {asked.copy:,} documents of each collection, for captured reads to find"
    )
    async with client_of(uri, target=where, connections=1) as client:
        return await copied(client, known, most=asked.copy)


async def _recorded(way: Opened, asked: Asked) -> Operations:
    """Let the built-in workload run once, in a database of its own."""
    (name,) = names_for(asked.prefix, _RECORDING, [_RECORDING]).values()
    where = _shown(way)
    count = asked.extent.warm_up + asked.extent.count
    async with client_of(way.uri, target=where, connections=1) as client:
        await demand_free(client, [name], target=where, force=asked.force)
        typer.echo(f"{way.way.value}: records the built-in workload in {name}, and drops it")
        try:
            return await recorded(way.uri, name, target=where, seed=asked.seed, count=count)
        finally:
            await _drop(client, [name], where)


async def _target(
    held: AsyncExitStack, way: Opened, operations: Operations, asked: Asked, settings: Settings
) -> Target:
    where = _shown(way)
    names = names_for(asked.prefix, way.way.value, operations.databases)
    most = max(load.connections for load in asked.extent.loads)
    client = await held.enter_async_context(client_of(way.uri, target=where, connections=most))
    await demand_free(client, names.values(), target=where, force=asked.force)
    held.push_async_callback(_drop, client, list(names.values()), where)
    return Target(
        name=way.way.value,
        where=where,
        client=client,
        operations=operations.in_databases(names),
        meter=Meters(meters=await _meters(way, client, settings)),
    )


async def _drop(client: AsyncMongoClient[Any], names: Sequence[str], where: str) -> None:
    """Drop what was made; where that fails, say what stays, and let the reason for the end be told."""
    try:
        await drop(client, names, target=where)
    except ParallaxError as error:
        typer.echo(f"{where}: {', '.join(names)} may have stayed there: {error.what}", err=True)


async def _meters(way: Opened, client: AsyncMongoClient[Any], settings: Settings) -> list[Meter]:
    found: list[Meter] = [OwnMeter()]
    if way.process is not None:
        found.append(ProcessMeter(part=way.part, pid=way.process))
    if way.way is not Way.GATEWAY:
        found.append(MongoMeter(client=client))
    elif settings.gateway.uri and (pid := await postmaster_of(settings.gateway.uri)) is not None:
        found.append(ProcessMeter(part="postgresql", pid=pid))
    return found


def _shown(way: Opened) -> str:
    return f"{way.way.value}, {redacted_uri(way.uri)}"
