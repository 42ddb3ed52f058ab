"""How values of PostgreSQL's types become canonical values, where the driver's own choice would lose something.

Python's dates end with the year 9999, MongoDB's do not; both `timestamptz` and MongoDB count from an epoch.
"""

from typing import Final, TypeAlias

import asyncpg
from bson.datetime_ms import DatetimeMS

EPOCH_MS: Final = 946_684_800_000
"""PostgreSQL counts from 2000-01-01, in microseconds."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def set_codecs(connection: Connection) -> None:
    """Have a connection read and write dates as milliseconds."""
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", encoder=_sent, decoder=_received, format="tuple"
    )


def _sent(value: DatetimeMS) -> tuple[int]:
    return ((int(value) - EPOCH_MS) * 1000,)


def _received(value: tuple[int]) -> DatetimeMS:
    # Who inserts by SQL may give microseconds.
    return DatetimeMS(value[0] // 1000 + EPOCH_MS)
