"""A sweep of collections that are equal, beside fetching both sides with their drivers and comparing the documents.

    python -m benchmarks.sweep --documents 1000000

Both read everything there is, in turns. The plain way merges two cursors in the order of `_id`, decodes each document
with the drivers' own BSON and compares it as a dictionary, which is blind to the order of fields and the types of numbers.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg
import bson
import uvloop
from pymongo import AsyncMongoClient

from adapters.postgresql.digests import Digests
from benchmarks.figure import Figure, NotMeasuredError, Part, at_least, at_most
from benchmarks.processes import ended
from benchmarks.stock import DATABASE, fill_gateway, fill_legacy
from benchmarks.table import table
from proxy.embedded import embedded_mongo, embedded_postgres
from proxy.jobs.asking import Asking
from proxy.jobs.budget import Budget
from proxy.jobs.runners.local import LocalRunner
from proxy.jobs.sweep import Sweep
from proxy.ledger.access import opened
from proxy.ledger.orders import Orders
from proxy.ledger.sweeps import Sweeps
from proxy.ledger.write import Ledger

DOCUMENTS: Final = 100_000
FASTER_AIM: Final = 3.0
LINEAR_AIM: Final = 1.5
"""What a document may cost in the largest collection, as a multiple of what it costs in one of a tenth."""

PREFETCHED: Final = 1_000
PLACES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """One size: seconds, medians over the rounds, and processor time of this process per document.

    Memory is the greatest that `parallax sweep` as a process has.
    """

    documents: int
    sweep_s: float
    plain_s: float
    sweep_cpu_us: float
    plain_cpu_us: float
    command_mib: float

    @property
    def faster(self) -> float:
        return self.plain_s / self.sweep_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Where both sides and a ledger are."""

    uri: str
    dsn: str
    ledger: str


async def benchmark(*, rounds: int, documents: int = DOCUMENTS) -> Part:
    """Measure at a tenth of the documents, and at all of them; from a million on at a hundredth as well."""
    sizes = [documents // 10, documents]
    if documents >= 1_000_000:
        sizes.insert(0, documents // 100)
    with tempfile.TemporaryDirectory(prefix="parallax-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        async with (
            embedded_mongo(directory / "mongo") as mongo,
            embedded_postgres(directory / "postgres") as postgres,
        ):
            ledger = f"sqlite:///{directory / 'ledger.db'}"
            await (await Ledger.open(ledger)).close()
            sides = Sides(uri=mongo.uri, dsn=postgres.dsn, ledger=ledger)
            found = [await _measured(sides, size, rounds) for size in sizes]
    return _part(found)


async def _measured(sides: Sides, documents: int, rounds: int) -> Swept:
    name = f"orders_{documents}"
    async with AsyncMongoClient[Any](sides.uri, serverMonitoringMode="poll") as client:
        await fill_legacy(client[DATABASE][name], documents)
    await fill_gateway(sides.dsn, name, documents)
    ways = (lambda: swept(sides, name, documents), lambda: compared(sides, name, documents))
    times: list[list[tuple[float, float]]] = [[], []]
    for turn in range(rounds):
        for at in ((0, 1), (1, 0))[turn % 2]:
            times[at].append(await _timed(ways[at]))
    (sweep_s, sweep_cpu_s), (plain_s, plain_cpu_s) = (
        [median(each) for each in zip(*of_way, strict=True)] for of_way in times
    )
    return Swept(
        documents=documents,
        sweep_s=sweep_s,
        plain_s=plain_s,
        sweep_cpu_us=sweep_cpu_s / documents * 1e6,
        plain_cpu_us=plain_cpu_s / documents * 1e6,
        command_mib=_run_sweep(sides, name),
    )


def _run_sweep(sides: Sides, name: str) -> float:
    """Run the command, and return its greatest memory in MiB."""
    options = ("--legacy", sides.uri, "--gateway", sides.dsn, "--ledger", sides.ledger)
    command = [sys.executable, "-m", "proxy.cli", "sweep", f"{DATABASE}.{name}", *options]
    return ended(subprocess.Popen(command, stdout=subprocess.DEVNULL))


async def _timed(way: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    began_s, cpu_s = time.perf_counter(), time.process_time()
    await way()
    return time.perf_counter() - began_s, time.process_time() - cpu_s


async def swept(sides: Sides, name: str, documents: int) -> None:
    """Sweep as `parallax sweep` does; NotMeasuredError if anything seems to differ."""
    async with opened(sides.ledger) as access, Digests(sides.dsn, connections=1) as digests:
        sweep = Sweep(
            legacy_uri=sides.uri,
            gateway_uri=sides.dsn,
            digests=digests,
            runner=LocalRunner(places=PLACES),
            asking=Asking(Orders(access), who="benchmark", why="benchmark"),
            sweeps=Sweeps(access),
            budget=Budget(None),
        )
        found = await sweep.run(f"{DATABASE}.{name}")
    if (found.documents, found.suspects) != (documents, 0):
        raise NotMeasuredError(
            f"the sweep saw {found.documents} documents, {found.suspects} differ"
        )


async def compared(sides: Sides, name: str, documents: int) -> None:
    """Fetch both sides and compare; NotMeasuredError if anything differs."""
    connection = await asyncpg.connect(sides.dsn)
    count = 0
    try:
        async with (
            AsyncMongoClient[Any](sides.uri, serverMonitoringMode="poll") as client,
            connection.transaction(readonly=True),
        ):
            text = f'SELECT bson FROM "{DATABASE}"."{name}" ORDER BY id'  # noqa: S608 - our own names
            rows = connection.cursor(text, prefetch=PREFETCHED)
            legacy = client[DATABASE][name].find().sort("_id", 1)
            async for row in rows:
                count += await legacy.next() == bson.decode(row[0])
    finally:
        await connection.close()
    if count != documents:
        raise NotMeasuredError(f"{documents - count} documents differ")


def _part(found: list[Swept]) -> Part:
    smaller, largest = found[-2:]
    costs = [each.sweep_s / each.documents for each in (smaller, largest)]
    rows = [
        (
            f"{each.documents:,}",
            *(each.sweep_s, each.documents / each.sweep_s, each.sweep_cpu_us),
            *(each.plain_s, each.documents / each.plain_s, each.plain_cpu_us),
            *(each.faster, each.command_mib),
        )
        for each in found
    ]
    headings = (
        *("documents", "sweep s", "per s", "CPU µs each"),
        *("fetch and compare s", "per s", "CPU µs each", "times faster"),
        "MiB",
    )
    return Part(
        figures=(
            Figure(
                name=f"times faster than fetching and comparing, {largest.documents:,} documents",
                value=largest.faster,
                aim=at_least(FASTER_AIM),
            ),
            Figure(
                name=f"cost of a document : that at {smaller.documents:,}",
                value=costs[1] / costs[0],
                aim=at_most(LINEAR_AIM),
            ),
            Figure(name="peak memory of the command", value=largest.command_mib, unit="MiB"),
        ),
        text=table(headings, rows),
        detail=[asdict(each) for each in found],
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep")
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(uvloop.run(benchmark(rounds=chosen.rounds, documents=chosen.documents)).text)


if __name__ == "__main__":
    main()
