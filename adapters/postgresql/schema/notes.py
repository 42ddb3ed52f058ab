"""The rows of a table that is being moved, noted by a trigger when they are written.

Who moves a table holds an advisory lock on it: without one, its trigger was left by a command that was killed.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from adapters.postgresql.catalog import DEFINING, LOCK
from adapters.postgresql.connections import Connection
from adapters.postgresql.tables import CollectionTables
from adapters.sql.dialect import compiled, on_table

LOCK_TIMEOUT: Final = "2s"
TRIGGER: Final = "parallax~touched"
TOUCHED: Final = sa.Table(
    "touched",
    sa.MetaData(),
    sa.Column("relation", postgresql.OID),
    sa.Column("at", sa.BigInteger),
    sa.Column("ordinal", sa.BigInteger),
    schema="parallax",
)
_OF_RELATION: Final = TOUCHED.c.relation == sa.bindparam("relation", type_=postgresql.OID)
_OLDEST: Final = (
    sa.select(TOUCHED.c.at)
    .where(_OF_RELATION)
    .order_by(TOUCHED.c.at)
    .limit(sa.bindparam("most", type_=sa.BigInteger))
)
TAKE: Final = compiled(
    sa.delete(TOUCHED).where(_OF_RELATION, TOUCHED.c.at.in_(_OLDEST)).returning(TOUCHED.c.ordinal)
)
FORGET: Final = compiled(sa.delete(TOUCHED).where(_OF_RELATION))
ANY_LEFT: Final = compiled(sa.select(sa.func.count()).select_from(_OLDEST.subquery()))
SET_TIMEOUT: Final = compiled(
    sa.select(
        sa.func.set_config(
            sa.literal_column("'lock_timeout'"), sa.bindparam("timeout", type_=sa.Text), sa.true()
        )
    )
)
RELATION: Final = compiled(
    sa.select(
        sa.cast(sa.cast(sa.bindparam("name", type_=sa.Text), postgresql.REGCLASS), postgresql.OID)
    )
)
ALONE: Final = compiled(
    sa.select(sa.func.pg_try_advisory_lock(sa.bindparam("relation", type_=sa.BigInteger)))
)
SHARED: Final = compiled(
    sa.select(sa.func.pg_advisory_unlock(sa.bindparam("relation", type_=sa.BigInteger)))
)


@asynccontextmanager
async def defining(connection: Connection) -> AsyncIterator[None]:
    """Hold a transaction in which nobody else defines anything, and no lock is waited for long."""
    async with connection.transaction():
        await connection.execute(SET_TIMEOUT.text, LOCK_TIMEOUT)
        await connection.fetchval(LOCK.text, DEFINING)
        yield


def triggers(tables: CollectionTables) -> Iterator[str]:
    """Yield the statements that make rows be noted when they are written."""
    template = (
        "CREATE TRIGGER %(trigger)s AFTER INSERT OR UPDATE OR DELETE ON %(fullname)s "
        "FOR EACH ROW EXECUTE FUNCTION "
    )
    note = "parallax.note_touched(%(column)s)"
    yield on_table(template + note, tables.documents, trigger=TRIGGER, column=tables.ordinal.name)
    note = "parallax.note_touched_parent(%(parent)s, %(column)s, %(key)s, %(owner)s)"
    for elements in tables.elements:
        yield on_table(
            template + note,
            elements.table,
            trigger=TRIGGER,
            parent=tables.documents.name,
            column=tables.ordinal.name,
            key=tables.identity.name,
            owner=elements.parent.name,
        )


def untriggers(tables: CollectionTables) -> Iterator[str]:
    """Yield the statements that end it."""
    template = "DROP TRIGGER IF EXISTS %(trigger)s ON %(fullname)s"
    for table in (*(each.table for each in tables.elements), tables.documents):
        yield on_table(template, table, trigger=TRIGGER)
