"""Connections to MySQL and MariaDB: what a URL asks for, and what each session is told."""

import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import URL, event
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.connection import peer_of
from adapters.mysql.failures import TOO_LARGE, code_of
from adapters.tables.dialect import WRITES
from comparators.errors import SettingsError

DEFAULT_PORT: Final = 3306
CONNECT_WITHIN_MS: Final = 10_000
STATEMENTS_KEPT: Final = 256
"""Prepared statements of a connection. What is prepared takes values as they are: to escape 10 MB costs 0.6 s."""
IDLE_AT_MOST_S: Final = 3600
"""Connections that are older are not trusted: the server drops what was idle for `wait_timeout`, eight hours."""

BEGINNING: Final = """SET SESSION
    sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
    sql_notes = 0,
    max_error_count = 0,
    innodb_lock_wait_timeout = 1
    /*M!101108 , innodb_snapshot_isolation = ON */"""
"""Whatever the server is set to, a value that does not fit is an error, and a table is InnoDB's or none. Warnings, which
may quote values, are not even kept. Who waits longer than a second for a lock tries again, or is told of
a conflict. And where a MariaDB can
refuse to write over what a transaction has not seen, it does."""
REFUSES_UNSEEN: Final = (10, 11, 8)
STATE: Final = "REPEATABLE READ"
"""How transactions see one state, on a server that refuses to write over what they have not seen; elsewhere …"""
LOCKED: Final = "SERIALIZABLE"
"""… they lock what they read."""
LATEST: Final = "READ COMMITTED"
"""Of a single write: each statement sees what is committed, and no gap between keys is locked."""


def engine_of(url: str, *, connections: int) -> AsyncEngine:
    """Return an engine that connects when first used; SettingsError for options that are not known.

    Options have the names that MySQL's own clients give them: `ssl-mode` (REQUIRED, VERIFY_IDENTITY), `ssl-ca` (a file),
    `connect-timeout` (milliseconds).
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    arguments: dict[str, Any] = {
        # As bytes: the driver would take a text for Latin 1.
        "password": unquote(parts.password or "").encode(),
        "connect_timeout": _connect_within_ms(options.pop("connect-timeout", None)) / 1000,
        "ssl": _context(options),
        "stmt_cache_size": STATEMENTS_KEPT,
        "init_command": BEGINNING,
        "charset": "utf8mb4",
    }
    if options:
        raise _wrong(f"{min(options)!r} is no option of MySQL", "ssl-mode, ssl-ca, connect-timeout")
    engine = create_async_engine(
        URL.create(
            "mysql+asyncmy",
            username=unquote(parts.username or "root"),
            host=parts.hostname or "127.0.0.1",
            port=parts.port or DEFAULT_PORT,
            database=unquote(parts.path.removeprefix("/")) or None,
        ),
        connect_args=arguments,
        isolation_level=STATE,
        pool_size=connections,
        max_overflow=0,
        # Whoever waits for a connection has a deadline of their own.
        pool_timeout=IDLE_AT_MOST_S,
        pool_recycle=IDLE_AT_MOST_S,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "checkout", _refuse_lost)
    event.listen(engine.sync_engine, "handle_error", _told)
    event.listen(engine.sync_engine, "begin", _isolate)
    return engine


def _refuse_lost(connection: Any, _record: Any, _proxy: Any) -> None:
    """Have the pool connect anew where the server has hung up since; an operation need not fail to find out."""
    if connection.driver_connection._transport.is_closing():  # noqa: SLF001 - nothing public tells
        raise DisconnectionError


def _told(context: ExceptionContext) -> None:
    """Raise what the operator has to mend, and drop a connection whose server hangs up behind its answer."""
    if code_of(context.original_exception) == TOO_LARGE:
        context.is_disconnect = True


def _isolate(connection: Connection) -> None:
    """Have a transaction see what it should; by itself it sees one state."""
    dialect: Any = connection.dialect
    if connection.get_execution_options().get(WRITES):
        connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL {LATEST}")
    elif not (dialect.is_mariadb and (dialect.server_version_info or ()) >= REFUSES_UNSEEN):
        connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL {LOCKED}")


def _context(options: dict[str, str]) -> ssl.SSLContext | None:
    """Return how a connection is encrypted, None where it is not."""
    authorities = options.pop("ssl-ca", None)
    mode = options.pop("ssl-mode", "DISABLED").upper()
    if mode == "DISABLED":
        return None
    if mode not in _VERIFIES:
        raise _wrong(f"ssl-mode is {mode!r}", ", ".join(("DISABLED", *_VERIFIES)))
    try:
        context = ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise _wrong(f"ssl-ca {authorities!r} cannot be read", "a file of certificates") from error
    if not _VERIFIES[mode]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


_VERIFIES: Final[Mapping[str, bool]] = {"REQUIRED": False, "VERIFY_IDENTITY": True}


def _connect_within_ms(given: str | None) -> int:
    if given is None:
        return CONNECT_WITHIN_MS
    if not given.isdecimal() or not int(given):
        raise _wrong(f"connect-timeout is {given!r}", "milliseconds")
    return int(given)


def _wrong(what: str, known: str) -> SettingsError:
    return SettingsError(what, where="the URL of MySQL", remedy=f"use: {known}")


def peer(url: str) -> str:
    """Return the `host:port` of a URL."""
    return peer_of(url, DEFAULT_PORT)
