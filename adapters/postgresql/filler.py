"""What fills collections beside the gateway: connections of its own, for chunk tasks and for the command that runs them."""

import hashlib
from collections.abc import AsyncIterator, Collection
from types import TracebackType
from typing import Final, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, DropIndex

from adapters.postgresql.catalog import PostgresCatalog
from adapters.postgresql.connections import Connection, Connections
from adapters.postgresql.filling import SCHEMA, stage
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.storage import AnyStorage
from adapters.sql.dialect import compiled, definition, on_table
from comparators.errors import RefusedError

PREFIX: Final = "staged~"
MEMORY_OF_INDEXES: Final = "256MB"

_TABLES: Final = sa.Table(
    "pg_tables",
    sa.MetaData(),
    sa.Column("schemaname", sa.Text),
    sa.Column("tablename", sa.Text),
    schema="pg_catalog",
)
_STAGED: Final = compiled(
    sa.select(_TABLES.c.tablename).where(
        _TABLES.c.schemaname == sa.bindparam("schema", type_=sa.Text),
        sa.func.starts_with(_TABLES.c.tablename, sa.bindparam("prefix", type_=sa.Text)),
    )
)
_INDEXES: Final = sa.Table(
    "pg_index",
    sa.MetaData(),
    sa.Column("indexrelid", postgresql.OID),
    sa.Column("indisvalid", sa.Boolean),
    schema="pg_catalog",
)
_IS_VALID: Final = compiled(
    sa.select(_INDEXES.c.indisvalid).where(
        _INDEXES.c.indexrelid
        == sa.func.to_regclass(sa.bindparam("name", type_=sa.Text), type_=postgresql.OID)
    )
)
_SIZE: Final = compiled(
    sa.select(
        sa.func.pg_relation_size(sa.cast(sa.bindparam("name", type_=sa.Text), postgresql.REGCLASS))
    )
)
_SET: Final = compiled(
    sa.select(
        sa.func.set_config(
            sa.bindparam("setting", type_=sa.Text),
            sa.bindparam("given", type_=sa.Text),
            sa.false(),
        )
    )
)


class Filler:
    """Stages documents, and takes away and makes the indexes of the tables that are filled."""

    def __init__(self, dsn: str) -> None:
        self._connections = Connections(dsn, limit=1)
        self._catalog = PostgresCatalog(Layouts(self._connections), {})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connections.close()

    async def stage(self, namespace: str, documents: AsyncIterator[bytes]) -> tuple[str, int]:
        """Put documents of a collection into a new table; return its name and the number of rows."""
        async with self._connections.held() as connection:
            storage = await self._storage(connection, namespace)
            prefix = _prefix(namespace)
            return await stage(connection, self._catalog, storage, documents, prefix=prefix)

    async def discard(self, namespace: str, *, kept: Collection[str] = ()) -> None:
        """Drop what is staged for a collection, but for the tables to be kept."""
        async with self._connections.held() as connection:
            values = {"schema": SCHEMA, "prefix": _prefix(namespace)}
            for row in await connection.fetch(_STAGED.text, *_STAGED.arguments(values)):
                if row[0] not in kept:
                    table = sa.Table(row[0], sa.MetaData(), schema=SCHEMA)
                    await connection.execute(on_table("DROP TABLE IF EXISTS %(fullname)s", table))

    async def is_nearly_empty(self, namespace: str, *, bytes_to_come: int) -> bool:
        """Return whether a collection holds far less than is to be put into it."""
        async with self._connections.held() as connection:
            storage = await self._storage(connection, namespace)
            name = _full_name(storage.tables.documents)
            size = await connection.fetchval(_SIZE.text, name)
            return bool(size * 2 < bytes_to_come)

    async def remove_indexes(self, namespace: str) -> None:
        """Drop the indexes that only make reads quick: to make them afterwards is far cheaper."""
        async with self._connections.held() as connection:
            storage = await self._storage(connection, namespace)
            for index in self._quickening(namespace, storage):
                await connection.execute(definition(DropIndex(index, if_exists=True)))

    async def make_indexes(self, namespace: str) -> None:
        """Make the indexes that are missing, while the collection is written."""
        async with self._connections.held() as connection:
            storage = await self._storage(connection, namespace)
            values = {"setting": "maintenance_work_mem", "given": MEMORY_OF_INDEXES}
            await connection.execute(_SET.text, *_SET.arguments(values))
            for index in self._quickening(namespace, storage):
                await _make(connection, index)

    async def _storage(self, connection: Connection, namespace: str) -> AnyStorage:
        # Always anew: the collection may have moved to another table, or have other indexes by now.
        await self._catalog.load(connection)
        found = self._catalog.collection(*namespace.split(".", 1))
        if found is None:
            raise RefusedError(
                f"the gateway has no collection {namespace}",
                where=namespace,
                remedy="repeat `parallax backfill`: it was dropped meanwhile",
            )
        return found.storage

    def _quickening(self, namespace: str, storage: AnyStorage) -> list[sa.Index]:
        tables = storage.tables
        kept = {
            each.name for each in tables.documents.indexes if tables.ordinal in list(each.columns)
        }
        found = {str(each.name): each for each in tables.documents.indexes if each.name not in kept}
        collection = self._catalog.collection(*namespace.split(".", 1))
        for index in () if collection is None else collection.indexes:
            made = storage.native_index(index.specification)
            if made is not None:
                found[str(made.name)] = made
        return [found[name] for name in sorted(found)]


async def _make(connection: Connection, index: sa.Index) -> None:
    options = index.dialect_options["postgresql"]
    options["concurrently"] = True
    try:
        make = definition(CreateIndex(index, if_not_exists=True))
        drop = definition(DropIndex(index, if_exists=True))
    finally:
        options["concurrently"] = False
    # One that was not finished, because whoever made it was killed, stays as a husk.
    if await connection.fetchval(_IS_VALID.text, _index_name(index)) is False:
        await connection.execute(drop)
    await connection.execute(make)


def _prefix(namespace: str) -> str:
    return f"{PREFIX}{hashlib.sha256(namespace.encode()).hexdigest()[:16]}~"


def _full_name(table: sa.Table) -> str:
    return postgresql.dialect().identifier_preparer.format_table(table)  # type: ignore[no-untyped-call]


def _index_name(index: sa.Index) -> str:
    table = index.table
    named = sa.Table(str(index.name), sa.MetaData(), schema=None if table is None else table.schema)
    return _full_name(named)
