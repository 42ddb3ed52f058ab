"""Very many documents at once: staged beside their collection by binary COPY, then merged into it by SQL.

Staging needs no lock and no order: it may run anywhere and more than once, each time into a table of its own, which exists with all of
its rows or not at all. The table is not logged; after a crash of PostgreSQL it is empty, so whoever merges
compares the number of rows. Merging belongs into the order of all other writes.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql import ColumnElement

from adapters.entities.entity import IdentityType
from adapters.entities.identity import ESCAPE_BYTE, ESCAPE_CHARACTER
from adapters.gateway import Staged
from adapters.operations.documents import entries_of
from adapters.postgresql import statements
from adapters.postgresql.catalog import PostgresCatalog
from adapters.postgresql.connections import Connection
from adapters.postgresql.document_storage import DocumentStorage
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.postgresql.session import PostgresSession
from adapters.postgresql.storage import AnyStorage
from adapters.postgresql.tables import TOAST_BEYOND, CollectionTables, Content, ElementTable
from adapters.query.failures import CommandFailure
from adapters.sql.dialect import Statement, compiled, definition, on_table
from adapters.sql.keys import OBJECT_ID, STRING, key_of
from adapters.sql.quick_body import identified_body
from comparators.canonical import decode

SCHEMA: Final = "parallax"
ENTRIES_AT_ONCE: Final = 1000
ROWS_AT_ONCE: Final = 1000
BYTES_OF_OBJECT_ID: Final = 12
AFTER_ESCAPE: Final = chr(ord(ESCAPE_CHARACTER) + 1)


async def stage(
    connection: Connection,
    catalog: PostgresCatalog,
    storage: AnyStorage,
    documents: AsyncIterator[bytes],
    *,
    prefix: str,
) -> tuple[str, int]:
    """Put documents into new tables; return the name of the first, which begins with `prefix`, and the number of documents."""
    name = f"{prefix}{uuid4().hex[:16]}"
    stages = staging_tables(storage.tables, name)
    staging = _Staging(connection, catalog, storage, stages)
    async with connection.transaction():
        for table in stages:
            await connection.execute(definition(CreateTable(table)))
        if isinstance(storage, DocumentStorage):
            await staging.copy(stages[0], staging.rows_of_documents(documents))
        else:
            await staging.copy_rows_of_tables(documents)
    return name, staging.n


class _Staging:
    """Documents on their way to staging tables, and how many there were."""

    def __init__(
        self,
        connection: Connection,
        catalog: PostgresCatalog,
        storage: AnyStorage,
        stages: Sequence[sa.Table],
    ) -> None:
        self._connection = connection
        self._layouts = catalog.layouts
        self._storage = storage
        self._stages = stages
        self.n = 0

    async def copy(self, table: sa.Table, records: Any) -> None:
        await self._connection.copy_records_to_table(
            table.name,
            schema_name=table.schema,
            columns=[column.name for column in table.columns],
            records=records,
        )

    async def rows_of_documents(
        self, documents: AsyncIterator[bytes]
    ) -> AsyncIterator[tuple[Any, ...]]:
        async for document in documents:
            identifier, body = identified_body(document)
            self.n += 1
            yield key_of(identifier), document, body

    async def copy_rows_of_tables(self, documents: AsyncIterator[bytes]) -> None:
        """Copy to several tables in turn: each takes its part of some documents."""
        records: list[list[tuple[Any, ...]]] = [[] for _ in self._stages]
        async for raw in documents:
            document = decode(raw)
            key = self._storage.key_of(document["_id"])
            contents = self._storage.contents_of(document, raw)
            records[0].append((key, *contents.values))
            for rows, elements in zip(records[1:], contents.elements, strict=True):
                rows += [(key, place, *each) for place, each in enumerate(elements or ())]
            # On a connection beside, whatever becomes of this one's transaction.
            await self._layouts.write(self._connection, contents.layouts)
            if len(records[0]) >= ROWS_AT_ONCE:
                await self._flush(records)
        await self._flush(records)

    async def _flush(self, records: list[list[tuple[Any, ...]]]) -> None:
        self.n += len(records[0])
        for table, rows in zip(self._stages, records, strict=True):
            if rows:
                await self.copy(table, rows)
                rows.clear()


def staging_tables(tables: CollectionTables, name: str) -> list[sa.Table]:
    """Return the tables beside a collection in which its documents can be staged, and their elements."""
    staged = [_staging_table(name, tables.identity, *_columns(tables.contents))]
    for at, elements in enumerate(tables.elements):
        columns = (elements.parent, elements.position, *_columns(elements.contents))
        staged.append(_staging_table(f"{name}~{at}", *columns))
    return staged


def _columns(contents: Sequence[Content]) -> list[sa.Column[Any]]:
    return [content.column for content in contents]


def _staging_table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        name,
        sa.MetaData(),
        *(sa.Column(column.name, column.type) for column in columns),
        schema=SCHEMA,
        prefixes=["UNLOGGED"],
        postgresql_with={"toast_tuple_target": TOAST_BEYOND, "autovacuum_enabled": False},
    )


async def merge(session: PostgresSession, staged: Staged) -> bool:
    """Merge what is staged, inside a transaction; False, with nothing changed, where rows are missing."""
    merging = _Merging(session, staging_tables(session.tables, staged.table), staged)
    if await merging.value(merging.count) != staged.rows:
        return False
    await merging.run(merging.remove_others)
    if merging.drifted is not None:
        await _remove_drifted(session, merging, merging.drifted, staged)
    await merging.run(await merging.putting())
    for element in merging.elements:
        await merging.run(element)
    if session.unique:
        await _take_entries(session, merging)
    for table in merging.stages:
        await session.connection.execute(on_table("DROP TABLE %(fullname)s", table))
    return True


class _Merging:
    """The statements of one merge."""

    def __init__(
        self, session: PostgresSession, stages: Sequence[sa.Table], staged: Staged
    ) -> None:
        tables, staging = session.tables, stages[0]
        self._session = session
        self._bounds = bounds_of(session.storage, staged.lower, staged.upper)
        self.stages = stages
        key = staging.c[tables.identity.name]
        known = sa.select(sa.type_coerce(key, tables.key_type))
        keys = sa.bindparam("keys", type_=ARRAY(tables.key_type))
        self.count = sa.select(sa.func.count()).select_from(staging)
        identity = sa.type_coerce(tables.identity, tables.key_type)
        unstaged = ~sa.exists(sa.select(key).where(key == tables.identity))
        ranged = within(session.storage, self._bounds)
        self.remove_others = _removal(tables, *ranged, unstaged)
        self.remove = _removal(tables, identity == sa.any_(keys))
        drifting = drifts(session.storage)
        self.drifted = (
            None if drifting is None else sa.select(*tables.shown).where(drifting, unstaged)
        )
        self._put, self._put_new = _put(tables, staging), _put_new(tables, staging)
        self._rest = (
            sa.select(sa.exists(sa.select(tables.identity).where(*ranged)))
            if _natural_class(session.storage) is None
            else None
        )
        self.elements = [
            statement
            for elements, stage in zip(tables.elements, stages[1:], strict=True)
            for statement in _putting_elements(elements, stage, known)
        ]
        self.free = sa.delete(tables.entries).where(tables.entries.c.id.in_(known))
        self.merged = sa.select(*tables.shown).where(tables.identity.in_(sa.select(key)))

    async def run(self, element: Any, **values: Any) -> None:
        statement = compiled(element)
        given = {**values, **self._bounds}
        await self._session.connection.execute(statement.text, *statement.arguments(given))

    async def value(self, element: Any) -> Any:
        statement = compiled(element)
        arguments = statement.arguments(self._bounds)
        return await self._session.connection.fetchval(statement.text, *arguments)

    async def putting(self) -> Any:
        """Return the statement that puts what is staged: far the cheaper one where all of the range is new."""
        if self._rest is None or await self.value(self._rest):
            return self._put
        return self._put_new


def _removal(tables: CollectionTables, *conditions: ColumnElement[bool]) -> sa.Select[Any]:
    """Return the statement that deletes rows and their entries."""
    entries = tables.entries
    gone = sa.delete(tables.documents).where(*conditions).returning(tables.identity.label("id"))
    gone_ids = gone.cte("gone")
    freed = sa.delete(entries).where(entries.c.id == gone_ids.c.id).returning(entries.c.id)
    return sa.select(sa.func.count()).select_from(gone_ids).add_cte(freed.cte("freed"))


async def _remove_drifted(
    session: PostgresSession,
    merging: "_Merging",
    drifted: sa.Select[Any],
    staged: Staged,
) -> None:
    """Delete the documents of the range that are not staged, and whose keys tell nothing of their `_id`s."""
    lower, upper = (
        None if bound is None else key_of(decode(bound)["_id"])
        for bound in (staged.lower, staged.upper)
    )
    storage, gone = session.storage, []
    is_text = _natural_class(storage) == STRING
    values = {
        "escape": ESCAPE_CHARACTER if is_text else ESCAPE_BYTE,
        "after": AFTER_ESCAPE,
    }
    statement = compiled(drifted)
    for row in await session.connection.fetch(statement.text, *statement.arguments(values)):
        await session.learn(storage, [row])
        identifier = storage.found(row).document["_id"]
        place = key_of(identifier)
        if (lower is None or place >= lower) and (upper is None or place < upper):
            gone.append(storage.key_of(identifier))
    if gone:
        await merging.run(merging.remove, keys=gone)


def _put(tables: CollectionTables, staging: sa.Table) -> Any:
    """Return the statement that puts what is staged; rows that are so already are left alone."""
    names = [column.name for column in staging.columns]
    put = insert(tables.documents).from_select(names, sa.select(*staging.columns))
    contents = [content.column for content in tables.contents]
    new = put.excluded
    return put.on_conflict_do_update(
        index_elements=[tables.identity],
        set_={column.name: new[column.name] for column in contents},
        where=sa.or_(*(column.is_distinct_from(new[column.name]) for column in contents)),
    )


def _put_new(tables: CollectionTables, staging: sa.Table) -> Any:
    """Return the statement that puts what is staged into a range that is empty."""
    names = [column.name for column in staging.columns]
    return sa.insert(tables.documents).from_select(names, sa.select(*staging.columns))


def _putting_elements(
    elements: ElementTable, stage: sa.Table, known: sa.Select[Any]
) -> tuple[Any, Any]:
    """Return the statements that put the elements of merged documents in the place of those that were there."""
    parent = sa.type_coerce(elements.parent, known.selected_columns[0].type)
    names = [column.name for column in stage.columns]
    return (
        sa.delete(elements.table).where(parent.in_(known)),
        sa.insert(elements.table).from_select(names, sa.select(*stage.columns)),
    )


async def _take_entries(session: PostgresSession, merging: _Merging) -> None:
    """Give the merged documents their entries in unique indexes, away from others that have them."""
    await merging.run(merging.free)
    seize = statements.seize_entries(session.tables)
    storage, connection = session.storage, session.connection
    holders: dict[tuple[str, bytes], Any] = {}
    async for row in connection.cursor(compiled(merging.merged).text, prefetch=ENTRIES_AT_ONCE):
        await session.learn(storage, [row])
        document = storage.found(row).document
        try:
            entries = entries_of(document, session.unique)
        except CommandFailure:
            # Legacy holds it, whatever our indexes make of it.
            continue
        holders |= dict.fromkeys(entries, storage.key_of(document["_id"]))
        if len(holders) >= ENTRIES_AT_ONCE:
            await _seize(connection, seize, holders)
            holders.clear()
    if holders:
        await _seize(connection, seize, holders)


async def _seize(
    connection: Connection, statement: Statement, holders: dict[tuple[str, bytes], Any]
) -> None:
    values = {
        "taken_names": [name for name, _key in holders],
        "taken_keys": [key for _name, key in holders],
        "taken_ids": list(holders.values()),
    }
    await connection.execute(statement.text, *statement.arguments(values))


def bounds_of(storage: AnyStorage, lower: bytes | None, upper: bytes | None) -> dict[str, Any]:
    """Return the primary keys between which documents of a range lie, by the names of parameters.

    A bound that is not there does not bind. An `_id` whose key drifts has no place in the order of keys.
    """
    natural = _natural_class(storage)
    given = {"lower": lower, "upper": upper}
    found: dict[str, Any] = {}
    for name, raw in given.items():
        if raw is None:
            continue
        value = decode(raw)["_id"]
        order = key_of(value)
        if natural is None:
            found[name] = order
        elif order[:1] == natural:
            found[name] = storage.key_of(value)
        elif (order[:1] > natural) == (name == "lower"):
            found["nothing"] = True
    return found


def within(storage: AnyStorage, bounds: dict[str, Any]) -> list[ColumnElement[bool]]:
    """Return the conditions for rows in a range, whose `_id`s are of the kind that the table expects."""
    tables = storage.tables
    identity = sa.type_coerce(tables.identity, tables.key_type)
    conditions: list[ColumnElement[bool]] = [sa.false()] if bounds.get("nothing") else []
    if "lower" in bounds:
        conditions.append(tables.identity >= _bound("lower", tables))
    if "upper" in bounds:
        conditions.append(tables.identity < _bound("upper", tables))
    natural = _natural_class(storage)
    if natural == OBJECT_ID:
        conditions.append(_is_object_id(tables))
    elif natural == STRING:
        first = sa.func.ascii(identity)
        conditions.append(first != sa.literal_column(str(ord(ESCAPE_CHARACTER))))
    return conditions


def drifts(storage: AnyStorage) -> ColumnElement[bool] | None:
    """Return the condition for rows whose `_id` is of another kind than the table expects, None where all keys tell.

    Its parameters are `escape` and `after`, between which the keys of such rows lie.
    """
    tables, natural = storage.tables, _natural_class(storage)
    if natural is None:
        return None
    beyond = tables.identity >= _bound("escape", tables)
    if natural == STRING:
        return sa.and_(beyond, tables.identity < _bound("after", tables))
    return sa.and_(beyond, sa.not_(_is_object_id(tables)))


def _is_object_id(tables: CollectionTables) -> ColumnElement[bool]:
    size = sa.func.octet_length(sa.type_coerce(tables.identity, tables.key_type))
    return size == sa.literal_column(str(BYTES_OF_OBJECT_ID))


def _bound(name: str, tables: CollectionTables) -> ColumnElement[Any]:
    return sa.cast(sa.bindparam(name, type_=tables.key_type), tables.key_type)


def _natural_class(storage: AnyStorage) -> bytes | None:
    """Return the class of values that have keys in MongoDB's order, None where all have."""
    if not isinstance(storage, MappedStorage):
        return None
    kinds = {IdentityType.OBJECTID: OBJECT_ID, IdentityType.TEXT: STRING}
    return kinds.get(storage.entity.identity.type)
