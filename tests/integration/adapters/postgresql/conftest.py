"""A gateway on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgresql.gateway import PostgresGateway
from tests.differential.maps import STORAGES


@pytest.fixture(params=["documents", "mapped by objectid", "mapped by text"])
async def gateway(
    postgres_dsn: str, request: pytest.FixtureRequest
) -> AsyncIterator[PostgresGateway]:
    entities = STORAGES[request.param]
    async with PostgresGateway(postgres_dsn, connections=4, entities=entities) as opened:
        await opened.ready()
        yield opened
