"""Two sidecars on one gateway and one ledger: what both do to the same documents happens in MongoDB's order."""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from pymongo import AsyncMongoClient

from comparators.errors import ParallaxError
from comparators.verdict import Verdict
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.ledger.access import opened
from proxy.ledger.fillings import Fillings, FillingState
from proxy.ledger.read import read_report, status
from proxy.shadow.peers import LATE, SILENT
from tests.eventually import eventually
from tests.faults.sidecar.test_backfill import change_people, load_people
from tests.faults.sidecar.traffic import differing, drive
from tests.integration.cli.command import parallax

pytestmark = pytest.mark.timeout(180)

TRAFFIC_S = 1.0
SILENT_AFTER_S = "3"
WRITES = 200
PAUSE_S = 0.25
"""Two verifiers keep step over PostgreSQL: a machine under load must still keep up with the traffic."""


@pytest.fixture
async def ledger_dsn(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Give a database for a ledger."""
    name = f"ledger_{uuid4().hex[:8]}"
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute(f'CREATE DATABASE "{name}"')
    yield postgres.dsn_of(name)
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


@pytest.fixture
async def database(mongo: EmbeddedMongo) -> AsyncIterator[str]:
    name = f"several_{uuid4().hex[:8]}"
    yield name
    async with AsyncMongoClient[dict[str, Any]](mongo.uri, serverMonitoringMode="poll") as client:
        await client.drop_database(name)


async def drained(ledger: str, *, verifiers: int = 2) -> None:
    """Wait until so many verifiers have caught up."""
    asked_ns = time.time_ns()

    async def all_have() -> bool:
        try:
            beats = (await status(ledger)).heartbeats
        except ParallaxError:
            # Nobody has begun it yet.
            return False
        done = [
            each
            for each in beats
            if each.at_ns > asked_ns and not each.lag_operations and not each.lag_bytes
        ]
        return len(done) >= verifiers

    await eventually(all_have, within_s=90)


@asynccontextmanager
async def two_sidecars(
    mongo: EmbeddedMongo, gateway: str, ledger: str, directory: Path
) -> AsyncIterator[list[EmbeddedSidecar]]:
    """Run two sidecars with one gateway and one ledger; each lets applications in when the other knows of it."""
    async with AsyncExitStack() as held:
        yield [
            await held.enter_async_context(
                _sidecar(name, mongo.uri, gateway, ledger=ledger, directory=directory)
            )
            for name in ("one", "two")
        ]


def _sidecar(
    name: str, legacy: str, gateway: str, *, ledger: str, directory: Path
) -> AbstractAsyncContextManager[EmbeddedSidecar]:
    settings = {
        "PARALLAX_VERIFIER_NICE": "0",
        "PARALLAX_LEDGER_URI": ledger,
        "PARALLAX_VERIFIER_SILENT_AFTER_S": SILENT_AFTER_S,
        "PARALLAX_LISTEN_AFTER_VERIFIER_S": "60",
    }
    return embedded_sidecar(directory / name, legacy=legacy, gateway=gateway, settings=settings)


async def test_two_sidecars_that_hammer_the_same_documents_leave_them_equal(
    mongo: EmbeddedMongo, postgres_dsn: str, database: str, tmp_path: Path
) -> None:
    ledger = f"sqlite:///{tmp_path / 'ledger.db'}"
    async with two_sidecars(mongo, postgres_dsn, ledger, tmp_path) as sidecars:
        await _hammer(sidecars, database)

        await drained(ledger)
        evidence = await read_report(ledger)
        assert evidence.tally.mismatched == 0, evidence.groups
        assert evidence.tally.verified > 50, "too little was verified to say anything"
        assert await differing(mongo.uri, postgres_dsn, database) == {}

        one, two = sidecars
        await _hammer(sidecars, database)
        await kill_both(two)
        await _hammer([one], database)
        await drained(ledger, verifiers=1)
        await two.start()
        await drained(ledger)

        evidence = await read_report(ledger)
        assert evidence.tally.mismatched == 0, evidence.groups
        reasons = {reason.reason for reason in evidence.reasons}
        assert not reasons.isdisjoint({LATE, SILENT}), reasons
        assert await differing(mongo.uri, postgres_dsn, database) == {}


async def test_a_second_sidecar_comes_while_the_first_is_hammered(
    mongo: EmbeddedMongo, postgres_dsn: str, ledger_dsn: str, database: str, tmp_path: Path
) -> None:
    """The ledger is on PostgreSQL here."""
    until = asyncio.Event()
    async with AsyncExitStack() as held:
        opening = partial(_sidecar, ledger=ledger_dsn, directory=tmp_path)
        one = await held.enter_async_context(opening("one", mongo.uri, postgres_dsn))
        await drained(ledger_dsn, verifiers=1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(drive(one.uri, database, until=until, clients=3, pause_s=0.01))
            try:
                two = await held.enter_async_context(opening("two", mongo.uri, postgres_dsn))
                await _hammer([two], database)
            finally:
                until.set()
        await drained(ledger_dsn)

        evidence = await read_report(ledger_dsn)
        assert evidence.tally.mismatched == 0, evidence.groups
        assert evidence.tally.verified > 50, "too little was verified to say anything"
        assert len((await status(ledger_dsn)).positions) == 2
        assert await differing(mongo.uri, postgres_dsn, database) == {}


async def test_a_collection_is_filled_while_two_sidecars_write_to_its_documents(
    mongo: EmbeddedMongo, postgres_dsn: str, database: str, tmp_path: Path
) -> None:
    identifiers = await load_people(mongo, database)
    ledger = f"sqlite:///{tmp_path / 'ledger.db'}"
    async with two_sidecars(mongo, postgres_dsn, ledger, tmp_path) as sidecars:
        await drained(ledger)
        ended = asyncio.Event()
        async with AsyncExitStack() as held:
            clients = [
                await held.enter_async_context(
                    AsyncMongoClient[Any](each.uri, serverMonitoringMode="poll")
                )
                for each in sidecars
            ]
            async with asyncio.TaskGroup() as tasks:
                for seed, client in enumerate(clients):
                    change = change_people(
                        client[database], identifiers, seed, ended, pause_s=PAUSE_S
                    )
                    tasks.create_task(change)
                try:
                    filled = await parallax(
                        *("backfill", f"{database}.people"),
                        directory=tmp_path,
                        environment={
                            "PARALLAX_LEGACY_URI": mongo.uri,
                            "PARALLAX_GATEWAY_URI": postgres_dsn,
                            "PARALLAX_LEDGER_URI": ledger,
                            "PARALLAX_BACKFILL_DOCUMENTS_PER_CHUNK": "300",
                        },
                        within_s=90,
                    )
                finally:
                    ended.set()
        await drained(ledger)

        assert filled.code == 0, filled.printed
        assert "2 indexes" in filled.out
        assert await differing(mongo.uri, postgres_dsn, database) == {}
        evidence = await read_report(ledger)
        assert [group for group in evidence.groups if group.verdict is Verdict.MISMATCH] == []
        async with opened(ledger) as access:
            fillings = Fillings(access)

            async def is_complete() -> bool:
                return (await fillings.all())[f"{database}.people"] is FillingState.COMPLETE

            await eventually(is_complete, within_s=20)


async def test_alone_a_sidecar_asks_nobody_however_much_is_written(
    mongo: EmbeddedMongo,
    postgres: EmbeddedPostgres,
    postgres_dsn: str,
    database: str,
    tmp_path: Path,
) -> None:
    await _log_statements(postgres_dsn)
    async with embedded_sidecar(
        tmp_path / "one",
        legacy=mongo.uri,
        gateway=postgres_dsn,
        settings={"PARALLAX_VERIFIER_NICE": "0"},
    ) as sidecar:
        await sidecar.drained()
        log = postgres.process.log_path
        before, began_s = len(log.read_text()), time.monotonic()
        async with AsyncMongoClient[Any](sidecar.uri, serverMonitoringMode="poll") as client:
            for n in range(WRITES):
                await client[database].users.insert_one({"_id": n})
        await sidecar.drained()
        took_s = time.monotonic() - began_s
        logged = log.read_text()[before:]

    assert len(re.findall(rf'INTO "?{database}"?\.users', logged)) >= WRITES
    asked = re.findall(r"(?:INTO|FROM|UPDATE) parallax\.(?:sidecars|touched)\b", logged)
    assert 0 < len(asked) <= 3 * (took_s + 2), "once a second it says that it is there"


async def _log_statements(dsn: str) -> None:
    """Have PostgreSQL log all that new connections to a database ask."""
    connection = await asyncpg.connect(dsn)
    try:
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(f"ALTER DATABASE {name} SET log_statement = 'all'")
    finally:
        await connection.close()


async def kill_both(sidecar: EmbeddedSidecar) -> None:
    """Kill relay and verifier at once."""
    relay = sidecar.process.pid
    children = Path(f"/proc/{relay}/task/{relay}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    await sidecar.kill()


async def _hammer(sidecars: list[EmbeddedSidecar], database: str) -> None:
    until = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for sidecar in sidecars:
            tasks.create_task(drive(sidecar.uri, database, until=until, clients=3, pause_s=0.01))
        await asyncio.sleep(TRAFFIC_S)
        until.set()
