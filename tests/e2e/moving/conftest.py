"""One sidecar that goes by flags, for all tests of writes that move."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import AsyncMongoClient

from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import embedded_sidecar
from proxy.flags.document import EMPTY
from proxy.flags.file import write_flags
from tests.e2e.moving.sidecar import Moving

Document = dict[str, Any]
DATABASE = "moving"


@pytest.fixture(scope="session")
async def running(
    mongo: EmbeddedMongo, postgres: EmbeddedPostgres, server_directory: Path
) -> AsyncIterator[Moving]:
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE moving")
    await connection.close()
    folder = server_directory / "moving"
    folder.mkdir()
    gateway = postgres.dsn_of("moving")
    settings = {
        "PARALLAX_FLAGS_FILE": str(folder / "flags.json"),
        "PARALLAX_FLAGS_DUAL_WITHIN_S": "2",
        "PARALLAX_FLAGS_GATEWAY_WITHIN_S": "10",
        "PARALLAX_VERIFIER_NICE": "0",
    }
    async with embedded_sidecar(
        folder / "sidecar", legacy=mongo.uri, gateway=gateway, settings=settings
    ) as sidecar:
        # Until there is a verifier nothing waits for it.
        async with AsyncMongoClient[Document](sidecar.uri, serverMonitoringMode="poll") as first:
            await first[DATABASE]["first"].insert_one({})
        await sidecar.drained()
        yield Moving(sidecar=sidecar, file=folder / "flags.json", gateway=gateway)


@pytest.fixture
def moving(running: Moving) -> Moving:
    """Give the sidecar with everything in `shadow`."""
    write_flags(running.file, EMPTY)
    return running


@pytest.fixture
async def client(moving: Moving) -> AsyncIterator[AsyncMongoClient[Document]]:
    async with AsyncMongoClient[Document](
        moving.uri, maxPoolSize=1, serverMonitoringMode="poll"
    ) as connected:
        yield connected
