"""Whether PostgreSQL can be reached and written as the gateway needs it."""

import os
import time
from collections.abc import AsyncIterator
from typing import Any, Final, TypeAlias

import asyncpg

from proxy.cli.checks.clock import clock
from proxy.cli.checks.finding import Checked, bad, doubtful, good

TIMEOUT_S: Final = 5
OLDEST: Final = 140_000
BESIDE: Final = 8
"""Connections that are of no pool: for definitions, the board, the outbox, a sweep."""

Connection: TypeAlias = "asyncpg.Connection[Any]"

_REACHABLE: Final = "PostgreSQL reachable"
_REFUSALS: Final = {
    "28000": ("it refuses this user or host", "allow the user of gateway.uri in pg_hba.conf"),
    "28P01": ("it refuses the password", "correct user and password in gateway.uri"),
    "3D000": ("it has no such database", "create the database that gateway.uri names"),
    "42501": ("the user may not connect", "GRANT CONNECT ON DATABASE … to the user in gateway.uri"),
    "53300": ("it has no connection left", "raise max_connections"),
}
"""What to do about a refused connection, by SQLSTATE."""


async def check_gateway(uri: str, *, connections: int) -> AsyncIterator[Checked]:
    """Yield what there is to know of PostgreSQL; without a connection that is all."""
    connection = await connected(uri)
    if isinstance(connection, Checked):
        yield connection
        return
    try:
        yield good(_REACHABLE, f"database {await connection.fetchval('SELECT current_database()')}")
        yield await _version(connection)
        yield await _encoding(connection)
        yield await _writable(connection)
        yield await _privileges(connection)
        yield await _room(connection, connections)
        yield await _clock(connection)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        yield bad("PostgreSQL", f"stopped answering: {type(error).__name__}", "try again")
    finally:
        await connection.close()


async def connected(uri: str) -> "Connection | Checked":
    """Return a connection, or why there is none. The driver's own words may quote the address, and stay out."""
    try:
        return await asyncpg.connect(uri, timeout=TIMEOUT_S)
    except asyncpg.PostgresError as error:
        state = error.sqlstate or ""
        found, remedy = _REFUSALS.get(
            state, (f"it refuses the connection (SQLSTATE {state})", "see the log of PostgreSQL")
        )
        return bad(_REACHABLE, found, remedy)
    except (OSError, TimeoutError, ValueError, asyncpg.InterfaceError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else type(error).__name__
        return bad(
            _REACHABLE, f"no connection: {reason}", "check host, port and options of gateway.uri"
        )


async def _version(connection: Connection) -> Checked:
    number = int(await connection.fetchval("SHOW server_version_num"))
    shown = str(await connection.fetchval("SHOW server_version"))
    if number < OLDEST:
        return bad("PostgreSQL version", shown, "use PostgreSQL 14 or later")
    return good("PostgreSQL version", shown)


async def _encoding(connection: Connection) -> Checked:
    encoding = str(await connection.fetchval("SHOW server_encoding"))
    if encoding != "UTF8":
        return bad("PostgreSQL encoding", encoding, "create the database with ENCODING 'UTF8'")
    return good("PostgreSQL encoding", encoding)


async def _writable(connection: Connection) -> Checked:
    if await connection.fetchval("SHOW transaction_read_only") == "on":
        return bad(
            "PostgreSQL role",
            "takes no writes (a standby, or read-only by default)",
            "name the primary in gateway.uri",
        )
    return good("PostgreSQL role", "takes writes")


async def _privileges(connection: Connection) -> Checked:
    if not await connection.fetchval("SELECT has_database_privilege(current_database(), 'CREATE')"):
        return bad(
            "PostgreSQL privileges",
            "may not create schemas",
            "GRANT CREATE ON DATABASE … to the user in gateway.uri",
        )
    foreign = await connection.fetchval(
        "SELECT true FROM pg_namespace WHERE nspname = 'parallax'"
        " AND NOT has_schema_privilege(oid, 'CREATE')"
    )
    if foreign:
        return bad(
            "PostgreSQL privileges",
            "the schema parallax belongs to another user",
            "use the user that began it, or a database of its own",
        )
    return good("PostgreSQL privileges", "may create schemas")


async def _room(connection: Connection, wanted: int) -> Checked:
    most = int(await connection.fetchval("SHOW max_connections"))
    used = int(await connection.fetchval("SELECT sum(numbackends) FROM pg_stat_database"))
    found = f"{most - used} of {most} free, up to {wanted + BESIDE} are used"
    if most - used < wanted + BESIDE:
        return doubtful(
            "PostgreSQL connections",
            found,
            "raise max_connections, or lower verifier.concurrency or serving.connections",
        )
    return good("PostgreSQL connections", found)


async def _clock(connection: Connection) -> Checked:
    asked_s = time.time()
    there_s = float(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())"))
    return clock("PostgreSQL clock", there_s=there_s, asked_s=asked_s, answered_s=time.time())
