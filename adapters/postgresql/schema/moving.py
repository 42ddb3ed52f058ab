"""All documents of a collection moved to another table while they are being written, and no write lost.

The new tables are made in a schema beside. A trigger notes every row that is written from then on; rows are copied in
their order, then those that were noted, until few are left. At the end, for a moment, nobody may use the
collection: the last noted rows are copied, the old tables go, the new ones take their place, and the catalog says so,
in one transaction. Whoever was made for the old table finds no such column, reads the catalog again, and goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import sqlalchemy as sa
from asyncpg import Record
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.schema import CreateIndex

from adapters.entities.entity import EntityMap
from adapters.entities.layout import Layout
from adapters.entities.notation import text_of
from adapters.postgresql.catalog import COLLECTIONS, PostgresCatalog, PostgresCollection
from adapters.postgresql.connections import Connection
from adapters.postgresql.document_storage import document_storage
from adapters.postgresql.failures import state_of
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.postgresql.mapped_tables import mapped_tables_of
from adapters.postgresql.schema.comparison import add_indexes
from adapters.postgresql.schema.notes import (
    ALONE,
    ANY_LEFT,
    FORGET,
    LOCK_TIMEOUT,
    RELATION,
    SHARED,
    TAKE,
    defining,
    triggers,
    untriggers,
)
from adapters.postgresql.schema.versions import record
from adapters.postgresql.storage import AnyStorage
from adapters.postgresql.tables import CollectionTables
from adapters.sql.dialect import Statement, compiled, definition, on_table
from adapters.sql.mapped_table import family_of
from comparators.errors import CapacityError, RefusedError

AT_ONCE: Final = 500
FEW: Final = 50
"""With fewer noted rows than this left, the swap is tried."""

TRIES: Final = 30
PAUSE_S: Final = 1.0
CLEAN_UP_WITHIN_S: Final = 10.0
LOCK_NOT_AVAILABLE: Final = "55P03"
DEADLOCK: Final = "40P01"
BESIDE: Final = "\0next"
"""Behind the name of a database, of the schema where its new tables are made: MongoDB takes no such name."""

_SET_SEQUENCE: Final = compiled(
    sa.select(
        sa.func.setval(
            sa.func.pg_get_serial_sequence(
                sa.bindparam("table", type_=sa.Text), sa.bindparam("column", type_=sa.Text)
            ),
            sa.bindparam("last", type_=sa.BigInteger),
        )
    )
)
_TAKE_OVER: Final = compiled(
    sa.select(
        sa.func.parallax.take_over(
            *(
                sa.cast(sa.cast(sa.bindparam(name, type_=sa.Text), sa.Text), postgresql.REGCLASS)
                for name in ("old", "new")
            )
        )
    )
)
"""What others have given to a table (privileges, an owner) goes to the one that replaces it."""

SET_MAP: Final = compiled(
    sa.update(COLLECTIONS)
    .where(
        COLLECTIONS.c.database == sa.bindparam("of_database"),
        COLLECTIONS.c.name == sa.bindparam("of_name"),
    )
    .values(map=sa.bindparam("map"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A collection on its way to another storage; `entity` is its new map, None for a document table."""

    database: str
    name: str
    collection: PostgresCollection
    entity: EntityMap | None
    target: AnyStorage

    @property
    def source(self) -> AnyStorage:
        return self.collection.storage


def move_of(catalog: PostgresCatalog, database: str, name: str, entity: EntityMap | None) -> Move:
    """Return a move of a collection that exists; RefusedError for one that does not."""
    collection = catalog.collection(database, name)
    if collection is None:
        raise RefusedError(
            f"there is no collection {database}.{name}",
            where="parallax.collections",
            remedy="name a collection that the gateway has; a new one follows its map from its first write on",
        )
    beside = f"{database}{BESIDE}"
    target: AnyStorage
    if entity is None:
        target = document_storage(beside, name)
    else:
        target = MappedStorage(beside, entity, catalog.layouts)
        target.watch(index.specification for index in collection.indexes)
    return Move(database=database, name=name, collection=collection, entity=entity, target=target)


