"""What the errors of MySQL and MariaDB mean: away for now, the caller's limit, or another transaction's doing.

Errors are told apart by number, never by text.
Source: MariaDB documentation, "MariaDB Error Code Reference"; MySQL manual, "Server Error Message Reference".
"""

from ssl import SSLCertVerificationError
from typing import Final

from sqlalchemy.exc import DBAPIError

from comparators.errors import CapacityError, SettingsError, UnsupportedError

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
        1050,  # table exists: another process has just made it …
        1061,  # … or its index
        1020,  # record has changed since the snapshot
        1205,  # waited for a lock for too long, or not at all
        1213,  # deadlock: this transaction was undone
        1305,  # no such savepoint: a deadlock has undone it with all the rest
        3572,  # a lock is held, and MySQL was asked not to wait
    }
)
TOO_LONG: Final = 1406
"""A value that its column cannot hold: the name of an index, since keys are cut before."""
TIMED_OUT: Final = frozenset({1969, 3024})
"""`max_statement_time` of MariaDB, `max_execution_time` of MySQL."""


def code_of(error: BaseException) -> int:
    """Return the number of an error, 0 for one that has none."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    arguments = () if cause is None else cause.args
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0


def refusal(error: DBAPIError, where: str) -> Exception | None:
    """Return what the operator has to mend, or a time that somebody has set; None for any other error."""
    code = code_of(error)
    untrusted = _untrusted(error)
    if untrusted is not None:
        return SettingsError(
            f"MySQL's certificate is not trusted: {untrusted.verify_message}",
            where=where,
            remedy="name the file of its authority as ssl-ca, and the server as its certificate does",
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
    if code == TOO_LONG:
        return UnsupportedError(
            "a name that is longer than MySQL's keys", where=where, remedy="use a shorter name"
        )
    return None


def _untrusted(error: BaseException | None) -> SSLCertVerificationError | None:
    """Return what was wrong with the server's certificate, which the driver tells as a failure to connect."""
    while error is not None:
        if isinstance(error, SSLCertVerificationError):
            return error
        error = (
            error.orig if isinstance(error, DBAPIError) else error.__cause__ or error.__context__
        )
    return None
