"""How values of PostgreSQL's types become canonical values, where the driver's own choice would lose something.

Python's dates end with the year 9999, MongoDB's do not; both `timestamptz` and MongoDB count from an epoch.
"""

from typing import Any, Final, TypeAlias

import asyncpg
import sqlalchemy as sa
from bson.datetime_ms import DatetimeMS
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.types import TypeEngine

from adapters.sql.dialect import compiled

EPOCH_MS: Final = 946_684_800_000
"""PostgreSQL counts from 2000-01-01, in microseconds."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


ELEMENTS: Final[tuple[TypeEngine[Any], ...]] = (
    sa.String(),
    sa.Integer(),
    sa.BigInteger(),
    sa.Double(),
    sa.Numeric(),
    sa.Boolean(),
    sa.DateTime(timezone=True),
    sa.Uuid(),
    BYTEA(),
)
ARRAYS: Final = compiled(
    sa.select(
        *(sa.cast(sa.null(), ARRAY(kind)).label(f"of{at}") for at, kind in enumerate(ELEMENTS))
    )
)
"""Has every type of array that columns have."""


async def set_codecs(connection: Connection) -> None:
    """Have a connection read and write dates as milliseconds, and know arrays wherever they are."""
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", encoder=_sent, decoder=_received, format="tuple"
    )
    # The driver asks what a type is when it prepares a statement, but not for what is inside of a row.
    await connection.prepare(ARRAYS.text)


def _sent(value: DatetimeMS) -> tuple[int]:
    return ((int(value) - EPOCH_MS) * 1000,)


def _received(value: tuple[int]) -> DatetimeMS:
    # Who inserts by SQL may give microseconds.
    return DatetimeMS(value[0] // 1000 + EPOCH_MS)