def statements_of(move: Move) -> list[str]:
    """Return what is run around the copying of the rows, to be shown."""
    return [*_preparations(move), *_indexes(move), *_swap(move)]


class Mover:
    """Carries out one move on one connection."""

    def __init__(self, connection: Connection, catalog: PostgresCatalog, move: Move) -> None:
        self._connection = connection
        self._catalog = catalog
        self._move = move
        self._by_place = _rows_by_place(move.source.tables)
        self._by_ordinal = _rows_by_ordinal(move.source.tables)
        self._clear = _clearing(move.target.tables)
        self._add_entry = _adding(move.target.tables)
        self._relation = 0

    async def run(self) -> None:
        """Move all documents; RefusedError where another move is under way or something hangs on the table."""
        try:
            await self.begin()
            try:
                await self._copy()
                for statement in _indexes(self._move):
                    await self._connection.execute(statement)
                await self._patiently(self._swap)
            except BaseException:
                async with asyncio.timeout(CLEAN_UP_WITHIN_S):
                    await self._clean_up()
                raise
        finally:
            if self._relation and not self._connection.is_closed():
                await self._value(SHARED, relation=self._relation)

    async def begin(self) -> None:
        """Make the new tables, and have rows noted that are written from now on."""
        relation = await self._value(RELATION, name=_full_name(self._move.source.tables.documents))
        if not await self._value(ALONE, relation=relation):
            raise RefusedError(
                "its documents are being moved already",
                where=f"{self._move.database}.{self._move.name}",
                remedy="wait for the other command to end",
            )
        self._relation = relation
        await self._patiently(self._prepare)

    async def _prepare(self) -> None:
        async with defining(self._connection):
            for statement in (*self._move.target.tables.removals, *_preparations(self._move)):
                await self._connection.execute(statement)
            await self._execute(FORGET, relation=self._relation)

    async def _copy(self) -> None:
        """Copy all rows in their order, up to the last one that was there at the beginning."""
        last = await self._connection.fetchval(_last(self._move.source.tables).text)
        place = 0
        while place < (last or 0):
            rows = await self._fetch(self._by_place, after=place, last=last, most=AT_ONCE)
            if not rows:
                return
            async with self._connection.transaction():
                await self._put([], rows)
            place = rows[-1][-1]

    async def _catch_up(self) -> None:
        while await self._value(ANY_LEFT, relation=self._relation, most=FEW) >= FEW:
            async with self._connection.transaction():
                await self._take_touched()

    async def _take_touched(self) -> int:
        """Copy some of the rows that were noted, and return how many notes there were."""
        noted = await self._fetch(TAKE, relation=self._relation, most=AT_ONCE)
        ordinals = sorted({row[0] for row in noted})
        if ordinals:
            # Read after the notes were taken: whoever writes a row now notes it anew.
            rows = await self._fetch(self._by_ordinal, ordinals=ordinals)
            await self._put(ordinals, rows)
        return len(noted)

    async def _put(self, ordinals: Sequence[int], rows: Sequence[Record]) -> None:
        """Make the target's rows at these places, and of these documents, equal to the source's."""
        move, tables = self._move, self._move.target.tables
        unknown = move.source.unknown_layouts(rows)
        if unknown:
            await self._catalog.layouts.read(self._connection, unknown)
        records, entries = [], []
        layouts: list[Layout] = []
        beside: list[list[tuple[Any, ...]]] = [[] for _ in tables.elements]
        for row in rows:
            found = move.source.found(row)
            document = found.document
            key = move.target.key_of(document["_id"])
            contents = move.target.contents_of(document, found.raw)
            records.append((key, row[-1], *contents.values))
            for given, rows_of in zip(beside, contents.elements, strict=True):
                given += [(key, place, *each) for place, each in enumerate(rows_of or ())]
            layouts += contents.layouts
            for index in move.collection.unique:
                entries += [(index.name, entry, key) for entry in index.entries_of(document)]
        await self._catalog.layouts.write(self._connection, layouts)
        values = {"ordinals": list(ordinals), "ids": [each[0] for each in records]}
        for statement in self._clear:
            await self._connection.execute(statement.text, *statement.arguments(values))
        columns = [tables.identity, tables.ordinal, *(each.column for each in tables.contents)]
        await self._add(tables.documents, columns, records)
        for elements, given in zip(tables.elements, beside, strict=True):
            columns = [elements.parent, elements.position]
            columns += [each.column for each in elements.contents]
            if given:
                await self._add(elements.table, columns, given)
        if entries:
            await self._connection.executemany(self._add_entry.text, entries)

    async def _add(
        self,
        table: sa.Table,
        columns: Sequence[sa.Column[Any]],
        records: Sequence[tuple[Any, ...]],
    ) -> None:
        await self._connection.copy_records_to_table(
            table.name,
            schema_name=table.schema,
            columns=[column.name for column in columns],
            records=records,
        )

    async def _patiently(self, action: Callable[[], Awaitable[None]]) -> None:
        """Do what needs a lock, again when others hold it; CapacityError when they never let go."""
        for _ in range(TRIES):
            try:
                await action()
            except asyncpg.PostgresError as error:
                if state_of(error) not in {LOCK_NOT_AVAILABLE, DEADLOCK}:
                    raise
                await asyncio.sleep(PAUSE_S)
            else:
                return
        raise CapacityError(
            f"no moment without others in {TRIES} tries of {LOCK_TIMEOUT} each",
            where=f"{self._move.database}.{self._move.name}",
            remedy="look for long transactions in pg_stat_activity, then repeat the command",
        )

    async def _swap(self) -> None:
        """Copy the last rows while nobody else uses the collection, and put the new tables in place."""
        await self._catch_up()
        move = self._move
        async with defining(self._connection):
            await self._check_indexes()
            for statement in _exclusive(move.source.tables):
                await self._connection.execute(statement)
            while await self._take_touched():
                pass
            last = await self._connection.fetchval(_last(move.source.tables).text)
            for old, new in _replacing(move):
                await self._execute(_TAKE_OVER, old=_full_name(old), new=_full_name(new))
            for statement in _swap(move):
                await self._connection.execute(statement)
            await self._set_sequence(last or 0)
            text = None if move.entity is None else text_of(move.entity)
            await self._execute(SET_MAP, of_database=move.database, of_name=move.name, map=text)
            await self._execute(FORGET, relation=self._relation)
            what = f"{move.name}: its documents were moved to another table"
            entities = [] if move.entity is None else [move.entity]
            statements = statements_of(move)
            await record(
                self._connection, move.database, what, statements, entities, moved=move.name
            )

    async def _check_indexes(self) -> None:
        """Raise RefusedError where the collection has other indexes than those that entries were made for."""
        await self._catalog.load(self._connection)
        now = self._catalog.collection(self._move.database, self._move.name)
        begun = self._move.collection
        names = {index.name for index in begun.indexes}
        if now is None or now.uuid != begun.uuid or {index.name for index in now.indexes} != names:
            raise RefusedError(
                "its indexes were changed, or it was made anew, while documents were moved",
                where=f"{self._move.database}.{self._move.name}",
                remedy="repeat the command: everything is as before",
            )

    async def _set_sequence(self, last: int) -> None:
        tables = _in_place(self._move)
        values = {
            "table": _full_name(tables.documents),
            "column": tables.ordinal.name,
            "last": max(last, 1),
        }
        await self._execute(_SET_SEQUENCE, **values)

    async def _clean_up(self) -> None:
        """Leave the collection as it was, as far as the database can still be reached."""
        if self._connection.is_closed():
            return
        async with defining(self._connection):
            for statement in (
                *untriggers(self._move.source.tables),
                *self._move.target.tables.removals,
            ):
                await self._connection.execute(statement)
            await self._execute(FORGET, relation=self._relation)

    async def _fetch(self, statement: Statement, **values: Any) -> list[Record]:
        return await self._connection.fetch(statement.text, *statement.arguments(values))

    async def _value(self, statement: Statement, **values: Any) -> Any:
        return await self._connection.fetchval(statement.text, *statement.arguments(values))

    async def _execute(self, statement: Statement, **values: Any) -> None:
        await self._connection.execute(statement.text, *statement.arguments(values))


