"""A migration from first start to proof: a database with data, an application that never stops, and every process killed once."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect

from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import CODEC
from comparators.verdict import Verdict
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres, StopMode
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.ledger.access import opened
from proxy.ledger.entries import DivergenceState
from proxy.ledger.lookup import redaction_of
from tests.eventually import eventually
from tests.faults.sidecar.traffic import Traffic, differing, drive
from tests.integration.cli.command import Ran, environment_of, parallax
from tests.integration.jobs.damages import damage, document

pytestmark = pytest.mark.timeout(300)

ORDERS: Final = 2000
DAMAGED: Final = 45
"""Of those that are there; five more come into being on the gateway alone."""
INCONCLUSIVE: Final = 2
EX_UNAVAILABLE: Final = 69
COMMAND_ENDS_WITHIN_S: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A sidecar between a database with data and an empty one, and how commands reach all three."""

    sidecar: EmbeddedSidecar
    legacy: str
    gateway: str
    database: str

    @property
    def orders(self) -> str:
        return f"{self.database}.orders"

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        return {
            "PARALLAX_LEGACY_URI": self.legacy,
            "PARALLAX_GATEWAY_URI": self.gateway,
            "PARALLAX_DATA_DIRECTORY": str(self.sidecar.data),
            "PARALLAX_BACKFILL_DOCUMENTS_PER_CHUNK": "200",
            **settings,
        }

    async def run(self, *arguments: str, **settings: str) -> Ran:
        """Run a command to its end."""
        return await parallax(
            *arguments,
            directory=self.sidecar.data,
            environment=self.environment(settings),
            within_s=COMMAND_ENDS_WITHIN_S,
        )

    @asynccontextmanager
    async def killed(self, *arguments: str, **settings: str) -> AsyncIterator[None]:
        """Run a command beside the body, and kill it at the end of it unless it has ended."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proxy.cli", *arguments),
            cwd=self.sidecar.data,
            env=environment_of(self.environment(settings)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            assert process.returncode is None, f"{arguments} ended before it could be killed"
            process.kill()
            await process.wait()

    async def kill_verifier(self) -> None:
        killed = await eventually(self._verifier, within_s=20)
        os.kill(killed, signal.SIGKILL)
        await eventually(lambda: self._verifier() not in {None, killed}, within_s=20)

    def _verifier(self) -> int | None:
        relay = self.sidecar.process.pid
        children = Path(f"/proc/{relay}/task/{relay}/children").read_text().split()
        return int(children[0]) if children else None

    async def copied(self) -> int:
        """Return how many orders PostgreSQL holds."""
        connection = await asyncpg.connect(self.gateway)
        try:
            table = f'"{self.database}"."orders"'
            if await connection.fetchval("SELECT to_regclass($1)::text", table) is None:
                return 0
            return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608
        finally:
            await connection.close()


@pytest.fixture
async def migration(
    mongo: EmbeddedMongo, postgres_dsn: str, tmp_path: Path
) -> AsyncIterator[Migration]:
    """Start a sidecar on a database that has data."""
    database = f"migration_{tmp_path.name[-12:]}".replace("-", "_")
    await _load(mongo.uri, database)
    settings = {"PARALLAX_VERIFIER_NICE": "0"}
    async with embedded_sidecar(
        tmp_path / "sidecar", legacy=mongo.uri, gateway=postgres_dsn, settings=settings
    ) as sidecar:
        await eventually(sidecar.status, within_s=40)
        yield Migration(sidecar=sidecar, legacy=mongo.uri, gateway=postgres_dsn, database=database)
    await mongo.members[0].ask({"dropDatabase": 1, "$db": database})


async def _load(uri: str, database: str) -> None:
    async with AsyncMongoClient[Any](uri, serverMonitoringMode="poll") as client:
        orders = client[database].get_collection("orders", codec_options=CODEC)
        await orders.insert_many([document(n, n) for n in range(ORDERS)])
        await orders.create_index("name", unique=True)
        await orders.create_index([("tags", 1), ("n", -1)])
        await client[database].users.insert_many(
            [{"_id": n, "visits": n, "credit": 10, "name": f"name {n}"} for n in range(15)]
        )
        await client[database].messages.insert_many(
            [{"user": n % 15, "text": "hello " * 20, "likes": n} for n in range(600)]
        )


async def _change_orders(uri: str, database: str, until: asyncio.Event) -> None:
    """Write to orders that are being copied, but to none that will be damaged."""
    chance = random.Random(7)
    async with AsyncMongoClient[Any](
        uri, serverMonitoringMode="poll", serverSelectionTimeoutMS=20_000
    ) as client:
        orders = client[database].orders
        while not until.is_set():
            chosen = chance.randrange(DAMAGED, ORDERS)
            # A relay that is killed breaks the connection, as MongoDB would.
            with suppress(AutoReconnect):
                await orders.update_one({"_id": chosen}, {"$inc": {"seen": 1}})
                await orders.update_many({"n": {"$gt": ORDERS - 50}}, {"$inc": {"sub.a": 1}})
            await asyncio.sleep(0.02)


async def test_a_database_with_data_is_filled_proven_damaged_and_mended(
    migration: Migration, postgres: EmbeddedPostgres
) -> None:
    ended, filled = asyncio.Event(), asyncio.Event()
    seen: list[Traffic] = []

    async def application() -> None:
        uri, name = migration.sidecar.uri, migration.database
        seen.append(await drive(uri, name, until=ended, clients=3, pause_s=0.03))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(application())
        writes = tasks.create_task(
            _change_orders(migration.sidecar.uri, migration.database, filled)
        )
        try:
            await _fill(migration)
            filled.set()
            await writes
            await _prove(migration, postgres)
            await _damage_and_mend(migration)
        finally:
            filled.set()
            ended.set()

    await migration.sidecar.drained(within_s=60)
    evidence = await migration.sidecar.evidence()
    wrong = [
        group
        for group in evidence.groups
        if group.verdict is Verdict.MISMATCH and group.namespace != migration.orders
    ]
    assert not wrong, f"mismatches that are none: {wrong}"
    assert seen[0].done > 0
    assert await differing(migration.legacy, migration.gateway, migration.database) == {}


async def _fill(migration: Migration) -> None:
    """Copy what was there, while backfill, verifier and relay are killed."""
    async with migration.killed("backfill", PARALLAX_BACKFILL_DOCUMENTS_PER_SECOND="400"):
        await eventually(partial(_holds, migration, 200), within_s=40)
    assert await migration.copied() < ORDERS

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_backfilled(migration))
        await migration.kill_verifier()
    await migration.sidecar.kill()
    await migration.sidecar.start()


async def _backfilled(migration: Migration) -> None:
    """Run backfill to its end; while no verifier works it ends early, and says so."""
    while (ran := await migration.run("backfill")).code == EX_UNAVAILABLE:
        assert "no verifier works on this ledger" in ran.err
    assert ran.code == 0, ran.printed


async def _holds(migration: Migration, least: int) -> bool:
    return await migration.copied() >= least


async def _prove(migration: Migration, postgres: EmbeddedPostgres) -> None:
    """Sweep to zero differences, with PostgreSQL and one sweep killed before."""
    async with migration.killed("sweep", "--budget", "200"):
        await postgres.stop(StopMode.IMMEDIATE)
        await postgres.start()
    ran = await _swept(migration)
    assert ran.code == 0, ran.printed


async def _swept(migration: Migration) -> Ran:
    """Sweep; again while some documents are too busy to be compared, or the verifier is still starting."""
    while (ran := await migration.run("sweep")).code in {INCONCLUSIVE, EX_UNAVAILABLE}:
        pass
    return ran


async def _damage_and_mend(migration: Migration) -> None:
    orders = [document(n, n) for n in range(DAMAGED)]
    extra = [document(ORDERS + n, ORDERS + n) for n in range(5)]
    async with PostgresGateway(migration.gateway) as gateway:
        await damage(gateway, migration.orders, orders, extra)
    async with opened(migration.sidecar.ledger) as access:
        redaction = await redaction_of(access)
    damaged = {redaction.document(migration.orders, each["_id"]) for each in [*orders, *extra]}

    swept = await migration.run("sweep", migration.orders)
    found = await migration.sidecar.evidence()
    planned = await migration.run("repair", "--dry-run")
    async with migration.killed("repair", "--who", "ada", "--why", "will be killed"):
        pass
    repaired = await migration.run("repair", "--who", "ada", "--why", "restored from a backup")
    after = await _swept(migration)

    assert swept.code == 1, swept.printed
    assert {
        (each.namespace, each.document)
        for each in found.divergent
        if each.state is DivergenceState.OPEN
    } == {(migration.orders, name) for name in damaged}
    steps = [planned.out.count(step) for step in ("replace it", "insert it", "delete it")]
    assert (planned.code, steps) == (0, [40, 5, 5]), planned.printed
    assert repaired.code == 0, repaired.printed
    assert after.code == 0, after.printed
