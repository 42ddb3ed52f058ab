"""Make and drop databases of PostgreSQL and MariaDB."""

import asyncpg
from sqlalchemy import Executable

from adapters.mysql.connecting import engine_of
from proxy.embedded import EmbeddedPostgres
from tests.peers.mariadb_server import RunningMariadb


async def administer(postgres: EmbeddedPostgres, statement: str) -> None:
    """Run a statement over a connection of its own: other tests restart the server in between."""
    connection = await asyncpg.connect(postgres.dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def administer_mysql(mariadb: RunningMariadb, *statements: Executable) -> None:
    """Run statements as root, over a connection of their own."""
    engine = engine_of(mariadb.url_of(""), connections=1)
    try:
        async with engine.begin() as connection:
            for statement in statements:
                await connection.execute(statement)
    finally:
        await engine.dispose()
