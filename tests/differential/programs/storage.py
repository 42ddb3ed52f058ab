"""The ways in which the gateway stores documents, by name, and other databases: every program runs on each."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from tempfile import TemporaryDirectory
from typing import Any, Final

from pymongo import AsyncMongoClient

from adapters.database import Database
from adapters.entities.entity import IdentityType
from adapters.entities.profile import load_profile
from adapters.mysql.dialect import MYSQL
from adapters.postgresql.gateway import PostgresGateway
from adapters.sqlite.dialect import SQLITE
from adapters.tables.database import TablesDatabase
from tests.differential.maps import BESIDE_CHILDREN, CHILDREN, EveryCollection
from tests.differential.programs.running import Sides

Storage = Callable[[str], AbstractAsyncContextManager[Database]]
"""Opens a gateway on the PostgreSQL database of an address, or another database."""


@asynccontextmanager
async def document_tables(dsn: str) -> AsyncIterator[PostgresGateway]:
    """Open a gateway that keeps every collection in a document table."""
    async with PostgresGateway(dsn, connections=2) as gateway:
        await gateway.ready()
        yield gateway


@asynccontextmanager
async def mapped_tables(dsn: str) -> AsyncIterator[PostgresGateway]:
    """Open a gateway that keeps every collection in a mapped table, into which few values fit."""
    entities = EveryCollection(IdentityType.KEY)
    async with PostgresGateway(dsn, connections=2, entities=entities) as gateway:
        await gateway.ready()
        yield gateway


@asynccontextmanager
async def child_tables(dsn: str) -> AsyncIterator[PostgresGateway]:
    """Open a gateway that keeps some arrays of every collection in child tables."""
    entities = EveryCollection(IdentityType.TEXT, BESIDE_CHILDREN, CHILDREN)
    async with PostgresGateway(dsn, connections=2, entities=entities) as gateway:
        await gateway.ready()
        yield gateway


@asynccontextmanager
async def sqlite(_dsn: str) -> AsyncIterator[Database]:
    """Open a database in a file."""
    with TemporaryDirectory() as folder:
        async with TablesDatabase(f"sqlite:///{folder}/x.db", SQLITE, connections=2) as database:
            yield database


@asynccontextmanager
async def mysql(url: str) -> AsyncIterator[Database]:
    """Open a database of MariaDB."""
    async with TablesDatabase(url, MYSQL, connections=2) as database:
        yield database


@asynccontextmanager
async def librechat_tables(dsn: str) -> AsyncIterator[PostgresGateway]:
    """Open a gateway that keeps the collections of LibreChat in the tables of its profile."""
    async with PostgresGateway(dsn, connections=2, entities=load_profile("librechat")) as gateway:
        await gateway.ready()
        yield gateway


STORAGES: Final[Mapping[str, Storage]] = {
    "document tables": document_tables,
    "mapped tables": mapped_tables,
    "child tables": child_tables,
    "MySQL": mysql,
    "SQLite": sqlite,
}
OF_LIBRECHAT: Final[Mapping[str, Storage]] = {
    "document tables": document_tables,
    "mapped tables": mapped_tables,
    "tables of the profile": librechat_tables,
}


@asynccontextmanager
async def both_sides(storage: str, mongo_uri: str, postgres_dsn: str) -> AsyncIterator[Sides]:
    """Open both databases, the gateway with one of the storages, and drop what MongoDB then holds."""
    name = f"programs_{storage.replace(' ', '_')}"
    async with (
        AsyncMongoClient[dict[str, Any]](mongo_uri, serverMonitoringMode="poll") as client,
        {**STORAGES, **OF_LIBRECHAT}[storage](postgres_dsn) as gateway,
    ):
        yield Sides(mongo=client[name], gateway=gateway)
        await client.drop_database(name)
