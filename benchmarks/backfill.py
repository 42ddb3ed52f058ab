"""Documents per second of `parallax backfill`, beside what the machine can do at most in the same run.

    python -m benchmarks.backfill
    python -m benchmarks.backfill --documents 1000000

The floor is the slower of two: reading the collection as raw batches with `AsyncMongoClient`, and a bare binary `COPY` of the same rows
into a table without indexes. A sidecar runs beside the backfill as always, without traffic. Copying is from the first hold to the last
merge; the whole has the start of the process, the indexes and the last order in it.
"""

import argparse
import asyncio
import base64
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from bson import DatetimeMS, Int64, ObjectId
from pymongo import AsyncMongoClient

from adapters.sql.keys import key_of
from adapters.sql.quick_body import identified_body
from benchmarks.figure import Figure, NotMeasuredError, Part, at_least, at_most
from benchmarks.processes import child_running, ended, forget_peak, peak_mib
from benchmarks.table import table
from proxy.embedded import embedded_mongo, embedded_postgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.embedded.waiting import until
from proxy.jobs.ranges import documents_in

RATIO_AIM: Final = 0.5
LINEAR_AIM: Final = 1.5
"""What a document may cost in the largest collection, as a multiple of what it costs in one of a tenth."""

LARGEST: Final = 1_000_000
DATABASE: Final = "bench"
AT_ONCE: Final = 10_000
READY_WITHIN_S: Final = 60.0
TABLE: Final = "CREATE TABLE bare (id bytea, bson bytea, body jsonb)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One size; rates are documents per second, memory is the greatest of the two processes."""

    documents: int
    read: float
    copied: float
    filled: float
    whole_s: float
    indexes_s: float
    command_mib: float
    verifier_mib: float

    @property
    def floor(self) -> float:
        return min(self.read, self.copied)

    @property
    def ratio(self) -> float:
        return self.filled / self.floor


async def benchmark(*, documents: int) -> Part:
    """Fill collections of growing sizes, up to `documents`, and return the figures."""
    sizes = [n for n in (10_000, 100_000, LARGEST) if n < documents] + [documents]
    with tempfile.TemporaryDirectory(prefix="parallax-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        async with (
            embedded_mongo(directory / "mongo") as mongo,
            embedded_postgres(directory / "postgres") as postgres,
        ):
            for size in sizes:
                await _load(mongo.uri, f"of{size}", size)
            settings = {"PARALLAX_VERIFIER_NICE": "0"}
            async with embedded_sidecar(
                directory / "sidecar", legacy=mongo.uri, gateway=postgres.dsn, settings=settings
            ) as sidecar:
                await until(sidecar.status, within_s=READY_WITHIN_S, what="no verifier")
                found = [await _round(mongo.uri, postgres.dsn, sidecar, size) for size in sizes]
    return _part(found)


async def _load(uri: str, name: str, size: int) -> None:
    async with AsyncMongoClient[Any](uri, serverMonitoringMode="poll") as client:
        collection = client[DATABASE][name]
        await collection.create_index([("user", 1), ("createdAt", -1)])
        chance = random.Random(size)
        for first in range(0, size, AT_ONCE):
            await collection.insert_many(_documents(chance, min(AT_ONCE, size - first)))


def _documents(chance: random.Random, n: int) -> list[dict[str, Any]]:
    return [
        {
            "_id": ObjectId(),
            "user": ObjectId(),
            "conversationId": f"{chance.getrandbits(128):032x}",
            "sender": "User",
            "text": base64.b64encode(chance.randbytes(450)).decode(),
            "isCreatedByUser": bool(number % 2),
            "tokenCount": chance.randrange(5000),
            "createdAt": DatetimeMS(1_700_000_000_000 + number),
            "updatedAt": DatetimeMS(1_700_000_000_000 + number),
            "model": "gpt-4",
            "price": chance.random(),
            "tags": ["a", "b", "c"],
            "meta": {"x": 1, "y": Int64(7), "z": None},
        }
        for number in range(n)
    ]


async def _round(uri: str, dsn: str, sidecar: EmbeddedSidecar, size: int) -> Round:
    name = f"of{size}"
    read_s, copy_s = await _floors(uri, dsn, name)
    verifier = _verifier(sidecar)
    forget_peak(verifier)
    began_s = time.perf_counter()
    command_mib = _run_backfill(uri, dsn, sidecar, name)
    whole_s = time.perf_counter() - began_s
    filled_s, indexes_s = _times(sidecar.data / "ledger.db", f"{DATABASE}.{name}")
    return Round(
        documents=size,
        read=size / read_s,
        copied=size / copy_s,
        filled=size / filled_s,
        whole_s=whole_s,
        indexes_s=indexes_s,
        command_mib=command_mib,
        verifier_mib=peak_mib(verifier) or 0.0,
    )


