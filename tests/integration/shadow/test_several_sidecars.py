"""Two sidecars on one gateway and one ledger: what both do to the same documents happens in MongoDB's order."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient

from proxy.embedded import EmbeddedMongo
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.ledger.read import read_report
from proxy.shadow.peers import LATE, SILENT
from tests.eventually import eventually
from tests.faults.sidecar.traffic import differing, drive

pytestmark = pytest.mark.timeout(180)

TRAFFIC_S = 2.0
SILENT_AFTER_S = "3"
CAUGHT_UP = """
SELECT count(*) FROM heartbeats WHERE at_ns > ? AND lag_operations = 0 AND lag_bytes = 0
"""


@pytest.fixture
async def database(mongo: EmbeddedMongo) -> AsyncIterator[str]:
    name = f"several_{uuid4().hex[:8]}"
    yield name
    async with AsyncMongoClient[dict[str, Any]](mongo.uri, serverMonitoringMode="poll") as client:
        await client.drop_database(name)


async def drained(ledger: Path, *, verifiers: int = 2) -> None:
    """Wait until so many verifiers have caught up."""
    asked_ns = time.time_ns()
    await eventually(ledger.exists, within_s=60)
    with closing(sqlite3.connect(ledger)) as connection:

        def all_have() -> bool:
            try:
                (caught_up,) = connection.execute(CAUGHT_UP, (asked_ns,)).fetchone()
            except sqlite3.OperationalError:
                return False
            return bool(caught_up >= verifiers)

        await eventually(all_have, within_s=90)


async def test_two_sidecars_that_hammer_the_same_documents_leave_them_equal(
    mongo: EmbeddedMongo, postgres_dsn: str, database: str, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.db"
    address = f"sqlite:///{ledger}"
    settings = {
        "PARALLAX_VERIFIER_NICE": "0",
        "PARALLAX_LEDGER_URI": address,
        "PARALLAX_VERIFIER_SILENT_AFTER_S": SILENT_AFTER_S,
    }
    async with AsyncExitStack() as held:
        sidecars: list[EmbeddedSidecar] = [
            await held.enter_async_context(
                embedded_sidecar(
                    tmp_path / name, legacy=mongo.uri, gateway=postgres_dsn, settings=settings
                )
            )
            for name in ("one", "two")
        ]
        await drained(ledger)
        await _hammer(sidecars, database)

        await drained(ledger)
        evidence = await read_report(address)
        assert evidence.tally.mismatched == 0, evidence.groups
        assert evidence.tally.verified > 200
        assert await differing(mongo.uri, postgres_dsn, database) == {}

        one, two = sidecars
        await _hammer(sidecars, database)
        await _kill(two)
        await _hammer([one], database)
        await drained(ledger, verifiers=1)
        await two.start()
        await drained(ledger)

        evidence = await read_report(address)
        assert evidence.tally.mismatched == 0, evidence.groups
        reasons = {reason.reason for reason in evidence.reasons}
        assert not reasons.isdisjoint({LATE, SILENT}), reasons
        assert await differing(mongo.uri, postgres_dsn, database) == {}


async def _kill(sidecar: EmbeddedSidecar) -> None:
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
