"""Reads that the gateway answers through the relay, beside MongoDB's through the same relay, and beside a bare fetch.

    python -m benchmarks --only serving

Two collections hold the same documents; the flag of one says `gateway`. All ways take turns at each single read, one after the other on one connection
each, so that what else the machine does hits them alike. The client is the same few lines for all that speak MongoDB's protocol.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg
import bson
from bson import ObjectId
from pymongo import AsyncMongoClient

from adapters.sql.keys import key_of
from benchmarks.figure import Figure, NotMeasuredError, Part, at_most
from benchmarks.stock import DATABASE, document
from benchmarks.table import table
from proxy.cli.relay_status import read_status
from proxy.embedded import embedded_mongo, embedded_postgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.flags.document import EMPTY, Said, with_flag
from proxy.flags.file import write_flags
from proxy.flags.phases import Direction, Phase

SERVED_AIM: Final = 1.2
FLAGS_AIM: Final = 1.05
DOCUMENTS: Final = 2_000
LISTED: Final = 20
WARM_UP: Final = 100
LEAST_SHARE: Final = 0.95
"""Of the reads that the gateway was to answer."""
MOVED, STAYED = "moved", "stayed"
GATEWAY, LEGACY, WITHOUT_FLAGS, DIRECT, BARE = (
    "gateway, relay",
    "MongoDB, relay",
    "MongoDB, relay without flags",
    "MongoDB directly",
    "bare asyncpg fetch",
)

Way = Callable[[int], Awaitable[object]]
Find = Callable[[ObjectId], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A read by the number of a document, as MongoDB and as PostgreSQL are asked."""

    find: Find
    sql: str


LOADS: Final[Mapping[str, Load]] = {
    "find by _id": Load(
        find=lambda identifier: {"filter": {"_id": identifier}, "limit": 1},
        sql=f'SELECT bson FROM "{DATABASE}"."{MOVED}" WHERE id = $1',  # noqa: S608 - our own names
    ),
    f"list of {LISTED}": Load(
        find=lambda identifier: {
            "filter": {"_id": {"$gte": identifier}},
            "sort": {"_id": 1},
            "limit": LISTED,
        },
        sql=f'SELECT bson FROM "{DATABASE}"."{MOVED}" WHERE id >= $1 ORDER BY id LIMIT {LISTED}',  # noqa: S608 - our own names
    ),
}


