"""Processes die and PostgreSQL goes away under load; afterwards both sides hold the same documents.

The application may see no error that it would not have seen without the sidecar: none at all, except when
the relay itself is killed, where its connections break as they would if MongoDB were restarted.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from comparators.verdict import Verdict
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres, StopMode
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from tests.eventually import eventually
from tests.faults.sidecar.traffic import Traffic, differing, drive

pytestmark = pytest.mark.timeout(180)

WARM_UP_S = 1.5
AFTER_S = 1.5
DRAIN_WITHIN_S = 90

Fault = Callable[[], Awaitable[None]]


@pytest.fixture
async def sidecar(
    mongo: EmbeddedMongo, postgres_dsn: str, tmp_path: Path
) -> AsyncIterator[EmbeddedSidecar]:
    """Run a sidecar of its own for each test."""
    settings = {"PARALLAX_VERIFIER_NICE": "0"}
    async with embedded_sidecar(
        tmp_path / "sidecar", legacy=mongo.uri, gateway=postgres_dsn, settings=settings
    ) as running:
        yield running


@pytest.fixture
async def database(mongo: EmbeddedMongo, tmp_path: Path) -> AsyncIterator[str]:
    """Name a MongoDB database, and drop it afterwards."""
    name = f"faults_{tmp_path.name[-20:]}".replace("-", "_")
    yield name
    await mongo.members[0].ask({"dropDatabase": 1, "$db": name})


@asynccontextmanager
async def under_load(sidecar: EmbeddedSidecar, database: str) -> AsyncIterator[list[Traffic]]:
    """Run traffic around the body; what it saw is in the list afterwards."""
    ended = asyncio.Event()
    seen: list[Traffic] = []

    async def traffic() -> None:
        seen.append(await drive(sidecar.uri, database, until=ended))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(traffic())
        await asyncio.sleep(WARM_UP_S)
        try:
            yield seen
            await asyncio.sleep(AFTER_S)
        finally:
            ended.set()


async def assert_nothing_lost(
    sidecar: EmbeddedSidecar, mongo: EmbeddedMongo, postgres_dsn: str, database: str
) -> None:
    status = await sidecar.drained(within_s=DRAIN_WITHIN_S)
    evidence = await sidecar.evidence()

    wrong = [group for group in evidence.groups if group.verdict is Verdict.MISMATCH]
    assert status.tally.verified > 0, "nothing was verified"
    assert not wrong, f"mismatches that are none: {wrong}"
    assert await differing(mongo.uri, postgres_dsn, database) == {}


def verifier_pid(sidecar: EmbeddedSidecar) -> int | None:
    """Return the verifier's process: the one child of the relay."""
    relay = sidecar.process.pid
    children = Path(f"/proc/{relay}/task/{relay}/children").read_text().split()
    return int(children[0]) if children else None


def is_replaced(sidecar: EmbeddedSidecar, killed: int) -> bool:
    """Return whether another verifier runs by now."""
    return verifier_pid(sidecar) not in {None, killed}


async def test_postgresql_stops_and_starts_again(
    sidecar: EmbeddedSidecar,
    mongo: EmbeddedMongo,
    postgres: EmbeddedPostgres,
    postgres_dsn: str,
    database: str,
) -> None:
    async with under_load(sidecar, database) as seen:
        await postgres.stop(StopMode.IMMEDIATE)
        await asyncio.sleep(2)
        await postgres.start()

    assert seen[0].done > 0
    assert not seen[0].errors
    await assert_nothing_lost(sidecar, mongo, postgres_dsn, database)


async def test_the_verifier_is_killed(
    sidecar: EmbeddedSidecar, mongo: EmbeddedMongo, postgres_dsn: str, database: str
) -> None:
    async with under_load(sidecar, database) as seen:
        for _ in range(2):
            killed = await eventually(lambda: verifier_pid(sidecar), within_s=20)
            os.kill(killed, signal.SIGKILL)
            await eventually(partial(is_replaced, sidecar, killed), within_s=20)
            await asyncio.sleep(1.5)

    assert not seen[0].errors
    await assert_nothing_lost(sidecar, mongo, postgres_dsn, database)


async def test_the_relay_is_killed(
    sidecar: EmbeddedSidecar, mongo: EmbeddedMongo, postgres_dsn: str, database: str
) -> None:
    async with under_load(sidecar, database) as seen:
        for _ in range(2):
            await sidecar.kill()
            await sidecar.start()
            await asyncio.sleep(1.5)

    assert seen[0].done > 0
    await assert_nothing_lost(sidecar, mongo, postgres_dsn, database)


async def test_the_gateway_answers_slowly(
    mongo: EmbeddedMongo,
    postgres: EmbeddedPostgres,
    postgres_dsn: str,
    tmp_path: Path,
    database: str,
) -> None:
    """Somebody locks the gateway's tables for longer than its time budget, again and again."""
    settings = {"PARALLAX_VERIFIER_GATEWAY_TIMEOUT_S": "0.5", "PARALLAX_VERIFIER_NICE": "0"}
    async with embedded_sidecar(
        tmp_path / "slow", legacy=mongo.uri, gateway=postgres_dsn, settings=settings
    ) as sidecar:
        async with under_load(sidecar, database) as seen:
            for _ in range(2):
                await _lock_tables(postgres_dsn, database, for_s=1.5)
                await asyncio.sleep(0.5)

        assert not seen[0].errors
        await assert_nothing_lost(sidecar, mongo, postgres_dsn, database)
        evidence = await sidecar.evidence()
        assert evidence.tally.verdicts.get(Verdict.TIMEOUT, 0) > 0, "nothing ever took too long"


async def _lock_tables(dsn: str, database: str, *, for_s: float) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        table = f'"{database}"."users"'
        await eventually(
            lambda: connection.fetchval("SELECT to_regclass($1)::text", table), within_s=20
        )
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            await asyncio.sleep(for_s)
    finally:
        await connection.close()
