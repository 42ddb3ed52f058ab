"""Whether PostgreSQL can be reached and written as the gateway needs it."""

import time
from collections.abc import AsyncIterator
from typing import Final

import asyncpg

from proxy.cli.checks.finding import Checked, bad, doubtful, good

TIMEOUT_S: Final = 5
OLDEST: Final = 140_000
MAX_SKEW_S: Final = 1.0
SPARE_CONNECTIONS: Final = 5


async def check_gateway(uri: str, *, connections: int) -> AsyncIterator[Checked]:
    """Yield what there is to know of PostgreSQL; the first `problem` ends the list."""
    try:
        connection = await asyncpg.connect(uri, timeout=TIMEOUT_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, ValueError) as error:
        yield bad(
            "PostgreSQL reachable",
            f"no connection: {type(error).__name__}",
            "check host, port, database, user and password of gateway.uri",
        )
        return
    try:
        yield good(
            "PostgreSQL reachable", str(await connection.fetchval("SELECT current_database()"))
        )
        yield await _version(connection)
        yield await _encoding(connection)
        yield await _privileges(connection)
        yield await _room(connection, connections)
        yield await _skew(connection)
    finally:
        await connection.close()


async def _version(connection: asyncpg.Connection) -> Checked:
    number = int(await connection.fetchval("SHOW server_version_num"))
    shown = str(await connection.fetchval("SHOW server_version"))
    if number < OLDEST:
        return bad("PostgreSQL version", shown, "use PostgreSQL 14 or later")
    return good("PostgreSQL version", shown)


async def _encoding(connection: asyncpg.Connection) -> Checked:
    encoding = str(await connection.fetchval("SHOW server_encoding"))
    if encoding != "UTF8":
        return bad("PostgreSQL encoding", encoding, "create the database with ENCODING 'UTF8'")
    return good("PostgreSQL encoding", encoding)


async def _privileges(connection: asyncpg.Connection) -> Checked:
    may_create = await connection.fetchval(
        "SELECT has_database_privilege(current_database(), 'CREATE')"
    )
    if not may_create:
        return bad(
            "PostgreSQL privileges",
            "may not create schemas",
            "GRANT CREATE ON DATABASE … to the user in gateway.uri",
        )
    return good("PostgreSQL privileges", "may create schemas")


async def _room(connection: asyncpg.Connection, wanted: int) -> Checked:
    most = int(await connection.fetchval("SHOW max_connections"))
    used = int(await connection.fetchval("SELECT count(*) FROM pg_stat_activity"))
    free = most - used
    if free < wanted + SPARE_CONNECTIONS:
        return doubtful(
            "PostgreSQL connections",
            f"{free} of {most} free, {wanted} wanted",
            "raise max_connections or lower verifier.concurrency",
        )
    return good("PostgreSQL connections", f"{free} of {most} free, {wanted} wanted")


async def _skew(connection: asyncpg.Connection) -> Checked:
    before_s = time.time()
    there_s = float(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())"))
    skew_s = there_s - (before_s + time.time()) / 2
    if abs(skew_s) > MAX_SKEW_S:
        return doubtful("PostgreSQL clock", f"{skew_s:+.1f} s from here", "synchronise the clocks")
    return good("PostgreSQL clock", f"{skew_s:+.3f} s from here")
