"""Writes whose acknowledgement waits for the gateway, between a driver and both databases."""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import AsyncMongoClient
from sqlalchemy import func, select, table

from proxy.cli.relay_status import read_status
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.flags.document import EMPTY, Said, with_flag
from proxy.flags.file import write_flags
from proxy.flags.phases import Direction, Phase
from tests.eventually import eventually

Document = dict[str, Any]
DATABASE = "moving"


@pytest.fixture(scope="module")
def file(server_directory: Path) -> Path:
    folder = server_directory / "moving-flags"
    folder.mkdir()
    return folder / "flags.json"


@pytest.fixture(scope="module")
async def sidecar(
    mongo: EmbeddedMongo, postgres: EmbeddedPostgres, server_directory: Path, file: Path
) -> AsyncIterator[EmbeddedSidecar]:
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE moving")
    await connection.close()
    async with embedded_sidecar(
        server_directory / "moving",
        legacy=mongo.uri,
        gateway=postgres.dsn_of("moving"),
        settings={
            "PARALLAX_FLAGS_FILE": str(file),
            "PARALLAX_FLAGS_DUAL_WITHIN_S": "20",
            "PARALLAX_FLAGS_GATEWAY_WITHIN_S": "10",
            "PARALLAX_VERIFIER_NICE": "0",
        },
    ) as running:
        yield running


@pytest.fixture
async def client(sidecar: EmbeddedSidecar) -> AsyncIterator[AsyncMongoClient[Document]]:
    async with AsyncMongoClient[Document](
        sidecar.uri, maxPoolSize=1, serverMonitoringMode="poll"
    ) as connected:
        yield connected


async def writes_by_now(sidecar: EmbeddedSidecar) -> Counter[str]:
    """Return what became of all writes so far that were to wait."""
    asked_s = time.monotonic()

    def is_written_since() -> bool:
        status = read_status(sidecar.data)
        return status is not None and status.age_s < time.monotonic() - asked_s

    await eventually(is_written_since, within_s=10)
    status = read_status(sidecar.data)
    return Counter() if status is None else Counter(status.counts["gateway_writes"])


async def holds(file: Path, sidecar: EmbeddedSidecar, said: Said) -> None:
    """Let a phase hold for all writes, and wait until the relay goes by it."""
    read = flags_read(sidecar)
    write_flags(file, with_flag(EMPTY, Direction.WRITES, "", said))
    await eventually(lambda: flags_read(sidecar) > read, within_s=10)


def flags_read(sidecar: EmbeddedSidecar) -> int:
    """Return how often the relay has read its flags."""
    lines = sidecar.process.log_path.read_text().splitlines()
    return sum(json.loads(line)["event"] == "flags_read" for line in lines)


@pytest.mark.parametrize(
    ("phase", "writing"),
    [(Phase.DUAL, "confirmed"), (Phase.CANARY, "served"), (Phase.GATEWAY, "served")],
)
async def test_a_write_is_acknowledged_once_the_gateway_has_it(
    phase: Phase,
    writing: str,
    sidecar: EmbeddedSidecar,
    client: AsyncMongoClient[Document],
    postgres: EmbeddedPostgres,
    file: Path,
) -> None:
    collection = client[DATABASE][f"in_{phase}"]
    await collection.insert_one({"_id": "before"})
    await sidecar.drained()
    await holds(file, sidecar, Said(phase=phase))
    before = await writes_by_now(sidecar)
    stored = str(select(func.count()).select_from(table(collection.name, schema=DATABASE)))
    connection = await asyncpg.connect(postgres.dsn_of("moving"))

    for n in range(20):
        acknowledged = await collection.insert_one({"_id": n})
        assert acknowledged.inserted_id == n
        assert await connection.fetchval(stored) == n + 2, "not there at the acknowledgement"

    await connection.close()
    write_flags(file, EMPTY)
    assert await writes_by_now(sidecar) - before == Counter({writing: 20})
