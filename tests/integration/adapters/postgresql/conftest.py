"""A gateway on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgresql.gateway import PostgresGateway


@pytest.fixture
async def gateway(postgres_dsn: str) -> AsyncIterator[PostgresGateway]:
    async with PostgresGateway(postgres_dsn, connections=4) as opened:
        await opened.ready()
        yield opened
