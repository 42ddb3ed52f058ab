"""SQLite behind the tables of documents, through aiosqlite.

Source: SQLite manual, "Write-Ahead Logging", "Transaction", "Result and Error Codes"; SQLAlchemy manual, "SQLite",
section "Serializable isolation / Savepoints / Transactional DDL".
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeEngine

from adapters.sql.body import DEEPEST
from adapters.tables.dialect import WRITES
from comparators.errors import SettingsError

WAIT_S: Final = 5.0
"""How long a transaction that writes waits for another one's end."""

PRAGMAS: Final = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")
"""Readers and a writer do not wait for each other, and what was committed outlives the power."""

PRIMARY_CODE: Final = 0xFF
AWAY: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL})


class SqliteDialect:
    """Fulfil `Dialect` for SQLite."""

    title: str = "SQLite"
    key_type: TypeEngine[bytes] = sa.LargeBinary()
    document_type: TypeEngine[bytes] = sa.LargeBinary()
    body_type: TypeEngine[str] | None = sa.Text()
    deepest: int = DEEPEST
    locks_rows: bool = False
    name_type: TypeEngine[str] = sa.Text()

    def engine(self, url: str, *, connections: int) -> AsyncEngine:
        address = make_url(url)
        if address.database in {None, "", ":memory:"}:
            raise SettingsError(
                "SQLite needs a file: one in memory is lost, and each connection would have its own",
                where="the URL of the database",
                remedy="name a file: sqlite:///data/parallax.db, or sqlite:////var/lib/parallax.db",
            )
        engine = create_async_engine(
            address.set(drivername="sqlite+aiosqlite"),
            pool_size=connections,
            max_overflow=0,
            connect_args={"timeout": WAIT_S},
        )
        event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(engine.sync_engine, "begin", _begin)
        return engine

    def peer_of(self, url: str) -> str:
        return make_url(url).database or "SQLite"

    def is_conflict(self, error: DBAPIError) -> bool:
        return _code_of(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

    def is_away(self, error: DBAPIError) -> bool:
        return _code_of(error) in AWAY

    def refusal(self, error: DBAPIError, peer: str) -> None:  # noqa: ARG002 - of the interface
        return None

    def text_at(self, body: ColumnElement[Any], path: Sequence[str]) -> ColumnElement[Any]:
        return sa.func.json_extract(body, _json_path(path), type_=sa.Text())

    def number_at(self, body: ColumnElement[Any], path: Sequence[str]) -> ColumnElement[Any]:
        return sa.func.json_extract(body, _json_path(path), type_=sa.Float())

    def is_array_at(self, body: ColumnElement[Any], path: Sequence[str]) -> ColumnElement[bool]:
        return sa.func.json_type(body, _json_path(path), type_=sa.Text()) == "array"


SQLITE: Final = SqliteDialect()


def _prepare(connection: Any, _record: Any) -> None:
    # The driver would begin transactions on its own, too late and never for a SELECT.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that reads first and then finds another one's write cannot go on; one that writes waits before it reads.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _code_of(error: DBAPIError) -> int:
    return getattr(error.orig, "sqlite_errorcode", 0) & PRIMARY_CODE


def _json_path(path: Sequence[str]) -> str:
    return "$" + "".join(f'."{name}"' for name in path)
