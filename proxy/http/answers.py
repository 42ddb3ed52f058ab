"""Where the answers to writes with a key are kept: a file of SQLite, or PostgreSQL, which several fronts share."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from comparators.errors import UnreachableError

SCHEMA: Final = "parallax_http"
"""On PostgreSQL: the gateway keeps a schema for each database of MongoDB, and may share the server."""
ANSWERS: Final = sa.Table(
    "kept_answers",
    sa.MetaData(),
    # Applications may share a server, and call their tokens alike.
    sa.Column("application", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("process", sa.Text, nullable=False),
    # Who began it has answered by then, or never will.
    sa.Column("until_s", sa.Double, nullable=False),
    sa.Column("expires_s", sa.Double, nullable=False, index=True),
    # Null while the request is under way.
    sa.Column("status", sa.Integer),
    sa.Column("headers", sa.Text),
    sa.Column("body", sa.Text),
)
_MODE: Final = 0o600
_CONNECT_S: Final = 5
_COMMAND_S: Final = 10
_CONNECTIONS: Final = 4
_MAKING: Final = 0x7061_7261_6C6C_6178
"""The lock under which tables are made: two fronts may begin at once."""
_INSERTS: Final[Mapping[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_into(engine: AsyncEngine) -> Any:
    """Return an INSERT into the table that may say what happens to a row that is there."""
    return _INSERTS[engine.dialect.name](ANSWERS)


async def opened(uri: str) -> AsyncEngine:
    """Return an engine behind which the table is there; UnreachableError where its server does not answer."""
    url = sa.make_url(uri)
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        path.parent.mkdir(parents=True, exist_ok=True)
        # It holds the application's data: for its owner alone.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, _MODE))
        engine = create_async_engine(url.set(drivername="sqlite+aiosqlite"))
        async with engine.begin() as connection:
            await _make(connection)
        return engine
    engine = create_async_engine(
        "postgresql+asyncpg://",
        # asyncpg reads the address itself, with all options that that of the gateway may have.
        async_creator=lambda: asyncpg.connect(
            uri,
            timeout=_CONNECT_S,
            command_timeout=_COMMAND_S,
            server_settings={"search_path": SCHEMA, "application_name": "parallax http"},
        ),
        pool_size=_CONNECTIONS,
        max_overflow=_CONNECTIONS,
        pool_pre_ping=True,
    )
    try:
        with reachable():
            async with engine.begin() as connection:
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING)))
                await connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
                await _make(connection)
    except BaseException:
        await engine.dispose()
        raise
    return engine


async def _make(connection: AsyncConnection) -> None:
    """Make the table unless it is there; two fronts may do so at once."""
    await connection.execute(sa.schema.CreateTable(ANSWERS, if_not_exists=True))
    for index in ANSWERS.indexes:
        await connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))


@contextmanager
def reachable() -> Iterator[None]:
    """Raise UnreachableError where the server of the answers is away: the request is then not begun."""
    try:
        yield
    except (OSError, sa.exc.TimeoutError, asyncpg.InterfaceError) as error:
        raise _away() from error
    except (DBAPIError, asyncpg.PostgresError) as error:
        # While it connects, the driver's own; its code is the same.
        cause = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(cause, "sqlstate", None)
        if hasattr(cause, "sqlite_errorcode") or (state is not None and state[:2] not in _AWAY):
            raise
        raise _away() from error


_AWAY: Final = frozenset({"08", "28", "3D", "53", "55", "57", "58"})
"""Classes of SQLSTATE: no connection, not let in, no such database, no room, locked, shut down, failing disks."""


def _away() -> UnreachableError:
    return UnreachableError(
        "the database of the kept answers does not answer",
        where="http.answers_uri",
        remedy="check that it runs, and that it lets in who is named",
    )
