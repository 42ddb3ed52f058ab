"""The ways in which the gateway stores documents, by name: every program runs on each."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from adapters.entities.entity import IdentityType
from adapters.postgresql.gateway import PostgresGateway
from tests.differential.maps import EveryCollection

Storage = Callable[[str], AbstractAsyncContextManager[PostgresGateway]]
"""Opens a gateway on the PostgreSQL database of an address."""


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


STORAGES: Final[Mapping[str, Storage]] = {
    "document tables": document_tables,
    "mapped tables": mapped_tables,
}
