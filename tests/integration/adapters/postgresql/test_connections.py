"""Connections to PostgreSQL: how many there are, and for how long."""

import asyncio

import asyncpg

from adapters.postgresql.connections import Connections
from proxy.embedded import EmbeddedPostgres
from tests.eventually import eventually


async def test_connections_that_nobody_uses_any_more_are_given_back(
    postgres: EmbeddedPostgres, postgres_dsn: str
) -> None:
    """A burst needs many, and the quiet after it none; what is used all the time stays."""
    connections = Connections(postgres_dsn, limit=8, idle_for_s=0.3)
    observer = await asyncpg.connect(postgres.dsn)

    async def there() -> int:
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
        return int(await observer.fetchval(count, postgres_dsn.rsplit("/", 1)[1]))

    async def is_one() -> bool:
        await connections.row("SELECT 1")
        return await there() == 1

    async def is_none() -> bool:
        return await there() == 0

    try:
        async with asyncio.TaskGroup() as together:
            for _ in range(8):
                together.create_task(connections.row("SELECT pg_sleep(0.2)"))
        burst = await there()
        await eventually(is_one, within_s=10)
        await eventually(is_none, within_s=10)
        row = await connections.row("SELECT 1")
    finally:
        await connections.close()
        await observer.close()

    assert burst == 8
    assert row is not None
    assert row[0] == 1
