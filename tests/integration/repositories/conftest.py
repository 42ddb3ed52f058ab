"""A gateway on each database: MongoDB, PostgreSQL with tables of documents and with the tables of LibreChat, MariaDB, SQLite.

The databases are shared by the tests, since to make the tables takes longest; what a test has stored is deleted after it.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from uuid import uuid4

import pytest
from sqlalchemy.schema import CreateSchema

from adapters.database import Database
from adapters.entities.profile import load_profile
from adapters.gateway import Generated, Transaction
from adapters.repositories.databases import database_for
from adapters.repositories.gateway import RepositoryGateway
from comparators.operation import Kind, Operation
from comparators.outcome import Documents, Outcome
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from tests.administering import administer, administer_mysql
from tests.peers.mariadb_server import RunningMariadb

NAME = f"repositories_{uuid4().hex[:8]}"
BEGINNING_MS = 1_700_000_000_000
WRITES = {Kind.INSERT, Kind.UPDATE, Kind.FIND_AND_MODIFY}


class Clock:
    """Milliseconds that a test sets, and each look moves on by one."""

    def __init__(self) -> None:
        self.now_ms = BEGINNING_MS

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


class Noted:
    """A database, or a transaction, and the collections that were written to.

    `most` is how many documents went in or came out at once.
    """

    def __init__(self, inner: Transaction, written: set[str]) -> None:
        self._inner = inner
        self._written = written
        self.most = 0

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        if operation.kind in WRITES:
            self._written.add(operation.collection)
        outcome = await self._inner.run(operation, generated=generated)
        given = operation.arguments.get("documents", ())
        found = outcome.result.documents if isinstance(outcome.result, Documents) else ()
        self.most = max(self.most, len(given), len(found))
        return outcome


class NotedDatabase(Noted):
    """A database that is asked through; `clear` deletes what was written."""

    def __init__(self, inner: Database) -> None:
        super().__init__(inner, set())
        self._database = inner

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._database.transaction() as transaction:
            yield Noted(transaction, self._written)

    async def reachable(self) -> None:
        await self._database.reachable()

    async def clear(self) -> None:
        for collection in self._written:
            everything = {"deletes": [{"q": {}, "limit": 0}]}
            operation = Operation(
                database=NAME, collection=collection, kind=Kind.DELETE, arguments=everything
            )
            await self._database.run(operation, generated=Generated(now_ms=0))
        self._written.clear()
        self.most = 0


@pytest.fixture(scope="session")
async def mongodb(mongo: EmbeddedMongo) -> AsyncIterator[Database]:
    async with database_for(mongo.uri) as database:
        yield database


@pytest.fixture(scope="session")
async def documents(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    async with _on_postgresql(postgres, "documents") as database:
        yield database


@pytest.fixture(scope="session")
async def tables(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    async with _on_postgresql(postgres, "tables") as database:
        yield database


@pytest.fixture(scope="session")
async def sqlite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    file = tmp_path_factory.mktemp("sqlite") / "repositories.db"
    async with database_for(f"sqlite:///{file}", connections=4) as database:
        yield database


@pytest.fixture(scope="session")
async def mysql(mariadb: RunningMariadb) -> AsyncIterator[Database]:
    await administer_mysql(mariadb, CreateSchema(NAME))
    async with database_for(mariadb.url_of(NAME), connections=4) as database:
        yield database


@pytest.fixture(scope="session", params=["mongodb", "documents", "tables", "mysql", "sqlite"])
def shared_database(request: pytest.FixtureRequest) -> NotedDatabase:
    return NotedDatabase(request.getfixturevalue(request.param))


@pytest.fixture(scope="session")
def shared_clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
async def shared_gateway(
    shared_database: NotedDatabase, shared_clock: Clock
) -> AsyncIterator[RepositoryGateway]:
    opened: AbstractAsyncContextManager[Database] = nullcontext(shared_database)
    async with RepositoryGateway(opened, name=NAME, clock=shared_clock) as connected:
        yield connected


@pytest.fixture
def clock(shared_clock: Clock) -> Clock:
    shared_clock.now_ms = BEGINNING_MS
    return shared_clock


@pytest.fixture
async def database(shared_database: NotedDatabase) -> AsyncIterator[NotedDatabase]:
    """Give a database whose collections are empty."""
    yield shared_database
    await shared_database.clear()


@pytest.fixture
def gateway(
    shared_gateway: RepositoryGateway,
    database: NotedDatabase,
    clock: Clock,
) -> RepositoryGateway:
    """Give a connected gateway, whose collections are empty."""
    return shared_gateway


@asynccontextmanager
async def _on_postgresql(server: EmbeddedPostgres, kind: str) -> AsyncIterator[Database]:
    name = f"{NAME}_{kind}"
    await administer(server, f'CREATE DATABASE "{name}"')
    maps = load_profile("librechat") if kind == "tables" else {}
    async with database_for(server.dsn_of(name), entities=maps, connections=4) as database:
        yield database
    await administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')
