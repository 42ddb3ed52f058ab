"""Real servers, fresh databases, and the check that a test leaves nothing behind.

The servers of a session start when a test first asks for them. Each test gets databases of its own.
"""

import asyncio
import gc
import os
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
from tests.eventually import eventually
from tests.peers.mariadb_server import RunningMariadb, running_mariadb

pytest_plugins = ("tests.differential.programs.reporting",)

# An example that takes long on a busy machine says nothing about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

LEFT_BEHIND_WITHIN_S = 1.0
TCP_LISTEN = "0A"


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


@pytest.fixture(autouse=True)
async def leaves_nothing_behind(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Fail a test that leaves a task, a listening socket, an unclosed connection or an error that nobody fetched."""
    loop = asyncio.get_running_loop()
    tasks_before = _other_tasks()
    listeners_before = _listeners()
    sockets_before = _socket_count()
    swallowed: list[dict[str, Any]] = []
    handler_before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _loop, context: swallowed.append(context))

    yield

    if request.node.get_closest_marker("leaves_behind") is None:
        await _gone(lambda: _other_tasks() - tasks_before, "tasks left running")
        await _gone(lambda: _listeners() - listeners_before, "ports left listening")
    if _socket_count() > sockets_before:
        # Whoever dropped a connection without closing it is told by its ResourceWarning, in this test.
        gc.collect()
    loop.set_exception_handler(handler_before)
    assert not swallowed, f"errors that nobody fetched: {swallowed}"


async def _gone(left: Any, what: str) -> None:
    """Wait for `left` to return nothing: what was told to end needs a few turns of the loop to do so."""
    try:
        await eventually(lambda: not left(), within_s=LEFT_BEHIND_WITHIN_S)
    except AssertionError:
        pytest.fail(f"{what}: {left()}")


def _other_tasks() -> set[asyncio.Task[Any]]:
    """Return the unfinished tasks besides the one that runs this fixture."""
    current = asyncio.current_task()
    return {task for task in asyncio.all_tasks() if task is not current}


def _listeners() -> set[str]:
    """Return the local addresses this process listens on."""
    own = _socket_inodes()
    addresses = set()
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == TCP_LISTEN and fields[9] in own:
                addresses.add(fields[1])
    return addresses


def _socket_count() -> int:
    return len(_socket_inodes())


def _socket_inodes() -> set[str]:
    """Return the inodes of the sockets this process holds."""
    inodes = set()
    for descriptor in os.listdir("/proc/self/fd"):  # noqa: PTH208 - a descriptor may be gone when looked at
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[len("socket:[") : -1])
    return inodes


def _database_name(request: pytest.FixtureRequest) -> str:
    """Return a name that tells the test, short enough for both databases."""
    readable = re.sub(r"[^a-z0-9]+", "_", request.node.name.lower()).strip("_")[:40]
    return f"{readable}_{uuid4().hex[:8]}"
