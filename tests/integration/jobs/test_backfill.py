"""`parallax backfill` on real servers: what it copies, how, beside which writes, and what it refuses."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from typing import Any

import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId
from pymongo import AsyncMongoClient
from sqlalchemy import select

from comparators.canonical import CODEC
from comparators.verdict import Verdict
from proxy.ledger import tables
from proxy.ledger.access import opened
from proxy.ledger.chunks import Chunk, Chunks
from proxy.ledger.orders import OrderKind, OrderState
from tests.eventually import eventually
from tests.faults.sidecar.traffic import differing
from tests.integration.cli.command import assert_three_lines, environment_of
from tests.integration.jobs.field import MAPPED, Field

UNUSUAL: list[Any] = [
    MinKey(), None, float("nan"), -0.0, 1.5, Int64(2**60), Decimal128("2.50"), "", "a\0b", "é" * 3000, {"a": 1}, {},
    Binary(b"\0\1", 0), ObjectId(), False, DatetimeMS(-1), MaxKey(),
]  # fmt: skip
UNFIT: list[dict[str, Any]] = [
    {"n": 1, "name": "fits", "sub": {"a": 3}, "tags": ["x"], "lines": [{"sku": "s", "more": 1}]},
    {"n": "one", "name": ["a"], "sub": 5, "tags": "x", "lines": {"sku": 1}},
    {"name": "nul \0 in it", "n": Int64(2**40), "tags": [1, {"deep": float("inf")}]},
]
CHUNK = 50
UNDER_WAY = 2
"""Chunks that one command copies at once."""
PAUSE_S = 0.01

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARALLAX_BACKFILL_DOCUMENTS_PER_CHUNK", str(CHUNK))


async def test_the_workers_of_a_cluster_copy_each_chunk_once_whatever_its_ids_are(
    field: Field, cluster: str, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = f"{field.database}.odd"
    async with field.past_the_sidecar() as client:
        database = client.get_database(field.database, codec_options=CODEC)
        mixed = [*UNUSUAL, *range(1, 200), *(f"user {n}" for n in range(200))]
        await database.odd.insert_many([{"_id": each, "n": at} for at, each in enumerate(mixed)])
        await database.odd.create_index("n", unique=True)
        await database.odd.create_index([("place", "2dsphere")])
        unfit = [{"_id": ObjectId(), **UNFIT[n % 3]} for n in range(300)]
        await database[MAPPED].insert_many(unfit)

    filled = await field.run("backfill", odd, field.namespaces[0], "--dask", cluster, capsys=capsys)

    assert filled.code == 0, filled.printed
    # More than there are, and a chunk would have been copied twice.
    assert f"{odd}: 416 documents, 2 indexes" in filled.out
    assert f"{field.namespaces[0]}: 300 documents, 0 indexes" in filled.out
    assert await differing(field.legacy, field.gateway, field.database) == {}


async def test_a_killed_copy_goes_on_where_it_was_beside_writes_of_the_very_documents(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    _, namespace = field.namespaces
    identifiers: list[Any] = [*range(200), *(f"user {n}" for n in range(200))]
    async with field.past_the_sidecar() as client:
        notes = client[field.database].notes
        await notes.insert_many([{"_id": each, "n": 0, "text": "x" * 200} for each in identifiers])
        await notes.create_index([("n", 1)])

    async with AsyncExitStack() as writing:
        async with command(field, "backfill", namespace, "--rate", "100"):
            # Before, the verifier takes the collection for one without documents from before the sidecar.
            await eventually(lambda: chunks_of(field, namespace), within_s=40)
            await writing.enter_async_context(incremented(field, identifiers))
            before = await eventually(lambda: begun(field, namespace), within_s=40)
        filled = await field.run("backfill", namespace, capsys=capsys)
    await field.sidecar.drained()

    assert filled.code == 0, filled.printed
    assert f"{namespace}: 400 documents, 1 indexes" in filled.out
    # What the killed one had under way may have been merged without its knowing.
    assert len(before) <= await merged(field, namespace) <= len(before) + UNDER_WAY
    assert await differing(field.legacy, field.gateway, field.database) == {}
    groups = (await field.sidecar.evidence()).groups
    wrong = [each for each in groups if each.verdict is Verdict.MISMATCH]
    assert [each for each in wrong if each.namespace == namespace] == []


async def test_a_rate_is_kept(field: Field, capsys: pytest.CaptureFixture[str]) -> None:
    _, namespace = field.namespaces
    async with field.past_the_sidecar() as client:
        await client[field.database].notes.insert_many([{"_id": n} for n in range(300)])
    began_s = time.monotonic()

    filled = await field.run("backfill", namespace, "--rate", "300", capsys=capsys)

    assert filled.out == f"{namespace}: 300 documents, 0 indexes\n", filled.printed
    assert time.monotonic() - began_s > 300 / 300


async def test_what_has_no_documents_of_its_own_is_refused_by_name_and_left_out_otherwise(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    async with field.past_the_sidecar() as client:
        database = client[field.database]
        await database.command({"create": "seen", "viewOn": "notes", "pipeline": []})
        await database.create_collection("ring", capped=True, size=4096)
        await database.create_collection("hours", timeseries={"timeField": "at"})

    for kind, what in (("seen", "a view"), ("ring", "capped"), ("hours", "a timeseries")):
        refused = await field.run("backfill", f"{field.database}.{kind}", capsys=capsys)
        assert refused.code == 77
        assert_three_lines(refused, what=f"cannot be filled: it is {what}", where="COLLECTION")
    unknown = await field.run("backfill", f"{field.database}.unknown", capsys=capsys)
    assert unknown.code == 78


async def merged(field: Field, namespace: str) -> int:
    """Return how many chunks of a collection were merged, those that were merged again counted again."""
    orders = tables.orders
    wanted = select(orders.c.outcome).where(
        orders.c.namespace == namespace,
        orders.c.kind == OrderKind.MERGE.value,
        orders.c.state == OrderState.DONE.value,
    )
    async with opened(field.sidecar.ledger) as access, access.reading() as connection:
        return sum(json.loads(row[0])["merged"] for row in await connection.execute(wanted))


async def chunks_of(field: Field, namespace: str) -> list[Chunk]:
    async with opened(field.sidecar.ledger) as access:
        return await Chunks(access).of(namespace)


async def begun(field: Field, namespace: str) -> list[Chunk]:
    """Return the chunks of a collection once some of them, and not all, are merged."""
    found = await chunks_of(field, namespace)
    done = [each for each in found if each.documents is not None]
    assert len(done) < max(1, len(found)), "all of it was copied before it could be killed"
    return found if len(done) > 1 else []


@asynccontextmanager
async def incremented(field: Field, identifiers: list[Any]) -> AsyncIterator[None]:
    """Add one to documents through the sidecar, one after the other and again, beside the body."""

    async def write() -> None:
        async with AsyncMongoClient[Any](field.sidecar.uri, serverMonitoringMode="poll") as client:
            notes = client[field.database].notes
            for identifier in cycle(reversed(identifiers)):
                await notes.update_one({"_id": identifier}, {"$inc": {"n": 1}})
                await asyncio.sleep(PAUSE_S)

    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(write())
        try:
            yield
        finally:
            writing.cancel()


@asynccontextmanager
async def command(field: Field, *arguments: str) -> AsyncIterator[None]:
    """Run a command beside the body, and kill it at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.cli", *arguments),
        env=environment_of(
            {
                "PARALLAX_LEGACY_URI": field.legacy,
                "PARALLAX_GATEWAY_URI": field.gateway,
                "PARALLAX_LEDGER_URI": field.sidecar.ledger,
                "PARALLAX_BACKFILL_DOCUMENTS_PER_CHUNK": str(CHUNK),
            }
        ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
        assert process.returncode is None, "it ended before it could be killed"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
