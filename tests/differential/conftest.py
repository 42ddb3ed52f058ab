"""Both sides, empty, with document tables on the gateway; a test file may define `twins` otherwise."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from adapters.postgresql.gateway import PostgresGateway
from tests.differential.twins import Twins


@pytest.fixture
async def twins(
    mongo_database: AsyncDatabase[dict[str, Any]], postgres_dsn: str
) -> AsyncIterator[Twins]:
    async with PostgresGateway(postgres_dsn, connections=2) as gateway:
        await gateway.ready()
        yield Twins(mongo=mongo_database, gateway=gateway, collection="things")
