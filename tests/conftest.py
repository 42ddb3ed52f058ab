"""Real servers, fresh databases, and the check that a test leaves nothing behind (`tests/leftovers.py`).

The servers of a session start when a test first asks for them. Each test gets databases of its own.
"""

import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from sqlalchemy.schema import CreateSchema, DropSchema

from proxy.embedded import EmbeddedMongo, EmbeddedPostgres, embedded_mongo, embedded_postgres
from tests.administering import administer, administer_mysql
from tests.peers.mariadb_server import RunningMariadb, running_mariadb

pytest_plugins = ("tests.differential.programs.reporting", "tests.leftovers")

# An example that takes long on a busy machine says nothing about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """Give a folder for the data and logs of the servers, which unprivileged users may enter."""
    with tempfile.TemporaryDirectory(prefix="parallax-tests-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        yield directory


@pytest.fixture(scope="session")
async def mongo(server_directory: Path) -> AsyncIterator[EmbeddedMongo]:
    """Run a one-member replica set: transactions and change streams work."""
    async with embedded_mongo(server_directory / "replica-set") as servers:
        yield servers


@pytest.fixture(scope="session")
async def mongo_standalone(server_directory: Path) -> AsyncIterator[EmbeddedMongo]:
    """Run a standalone server: no transactions, no oplog."""
    async with embedded_mongo(server_directory / "standalone", replica_set=None) as servers:
        yield servers


@pytest.fixture(scope="session")
async def postgres(server_directory: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Run PostgreSQL. A test that stops it must start it again."""
    async with embedded_postgres(server_directory / "postgresql") as server:
        yield server


@pytest.fixture(scope="session")
async def mariadb(server_directory: Path) -> AsyncIterator[RunningMariadb]:
    """Run MariaDB. A test that stops it must start it again."""
    async with running_mariadb(server_directory / "mariadb") as server:
        yield server


@pytest.fixture
async def mongo_client(mongo: EmbeddedMongo) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    """Connect to the replica set directly, past any proxy."""
    # Polling: a streaming monitor opens a connection in the background, and drops it unclosed if cancelled meanwhile.
    async with AsyncMongoClient[dict[str, Any]](
        mongo.uri, tz_aware=True, serverMonitoringMode="poll"
    ) as client:
        yield client


@pytest.fixture
async def mongo_database(
    mongo_client: AsyncMongoClient[dict[str, Any]], request: pytest.FixtureRequest
) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    """Give a MongoDB database that nobody else uses, and drop it."""
    name = _database_name(request)
    yield mongo_client[name]
    await mongo_client.drop_database(name)


@pytest.fixture
async def postgres_dsn(
    postgres: EmbeddedPostgres, request: pytest.FixtureRequest
) -> AsyncIterator[str]:
    """Give the address of a PostgreSQL database that nobody else uses, and drop it."""
    name = _database_name(request)
    await administer(postgres, f'CREATE DATABASE "{name}" STRATEGY FILE_COPY')
    yield postgres.dsn_of(name)
    await administer(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def mysql_url(mariadb: RunningMariadb, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Give the address of a database of MariaDB that nobody else uses, and drop it."""
    name = _database_name(request)
    await administer_mysql(mariadb, CreateSchema(name))
    yield mariadb.url_of(name)
    await administer_mysql(mariadb, DropSchema(name))


def _database_name(request: pytest.FixtureRequest) -> str:
    """Return a name that tells the test, short enough for both databases."""
    readable = re.sub(r"[^a-z0-9]+", "_", request.node.name.lower()).strip("_")[:40]
    return f"{readable}_{uuid4().hex[:8]}"