class Line:
    """One connection to something that speaks MongoDB's protocol."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = count(1)

    async def find(self, name: str, command: Mapping[str, Any]) -> bytes:
        """Ask for documents and return the reply as it came."""
        body = bson.encode({"find": name, **command, "$db": DATABASE})
        head = (21 + len(body), next(self._numbers), 0, 2013, 0)
        numbers = b"".join(each.to_bytes(4, "little") for each in head)
        self._writer.write(numbers + b"\x00" + body)
        size = int.from_bytes(await self._reader.readexactly(4), "little")
        return await self._reader.readexactly(size - 4)

    def close(self) -> None:
        self._writer.close()


async def benchmark(*, rounds: int, seconds: float) -> Part:
    """Start everything, measure in turns, and return the figures."""
    with tempfile.TemporaryDirectory(prefix="parallax-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        flags = directory / "flags.json"
        moved = Said(phase=Phase.GATEWAY)
        write_flags(flags, with_flag(EMPTY, Direction.READS, f"{DATABASE}.{MOVED}", moved))
        async with (
            embedded_mongo(directory / "mongo") as mongo,
            embedded_postgres(directory / "postgresql") as postgres,
            embedded_sidecar(
                directory / "flagged",
                legacy=mongo.uri,
                gateway=postgres.dsn,
                settings={"PARALLAX_FLAGS_FILE": str(flags)},
            ) as sidecar,
            embedded_sidecar(
                directory / "plain",
                legacy=mongo.uri,
                gateway=postgres.dsn,
                arguments=["--no-verifier"],
            ) as plain,
        ):
            await _fill(sidecar)
            ports = (sidecar.port, plain.port, mongo.members[0].port)
            bare = await asyncpg.connect(postgres.dsn)
            lines = [Line(*await asyncio.open_connection("127.0.0.1", each)) for each in ports]
            try:
                await bare.execute(f'VACUUM ANALYZE "{DATABASE}"."{MOVED}"')
                found = {
                    load: await _measured(sidecar, lines, bare, load, rounds, seconds)
                    for load in LOADS
                }
            finally:
                for line in lines:
                    line.close()
                await bare.close()
    return _part(found)


async def _fill(sidecar: EmbeddedSidecar) -> None:
    documents = [document(number) for number in range(DOCUMENTS)]
    async with AsyncMongoClient[dict[str, Any]](sidecar.uri) as client:
        for name in (MOVED, STAYED):
            await client[DATABASE][name].insert_many(documents)
    await sidecar.drained(within_s=300)


def _ways(lines: Sequence[Line], bare: "asyncpg.Connection[Any]", load: Load) -> dict[str, Way]:
    flagged, plain, direct = lines

    def asking(line: Line, name: str) -> Way:
        return lambda number: line.find(name, load.find(_identifier(number)))

    return {
        GATEWAY: asking(flagged, MOVED),
        LEGACY: asking(flagged, STAYED),
        WITHOUT_FLAGS: asking(plain, STAYED),
        DIRECT: asking(direct, STAYED),
        BARE: lambda number: bare.fetch(load.sql, key_of(_identifier(number))),
    }


def _identifier(number: int) -> ObjectId:
    return ObjectId((number * 7919 % (DOCUMENTS - LISTED)).to_bytes(12))


async def _measured(
    sidecar: EmbeddedSidecar,
    lines: Sequence[Line],
    bare: "asyncpg.Connection[Any]",
    load: str,
    rounds: int,
    seconds: float,
) -> dict[str, list[float]]:
    """Return the median of each way in each round, in microseconds."""
    print(f"{load} …", file=sys.stderr)
    ways = _ways(lines, bare, LOADS[load])
    for number in range(WARM_UP):
        for way in ways.values():
            await way(number)
    await sidecar.drained(within_s=300)
    before = await _gateway_reads(sidecar)
    medians: dict[str, list[float]] = {name: [] for name in ways}
    for first in range(rounds):
        times = await _round(ways, first, seconds)
        for name, spent in times.items():
            medians[name].append(median(spent))
        await sidecar.drained(within_s=300)
    after = await _gateway_reads(sidecar)
    served, asked = (now - then for now, then in zip(after, before, strict=True))
    if served < LEAST_SHARE * asked:
        raise NotMeasuredError(f"the gateway answered {served} of {asked} reads alone ({load})")
    return medians


async def _round(ways: Mapping[str, Way], first: int, seconds: float) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    end_s = time.perf_counter() + seconds * len(ways)
    for number in count():
        if time.perf_counter() >= end_s:
            return times
        shift = (first + number) % len(names)
        for name in names[shift:] + names[:shift]:
            began_s = time.perf_counter()
            await ways[name](number)
            times[name].append((time.perf_counter() - began_s) * 1e6)
    raise AssertionError("numbers have no end")


async def _gateway_reads(sidecar: EmbeddedSidecar) -> tuple[int, int]:
    """Return how many reads the gateway has answered, of how many; the relay writes that once a second."""
    written_s = time.time()
    while True:
        await asyncio.sleep(0.2)
        status = read_status(sidecar.data)
        if status is not None and time.time() - status.age_s > written_s:
            reads = status.counts["gateway_reads"]
            return int(reads.get("served", 0)), int(sum(reads.values()))


def _part(found: Mapping[str, Mapping[str, Sequence[float]]]) -> Part:
    figures: list[Figure] = []
    for load, ways in found.items():
        rounds = list(zip(*(ways[name] for name in _ORDER), strict=True))
        whole = [
            gate / (bare + max(relayed - direct, 0.0)) for gate, relayed, _, direct, bare in rounds
        ]
        figures += [
            Figure(
                name=f"served : bare fetch and the relay's hop, {load}",
                value=median(whole),
                aim=at_most(SERVED_AIM),
            ),
            Figure(
                name=f"served : MongoDB through the relay, {load}",
                value=median(gate / relayed for gate, relayed, *_ in rounds),
            ),
            Figure(
                name=f"with flags : without, {load}",
                value=median(relayed / plain for _, relayed, plain, *_ in rounds),
                aim=at_most(FLAGS_AIM),
            ),
        ]
    rows = [(load, name, median(ways[name])) for load, ways in found.items() for name in _ORDER]
    return Part(figures=tuple(figures), text=table(("load", "way", "p50 µs"), rows), detail=found)


_ORDER: Final = (GATEWAY, LEGACY, WITHOUT_FLAGS, DIRECT, BARE)
