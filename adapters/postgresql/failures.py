"""What PostgreSQL's errors mean: away for now, the caller's limit, or MongoDB's own refusal.

Errors are told apart by SQLSTATE, never by text.
Source: PostgreSQL manual, "PostgreSQL Error Codes".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from adapters.gateway import ConflictError
from comparators.errors import CapacityError, ParallaxError, SettingsError, UnreachableError

AWAY: Final = frozenset(
    {
        "53300",  # too_many_connections
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now
        "57P05",  # idle_session_timeout
        "25P03",  # idle_in_transaction_session_timeout
        "55006",  # object_in_use: the database is being dropped or copied
    }
)
CONNECTION_CLASS: Final = "08"
RESOURCES_CLASS: Final = "53"
ACCESS: Final = frozenset({"28000", "28P01", "3D000", "42501"})
"""Wrong user, password or database, or a privilege that is missing."""

STATEMENT_CANCELED: Final = "57014"
ABSENT: Final = frozenset({"42P01", "3F000"})
"""No such table, no such schema: MongoDB's collection that does not exist (yet)."""

TOO_LONG: Final = "54000"
"""A value that an index cannot hold: somebody else has made the index."""

MOVED: Final = frozenset({"42703", "42804", "42883", *ABSENT})
"""No such column, another type, no such operator for it, no such table: the documents live in another table by now."""

UNIQUE: Final = "23505"
REPEAT: Final = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: nothing was changed, and a second try may well succeed."""


CONFLICTS: Final = frozenset({*REPEAT, "55P03"})
"""Another transaction wrote the same, or holds what this one would have to wait for (lock_not_available)."""


class MovedError(UnreachableError):
    """The documents of a collection have moved to another table since the catalog was read."""


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error, empty for one that has none."""
    return getattr(error, "sqlstate", None) or ""


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the driver's errors into ours, as far as they are no matter of one operation."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raised = _ours(error, where)
        if raised is None:
            raise
        raise raised from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        # A TimeoutError is an OSError, and belongs to whoever set the deadline; a ValueError is a value
        # that the driver cannot send, which is a bug here and no better later.
        if isinstance(error, TimeoutError | ValueError):
            raise
        raise unreachable(str(error) or type(error).__name__, where) from error


def _ours(error: asyncpg.PostgresError, where: str) -> Exception | None:
    state = state_of(error)
    if state in AWAY or state.startswith(CONNECTION_CLASS):
        return unreachable(f"PostgreSQL is away: {error}", where)
    if state == STATEMENT_CANCELED:
        return TimeoutError(f"PostgreSQL cancelled the statement ({where})")
    if state.startswith(RESOURCES_CLASS):
        return CapacityError(
            f"PostgreSQL ran out of resources: {error}",
            where=where,
            remedy="make room: disk, memory or connections of the server",
        )
    if state in ACCESS:
        return SettingsError(
            f"PostgreSQL refuses access: {error}",
            where=where,
            remedy="check user, password, database and privileges in the gateway's URL",
        )
    return None


def conflict(where: str) -> ConflictError:
    """Return the error for a transaction that met another one."""
    return ConflictError(
        "another transaction writes the same documents", where=where, remedy="try it again"
    )


def unreachable(what: str, where: str) -> ParallaxError:
    """Return the error for a server that does not answer now and may again."""
    return UnreachableError(
        what, where=where, remedy="check that PostgreSQL runs and is reachable if this lasts"
    )