def _preparations(move: Move) -> list[str]:
    return [
        *move.target.tables.definitions,
        *untriggers(move.source.tables),
        *triggers(move.source.tables),
    ]


def _indexes(move: Move) -> list[str]:
    """Return the statements that make the indexes on columns, before anybody uses the table."""
    if move.entity is None:
        return []
    table = move.target.tables.documents
    before = [set(each.indexes) for each in family_of(table)]
    of_map = [index.specification for index in move.entity.indexes]
    declared = [index.specification for index in move.collection.indexes]
    add_indexes(move.entity, table, [*of_map, *declared])
    made: list[sa.Index] = []
    for each, kept in zip(family_of(table), before, strict=True):
        made += sorted(each.indexes - kept, key=lambda index: str(index.name))
        each.indexes &= kept
    return [definition(CreateIndex(index)) for index in made]


def _swap(move: Move) -> list[str]:
    target = move.target.tables
    schema = str(move.source.tables.documents.schema)
    return [
        *move.source.tables.removals,
        *(
            on_table("ALTER TABLE %(fullname)s SET SCHEMA %(next)s", table, next=schema)
            for table in target.all
        ),
    ]


def _replacing(move: Move) -> Iterator[tuple[sa.Table, sa.Table]]:
    """Yield each table with the one that takes its place."""
    source, target = move.source.tables, move.target.tables
    yield source.documents, target.documents
    yield source.entries, target.entries
    elements = {each.table.name: each.table for each in target.elements}
    for each in source.elements:
        if each.table.name in elements:
            yield each.table, elements[each.table.name]


