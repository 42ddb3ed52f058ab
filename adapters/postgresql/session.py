"""The session of PostgreSQL: how its tables are read and written, in as few statements as can be."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import asyncpg

from adapters.gateway import Mark
from adapters.operations.documents import Change, Stored, insertion
from adapters.operations.indexes import Entry, Index
from adapters.operations.refusals import TakenError
from adapters.operations.session import Session
from adapters.operations.storage import Fetched, Found
from adapters.postgresql import native, statements
from adapters.postgresql.catalog import PostgresCatalog
from adapters.postgresql.connections import Connection
from adapters.postgresql.documents import shape_of, values_of
from adapters.postgresql.failures import ABSENT, state_of
from adapters.postgresql.statements import WriteShape
from adapters.postgresql.storage import AnyStorage, Grouping, Read
from adapters.postgresql.tables import CollectionTables
from adapters.query.filter import EVERYTHING
from adapters.sql.dialect import Statement
from comparators.outcome import Answered, Outcome

AT_ONCE: Final = 1000
"""So many rows are fetched in advance where all are read one by one."""

MakeStatement = Callable[[CollectionTables, WriteShape], Statement]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSession(Session):
    """One operation on one connection, inside a transaction of PostgreSQL or not."""

    connection: Connection
    catalog: PostgresCatalog
    statements: list[str] = field(default_factory=list)
    """The SQL that was run to find and to write documents."""

    @property
    def storage(self) -> AnyStorage:
        """Where the documents of the operation's collection live."""
        return self.catalog.storage(self.operation.database, self.operation.collection)

    @property
    def tables(self) -> CollectionTables:
        """The tables of the operation's collection."""
        return self.storage.tables

    async def fetch(self, storage: AnyStorage, read: Read) -> Fetched:
        """Return the documents that SQL selects, none from a collection that does not exist."""
        rows = await self.rows(read.statement.text, read.arguments)
        await self.learn(storage, rows)
        fetched = storage.fetched(rows)
        self._note(read, drifted=fetched.drifted)
        return fetched

    def _note(self, read: Read, *, drifted: bool) -> None:
        # What has drifted is tested in memory.
        way = read.plan.answered
        self.ways.append(Answered.NARROWED if drifted and way is Answered.PUSHED_DOWN else way)

    async def counted(self, selection: Any, *, skip: int, limit: int | None) -> int | None:
        """Return how many documents an exact selection has, None where rows have drifted."""
        read = self.storage.count(selection, skip=skip, limit=limit)
        rows = await self.rows(read.statement.text, read.arguments)
        if not rows:
            return 0
        n, drifted = rows[0]
        self._note(read, drifted=drifted)
        return None if drifted else int(n)

    async def grouped(self, grouping: Grouping[Any]) -> list[Any] | None:
        """Return what SQL makes of many documents at once, None where it cannot tell."""
        statement = grouping.statement
        rows = await self.rows(statement.text, statement.arguments(grouping.values))
        unknown = grouping.unknown_layouts(rows)
        if unknown:
            await self.catalog.layouts.read(self.connection, unknown)
        made = grouping.merged(rows)
        if made is not None:
            self.ways.append(Answered.PUSHED_DOWN)
        return made

    async def stored(self, selection: Any, *, limit: int | None, locked: bool) -> list[Stored]:
        """Return the documents of a selection in MongoDB's order, to write them."""
        storage = self.storage
        read = storage.find_rows(selection, limit=limit, locked=locked)
        rows = await self.rows(read.statement.text, read.arguments)
        while any(row[-2] is None for row in rows):
            rows = await self.rows(read.statement.text, read.arguments)
        await self.learn(storage, rows)
        self._note(read, drifted=any(row[-1] for row in rows))
        return [
            Stored(key=row[-3], version=row[-2], drifted=row[-1], found=storage.found(row))
            for row in rows
        ]

    async def write(
        self,
        make: MakeStatement,
        changes: Sequence[Change],
        *,
        mark: Mark | None = None,
        outcome: Outcome | None = None,
        together: bool = True,
    ) -> Sequence[Any]:
        """Run the statement that writes the changes, and return its rows; `together`: as arrays."""
        layouts = [layout for change in changes for layout in change.contents.layouts]
        await self.catalog.layouts.write(self.connection, layouts)
        tables = self.tables
        statement = make(tables, shape_of(changes, marked=mark is not None, together=together))
        kept = None if outcome is None else self.told(outcome)
        values = values_of(tables, changes, mark=mark, outcome=kept, together=together)
        self.statements.append(statement.text)
        try:
            return await self.connection.fetch(statement.text, *statement.arguments(values))
        except asyncpg.UniqueViolationError as error:
            raise TakenError from error

    async def learn(self, storage: AnyStorage, rows: Sequence[Any]) -> None:
        """Have the layouts of rows known."""
        unknown = storage.unknown_layouts(rows)
        if unknown:
            await self.catalog.layouts.read(self.connection, unknown)

    async def rows(self, text: str, arguments: Sequence[Any]) -> Sequence[Any]:
        """Return the rows of a reading statement, none from a collection that does not exist."""
        if self.connection.is_in_transaction() and not self.exists:
            # The error would end the transaction.
            return []
        storage = self.storage
        self.statements.append(text)
        try:
            return await self.connection.fetch(text, *arguments)
        except asyncpg.PostgresError as error:
            if state_of(error) in ABSENT and await self._is_absent(storage):
                return []
            raise

    async def _is_absent(self, storage: AnyStorage) -> bool:
        """Return whether a table that was not found is where the documents would be, not where they were once."""
        if not self.exists:
            return True
        if self.connection.is_in_transaction():
            return False
        await self.catalog.load(self.connection)
        return self.storage is storage

    async def ensure(self) -> None:
        """Make the collection's tables where they do not exist."""
        if self.exists:
            return
        place = (self.operation.database, self.operation.collection)
        if self.connection.is_in_transaction():
            await self.catalog.create(self.connection, *place, {})
            return
        async with self.connection.transaction():
            await self.catalog.create(self.connection, *place, {})

    async def every(self, read: Read) -> AsyncIterator[Found]:
        """Yield the documents of a read of the collection, inside a transaction."""
        storage = self.storage
        rows = self.connection.cursor(read.statement.text, *read.arguments, prefetch=AT_ONCE)
        async for row in rows:
            await self.learn(storage, [row])
            yield storage.found(row)

    async def present(self, keys: Sequence[Any]) -> set[Any]:
        """Return which primary keys belong to documents."""
        rows = await self.connection.fetch(statements.present(self.tables).text, list(keys))
        return {row[0] for row in rows}

    async def holders(self, entries: Sequence[Entry]) -> dict[tuple[str, bytes], Any]:
        """Return by index and key who has the unique entries that are taken."""
        if not entries:
            return {}
        statement = statements.holders(self.tables)
        values = {
            "wanted_names": [entry.index.name for entry in entries],
            "wanted_keys": [entry.key for entry in entries],
        }
        rows = await self.connection.fetch(statement.text, *statement.arguments(values))
        return {(row[0], row[1]): row[2] for row in rows}

    async def insert(self, changes: Sequence[Change]) -> None:
        """Insert documents with their entries in one statement."""
        together = len(changes) > 1
        make = statements.insert_documents if together else statements.insert_document
        await self.write(make, changes, together=together)

    async def replace(self, changes: Sequence[Change]) -> None:
        """Replace documents that are locked, and their entries, in one statement."""
        await self.write(statements.replace_documents, changes)

    async def remove(self, keys: Sequence[Any]) -> None:
        """Delete documents that are locked, and their entries."""
        text = statements.delete_documents(self.tables, bool(self.unique), marked=False)
        await self.connection.execute(text.text, *text.arguments({"ids": list(keys)}))

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """Begin a part of the transaction that an exception undoes alone."""
        return self.connection.transaction()

    async def lock(self) -> None:
        """Keep other writes off the collection until the transaction ends."""
        await self.connection.execute(statements.lock(self.tables))

    @property
    def _place(self) -> tuple[str, str]:
        return self.operation.database, self.operation.collection

    async def create(self, options: Mapping[str, Any]) -> bool:
        """Make the collection; False when it existed."""
        return await self.catalog.create(self.connection, *self._place, options)

    async def drop(self, database: str, collection: str) -> None:
        """Drop a collection, if there is one."""
        await self.catalog.drop(self.connection, database, collection)

    async def move(self, database: str, collection: str) -> None:
        """Copy the documents: names of tables and of their indexes are made of the name of the collection."""
        known = self.catalog.collection(*self._place)
        there = replace(
            self, operation=replace(self.operation, database=database, collection=collection)
        )
        await there.create({} if known is None else dict(known.options))
        for index in self.indexes:
            await there.add_index(index)
        storage, copied = self.storage, list[Change]()
        async for found in self.every(storage.find(storage.selection_of(EVERYTHING, {}), sort={})):
            copied.append(insertion(there.storage, found.document, there.guarding))
            if len(copied) == AT_ONCE:
                await there.insert(copied)
                copied = []
        if copied:
            await there.insert(copied)
        await self.drop(*self._place)

    async def change_options(self, options: Mapping[str, Any]) -> None:
        """Give the collection other options."""
        await self.catalog.change_options(self.connection, *self._place, options)

    async def change_index(self, index: Index) -> None:
        """Put an index in the place of the one with its name."""
        await self.catalog.change_index(self.connection, *self._place, index)

    async def add_index(self, index: Index) -> None:
        """Remember an index, and make that of PostgreSQL for it."""
        await self.catalog.add_index(self.connection, *self._place, index)
        await native.make(self.connection, self.storage, index)

    async def drop_indexes(self, indexes: Sequence[Index]) -> None:
        """Forget indexes, free their entries, and drop PostgreSQL's own that no other needs."""
        names = [index.name for index in indexes if index.unique]
        if names:
            freed = statements.free_indexes(self.tables)
            await self.connection.execute(freed.text, *freed.arguments({"names": names}))
        await self.catalog.remove_indexes(self.connection, *self._place, indexes)
        await native.drop(self.connection, self.storage, indexes, self.indexes)

    async def enter(self, index: Index, holders: Mapping[bytes, Any]) -> None:
        """Take the entries of a new unique index."""
        entries = self.tables.entries
        await self.connection.copy_records_to_table(
            entries.name,
            schema_name=entries.schema,
            columns=["index_name", "key", "id"],
            records=[(index.name, key, holder) for key, holder in holders.items()],
        )
