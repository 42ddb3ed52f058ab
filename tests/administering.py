"""Make and drop databases of PostgreSQL."""

import asyncpg

from proxy.embedded import EmbeddedPostgres


async def administer(postgres: EmbeddedPostgres, statement: str) -> None:
    """Run a statement over a connection of its own: other tests restart the server in between."""
    connection = await asyncpg.connect(postgres.dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