def _in_place(move: Move) -> CollectionTables:
    """Return the target's tables as they are called after the swap."""
    if move.entity is None:
        return document_storage(move.database, move.name).tables
    return mapped_tables_of(move.database, move.entity)


def _exclusive(tables: CollectionTables) -> Iterator[str]:
    # Elements first: who writes one has its table, and then asks for the row that it refers to.
    for table in (*(each.table for each in tables.elements), tables.documents):
        yield on_table("LOCK TABLE %(fullname)s IN ACCESS EXCLUSIVE MODE", table)


def _last(tables: CollectionTables) -> Statement:
    return compiled(sa.select(sa.func.max(tables.ordinal)))


def _rows_by_place(tables: CollectionTables) -> Statement:
    after = sa.bindparam("after", type_=sa.BigInteger)
    return compiled(
        _rows(tables)
        .where(tables.ordinal > after, tables.ordinal <= sa.bindparam("last", type_=sa.BigInteger))
        .order_by(tables.ordinal)
        .limit(sa.bindparam("most", type_=sa.BigInteger))
    )


def _rows_by_ordinal(tables: CollectionTables) -> Statement:
    return compiled(_rows(tables).where(tables.ordinal == _any("ordinals", sa.BigInteger())))


def _rows(tables: CollectionTables) -> sa.Select[Any]:
    return sa.select(*tables.shown, tables.ordinal).select_from(tables.documents)


def _clearing(tables: CollectionTables) -> list[Statement]:
    """Return the statements that delete what is at some places or of some documents, entries first."""
    at = tables.ordinal == _any("ordinals", sa.BigInteger())
    of = tables.identity == _any("ids", tables.key_type)
    held = sa.select(sa.type_coerce(tables.identity, tables.key_type)).where(sa.or_(at, of))
    entries = tables.entries
    return [
        compiled(sa.delete(entries).where(entries.c.id.in_(held))),
        compiled(sa.delete(tables.documents).where(sa.or_(at, of))),
    ]


def _any(name: str, kind: Any) -> Any:
    return sa.any_(sa.bindparam(name, type_=ARRAY(kind)))


def _adding(tables: CollectionTables) -> Statement:
    entries = tables.entries
    columns = ("index_name", "key", "id")
    given = insert(entries).values({name: sa.bindparam(name) for name in columns})
    # An entry that another document had before: its own row was noted when it lost it.
    return compiled(
        given.on_conflict_do_update(
            index_elements=[entries.c.index_name, entries.c.key], set_={"id": given.excluded.id}
        )
    )


def _full_name(table: sa.Table) -> str:
    return postgresql.dialect().identifier_preparer.format_table(table)  # type: ignore[no-untyped-call]
