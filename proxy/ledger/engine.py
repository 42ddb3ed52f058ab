"""Connections to the ledger: SQLite by default, PostgreSQL by URL; their failures become ours.

On PostgreSQL the tables lie in a schema of their own, because the gateway keeps one schema per MongoDB database
and the ledger may share a server with it.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from comparators.errors import (
    CapacityError,
    CorruptionError,
    ParallaxError,
    SettingsError,
    UnreachableError,
)

SCHEMA: Final = "parallax_ledger"
BUSY_TIMEOUT_S: Final = 5
CONNECT_TIMEOUT_S: Final = 10
COMMAND_TIMEOUT_S: Final = 60

_WRITE_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    # A segment of the capture log is removed once the ledger says it is verified: that sentence has to survive
    # a power failure, so each commit waits for the disk.
    "PRAGMA synchronous = FULL",
    # What an order held while it was open is overwritten, not only released.
    "PRAGMA secure_delete = ON",
)
_READ_PRAGMAS: Final = ("PRAGMA query_only = ON",)


class NoLedgerError(SettingsError):
    """No verifier has begun a ledger there yet."""


def writing_engine(url: str) -> AsyncEngine:
    """Return an engine that creates the ledger where it is missing. Its files get mode 0600."""
    parsed = ledger_url(url)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql_engine(parsed)
    path = _sqlite_path(parsed)
    with translated_failures(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _create(path)
    return _sqlite_engine(path, pragmas=_WRITE_PRAGMAS, begin="BEGIN IMMEDIATE")


def _create(path: Path) -> None:
    """Make an empty file unless there is one.

    One that is there must not be opened: closing it would drop the locks of all connections this process has to it, and
    whoever closes a connection next would take the log of SQLite away from under them (SQLite documentation, "How To
    Corrupt An SQLite Database File", section 2.2).
    """
    try:
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    except FileExistsError:
        return
    os.close(made)


def reading_engine(url: str) -> AsyncEngine:
    """Return an engine that sees one state per transaction and cannot write.

    SettingsError where there is no ledger.
    """
    parsed = ledger_url(url)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql_engine(parsed).execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    path = _sqlite_path(parsed)
    if not path.exists():
        raise NoLedgerError(
            "there is no ledger yet",
            where=str(path),
            remedy="start `parallax serve`, or name the ledger with --ledger or [ledger] uri",
        )
    return _sqlite_engine(path, pragmas=_READ_PRAGMAS, begin="BEGIN DEFERRED")


def ledger_url(url: str) -> URL:
    """Return the URL with the driver that Parallax uses. SettingsError for any other database."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise _unusable() from error
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    if parsed.drivername == "postgres":
        backend = "postgresql"
    if backend not in drivers:
        raise _unusable()
    return parsed.set(drivername=drivers[backend])


def shown_url(url: str) -> str:
    """Return the URL without its password."""
    return ledger_url(url).render_as_string(hide_password=True)


def _unusable() -> SettingsError:
    return SettingsError(
        "the ledger needs a SQLite or PostgreSQL URL",
        where="[ledger] uri",
        remedy="write sqlite:///path/to/ledger.sqlite or postgresql://user@host/database",
    )


def _sqlite_path(url: URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise _unusable()
    return Path(url.database).absolute()


def _sqlite_engine(path: Path, *, pragmas: tuple[str, ...], begin: str) -> AsyncEngine:
    engine = create_async_engine(
        # `mode=rw`: the file is made by us with its mode, never by SQLite.
        URL.create("sqlite+aiosqlite", database=f"file:{_escaped(path)}", query=_SQLITE_QUERY),
        connect_args={"timeout": BUSY_TIMEOUT_S},
        pool_size=1,
        max_overflow=0,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # Python's sqlite3 opens transactions late and only before some statements; ours begin where we say.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


_SQLITE_QUERY: Final = {"mode": "rw", "uri": "true"}


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _postgresql_engine(url: URL) -> AsyncEngine:
    return create_async_engine(
        url,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": COMMAND_TIMEOUT_S,
            "server_settings": {"search_path": SCHEMA, "application_name": "parallax ledger"},
        },
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
    )


@contextmanager
def translated_failures(where: str) -> Iterator[None]:
    """Turn the failures of a driver into ours by their code; any other exception is a bug and stays."""
    try:
        yield
    except DBAPIError as error:
        ours = _translated(error.orig, where)
        if ours is None:
            raise
        raise ours from error
    except OSError as error:
        raise _unreachable(where, error.strerror or type(error).__name__) from error


def _translated(error: BaseException | None, where: str) -> ParallaxError | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        # The low byte is the class of the failure, the rest says more.
        failure = _SQLITE_FAILURES.get(code & 0xFF)
        return failure(where, str(getattr(error, "sqlite_errorname", code))) if failure else None
    state = getattr(error, "sqlstate", None)
    if state is None:
        # asyncpg lost or never got its connection: there is no SQLSTATE.
        return _unreachable(where, "connection lost")
    for prefix, failure in _SQLSTATE_FAILURES.items():
        if state.startswith(prefix):
            return failure(where, f"SQLSTATE {state}")
    return None


def _full(where: str, cause: str) -> CapacityError:
    return CapacityError(
        f"the ledger cannot grow ({cause})",
        where=where,
        remedy="make room on its disk; the verifier keeps its findings and tries again",
    )


def _unreachable(where: str, cause: str) -> UnreachableError:
    return UnreachableError(
        f"the ledger does not answer ({cause})",
        where=where,
        remedy="check that it runs, may be written to, and is locked by nobody else; "
        "the verifier keeps its findings and tries again",
    )


def _corrupt(where: str, cause: str) -> CorruptionError:
    return CorruptionError(
        f"the ledger is damaged or no ledger ({cause})",
        where=where,
        remedy="restore it from a backup, or move it away and begin a new one",
    )


def _refused(where: str, cause: str) -> SettingsError:
    return SettingsError(
        f"the ledger refuses these credentials or this database ({cause})",
        where=where,
        remedy="check user, password, database and privileges in [ledger] uri",
    )


_Failure = Callable[[str, str], ParallaxError]

_SQLITE_FAILURES: Final[Mapping[int, _Failure]] = {
    sqlite3.SQLITE_BUSY: _unreachable,
    sqlite3.SQLITE_LOCKED: _unreachable,
    sqlite3.SQLITE_PROTOCOL: _unreachable,
    sqlite3.SQLITE_CANTOPEN: _unreachable,
    sqlite3.SQLITE_IOERR: _unreachable,
    sqlite3.SQLITE_PERM: _unreachable,
    sqlite3.SQLITE_READONLY: _unreachable,
    sqlite3.SQLITE_FULL: _full,
    sqlite3.SQLITE_NOMEM: _full,
    sqlite3.SQLITE_CORRUPT: _corrupt,
    sqlite3.SQLITE_NOTADB: _corrupt,
}

_SQLSTATE_FAILURES: Final[Mapping[str, _Failure]] = {
    "53": _full,
    "54": _full,
    "08": _unreachable,
    "40": _unreachable,
    "55": _unreachable,
    "57": _unreachable,
    "58": _unreachable,
    "28": _refused,
    "3D": _refused,
    "42501": _refused,
    "XX001": _corrupt,
}