def _verifier(sidecar: EmbeddedSidecar) -> int:
    relay = sidecar.process.pid
    found = None if relay is None else child_running(relay, "verify")
    if found is None:
        raise NotMeasuredError("no verifier works")
    return found


async def _floors(uri: str, dsn: str, name: str) -> tuple[float, float]:
    """Return the seconds of reading alone, and of copying the same rows alone."""
    copy_s = read_s = 0.0
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("DROP TABLE IF EXISTS bare")
        await connection.execute(TABLE)
        async with AsyncMongoClient[Any](uri, serverMonitoringMode="poll") as client:
            began_s = time.perf_counter()
            async for batch in _batches(client, name):
                read_s += time.perf_counter() - began_s
                records = list(_rows(batch))
                began_s = time.perf_counter()
                await connection.copy_records_to_table("bare", records=records)
                copy_s += time.perf_counter() - began_s
                began_s = time.perf_counter()
        await connection.execute("DROP TABLE bare")
    finally:
        await connection.close()
    return read_s, copy_s


async def _batches(client: AsyncMongoClient[Any], name: str) -> AsyncIterator[bytes]:
    async for batch in client[DATABASE][name].find_raw_batches():
        yield batch


def _rows(batch: bytes) -> Iterator[tuple[bytes, bytes, str]]:
    for document in documents_in(batch):
        identifier, body = identified_body(document)
        yield key_of(identifier), document, body


def _run_backfill(uri: str, dsn: str, sidecar: EmbeddedSidecar, name: str) -> float:
    """Run the command; return its greatest memory in MiB."""
    environment = {
        **os.environ,
        "PARALLAX_LEGACY_URI": uri,
        "PARALLAX_GATEWAY_URI": dsn,
        "PARALLAX_DATA_DIRECTORY": str(sidecar.data),
    }
    command = [sys.executable, "-m", "proxy.cli", "backfill", f"{DATABASE}.{name}"]
    return ended(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))


def _times(ledger: Path, namespace: str) -> tuple[float, float]:
    """Return the seconds from the first hold to the last merge, and from there to the last order."""
    wanted = (
        "SELECT kind, min(asked_ns), max(done_ns) FROM orders WHERE namespace = ? GROUP BY kind"
    )
    with closing(sqlite3.connect(ledger)) as connection:
        spans = {
            kind: (begun, done) for kind, begun, done in connection.execute(wanted, [namespace])
        }
    last_merge_ns = spans["merge"][1]
    return (
        (last_merge_ns - spans["hold"][0]) / 1e9,
        (spans["complete"][0] - last_merge_ns) / 1e9,
    )


def _part(found: Sequence[Round]) -> Part:
    largest = found[-1]
    figures = [
        Figure(
            name=f"documents/s : the slower of reading and COPY, {each.documents:,} documents",
            value=each.ratio,
            aim=at_least(RATIO_AIM) if each is largest else None,
        )
        for each in found
    ]
    if len(found) > 1:
        smaller = found[-2]
        figures.append(
            Figure(
                name=f"cost of a document : that at {smaller.documents:,}",
                value=smaller.filled / largest.filled,
                aim=at_most(LINEAR_AIM),
            )
        )
    figures += [
        Figure(name="peak memory of the command", value=largest.command_mib, unit="MiB"),
        Figure(name="peak memory of the verifier", value=largest.verifier_mib, unit="MiB"),
    ]
    headings = (
        *("documents", "read/s", "COPY/s", "filled/s", "ratio", "indexes s", "whole s"),
        *("command MiB", "verifier MiB"),
    )
    rows = [
        (
            each.documents,
            each.read,
            each.copied,
            each.filled,
            each.ratio,
            each.indexes_s,
            each.whole_s,
            each.command_mib,
            each.verifier_mib,
        )
        for each in found
    ]
    return Part(
        figures=tuple(figures),
        text=table(headings, rows),
        detail=[asdict(each) for each in found],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure backfills of growing size.")
    parser.add_argument("--documents", type=int, default=LARGEST)
    print(asyncio.run(benchmark(documents=parser.parse_args().documents)).text)
