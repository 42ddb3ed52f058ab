"""What the errors of MySQL and MariaDB mean: away for now, the caller's limit, or another transaction's doing.

Errors are told apart by number, never by text.
Source: MariaDB documentation, "MariaDB Error Code Reference"; MySQL manual, "Server Error Message Reference".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError

from adapters.gateway import ConflictError
from comparators.errors import CapacityError, SettingsError, UnreachableError

AWAY: Final = frozenset(
    {
        1040,  # too many connections
        1053,  # shutdown in progress
        1077,  # normal shutdown
        1129,  # host is blocked
        1152,  # aborted connection
        1158,  # network: read error …
        1159,  # … and time-out
        1160,  # network: write error …
        1161,  # … and time-out
        1184,  # new connection aborted
        1203,  # too many connections of this user
        1317,  # query was interrupted: by whoever shuts the server down
        1927,  # connection was killed
        2002,  # no connection by a socket
        2003,  # no connection by TCP
        2005,  # unknown host
        2006,  # server has gone away
        2013,  # connection lost during a query
        2055,  # connection lost
        4031,  # connection was idle for too long
    }
)
ACCESS: Final = frozenset(
    {
        1044,  # no access to this database
        1045,  # wrong user or password
        1049,  # no such database
        1142,  # privilege on a table is missing
        1143,  # privilege on a column is missing
        1227,  # global privilege is missing
        1251,  # the server asks for another way to log in
        1698,  # this user logs in by a socket alone
        2026,  # TLS failed
        2059,  # the way to log in is not known
        3159,  # the server asks for TLS
    }
)
TOO_LARGE: Final = 1153
"""A statement is larger than `max_allowed_packet`; the server hangs up when it has said so."""
RESOURCES: Final = frozenset(
    {
        1021,  # disk is full
        1037,  # out of memory
        1038,  # out of memory for sorting
        1041,  # out of memory
        1114,  # table is full
        1135,  # no thread can be made
        TOO_LARGE,
        1206,  # too many locks
        1461,  # too many prepared statements
    }
)
CONFLICTS: Final = frozenset(
    {
        1020,  # record has changed since the snapshot (MariaDB 11.6 and later)
        1205,  # waited for a lock for too long
        1213,  # deadlock: this transaction was undone
        3572,  # a lock is held, and NOWAIT was asked for
    }
)
TIMED_OUT: Final = frozenset({1969, 3024})
"""`max_statement_time` of MariaDB, `max_execution_time` of MySQL."""
UNIQUE: Final = frozenset({1062, 1586})
ABSENT: Final = frozenset({1146})
"""No such table: MongoDB's collection that does not exist (yet)."""


def code_of(error: BaseException) -> int:
    """Return the number of an error, 0 for one that has none."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    arguments = () if cause is None else cause.args
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the driver's errors into ours, as far as they are no matter of one operation."""
    try:
        yield
    except DBAPIError as error:
        raised = _ours(error, where)
        if raised is None:
            raise
        raise raised from error


def _ours(error: DBAPIError, where: str) -> Exception | None:
    code = code_of(error)
    if code in CONFLICTS:
        return ConflictError(
            "another transaction writes the same documents", where=where, remedy="try it again"
        )
    if code in TIMED_OUT:
        return TimeoutError(f"MySQL gave up the statement ({where})")
    if code in RESOURCES:
        return CapacityError(
            f"MySQL ran out of resources: {error.orig}",
            where=where,
            remedy="make room: disk, memory or connections of the server, or `max_allowed_packet`",
        )
    if code in ACCESS:
        return SettingsError(
            f"MySQL refuses access: {error.orig}",
            where=where,
            remedy="check user, password, database and privileges in its URL",
        )
    if code in AWAY or error.connection_invalidated:
        return UnreachableError(
            f"MySQL is away: {error.orig}",
            where=where,
            remedy="check that it runs and is reachable if this lasts",
        )
    return None
