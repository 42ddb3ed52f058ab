"""What moves have left behind whose commands were killed: triggers that go on noting, notes, and half-filled tables."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import DropSchema

from adapters.postgresql.catalog import PostgresCatalog
from adapters.postgresql.connections import Connection
from adapters.postgresql.failures import state_of
from adapters.postgresql.schema.moving import BESIDE, DEADLOCK, LOCK_NOT_AVAILABLE
from adapters.postgresql.schema.notes import ALONE, FORGET, SHARED, TRIGGER, defining, untriggers
from adapters.postgresql.tables import CollectionTables, schema_name
from adapters.sql.dialect import compiled, definition


def _catalog_table(name: str, **columns: Any) -> sa.TableClause:
    found = (sa.column(each, kind) for each, kind in columns.items())
    return sa.table(name, *found, schema="pg_catalog")


_TRIGGERS: Final = _catalog_table("pg_trigger", tgrelid=postgresql.OID, tgname=sa.Text)
_TABLES: Final = _catalog_table(
    "pg_class", oid=postgresql.OID, relname=sa.Text, relnamespace=postgresql.OID
)
_SCHEMAS: Final = _catalog_table("pg_namespace", oid=postgresql.OID, nspname=sa.Text)
_NOTED: Final = compiled(
    sa.select(_SCHEMAS.c.nspname, _TABLES.c.relname, _TABLES.c.oid)
    .join_from(_TRIGGERS, _TABLES, _TABLES.c.oid == _TRIGGERS.c.tgrelid)
    .join(_SCHEMAS, _SCHEMAS.c.oid == _TABLES.c.relnamespace)
    .where(_TRIGGERS.c.tgname == sa.bindparam("trigger", type_=sa.Text))
)

Place = tuple[str, str]
"""The schema and the name of a table."""


async def clear_leftovers(connection: Connection, catalog: PostgresCatalog) -> None:
    """Remove what is left, save of moves that are under way and of tables that others hold: the next one may."""
    noted = await _noted(connection)
    for database, name in catalog.namespaces() if noted else ():
        collection = catalog.collection(database, name)
        if collection is None:
            continue
        tables = collection.storage.tables
        relation = noted.get(_place(tables))
        if relation is None or not await connection.fetchval(ALONE.text, relation):
            continue
        try:
            await _clear(connection, database, tables, relation)
        except asyncpg.PostgresError as error:
            if state_of(error) not in {LOCK_NOT_AVAILABLE, DEADLOCK}:
                raise
        finally:
            if not connection.is_closed():
                await connection.fetchval(SHARED.text, relation)


async def _clear(
    connection: Connection, database: str, tables: CollectionTables, relation: int
) -> None:
    async with defining(connection):
        for statement in untriggers(tables):
            await connection.execute(statement)
        await connection.execute(FORGET.text, relation)
        # Tables of other moves of the same database stand there too.
        if not _in_schema(schema_name(database), await _noted(connection)):
            beside = DropSchema(schema_name(f"{database}{BESIDE}"), if_exists=True, cascade=True)
            await connection.execute(definition(beside))


async def _noted(connection: Connection) -> Mapping[Place, int]:
    """Return the tables whose rows are noted when they are written."""
    rows = await connection.fetch(_NOTED.text, TRIGGER)
    return {(schema, name): relation for schema, name, relation in rows}


def _in_schema(schema: str, places: Iterable[Place]) -> bool:
    return any(place[0] == schema for place in places)


def _place(tables: CollectionTables) -> Place:
    return str(tables.documents.schema), tables.documents.name
