"""The session of the tables of documents: each step is a statement or two, inside one transaction."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.operations.documents import Change, Stored
from adapters.operations.indexes import Entry, Index
from adapters.operations.refusals import TakenError
from adapters.operations.session import Session
from adapters.operations.storage import Fetched, Found
from adapters.sql.plan import Selection
from adapters.tables.catalog import TablesCatalog
from adapters.tables.storage import MOST_IDS, Read, TablesStorage
from adapters.tables.tables import Tables

T = TypeVar("T")

BYTES_AT_ONCE: Final = 1 << 20
"""So much is sent at once, where it is more than one document."""

AT_ONCE: Final = 500
"""So many rows are read in advance where all are read one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesSession(Session):
    """One operation inside one transaction."""

    connection: AsyncConnection
    catalog: TablesCatalog

    @property
    def storage(self) -> TablesStorage:
        """The documents of the operation's collection."""
        return self.catalog.storage(self.operation.database, self.operation.collection)

    @property
    def _tables(self) -> Tables:
        return self.storage.tables

    @property
    def _place(self) -> tuple[str, str]:
        return self.operation.database, self.operation.collection

    async def fetch(self, storage: TablesStorage, read: Read) -> Fetched:  # noqa: ARG002 - of the interface
        rows = await self.connection.execute(read.statement, read.values)
        self.ways.append(read.plan.answered)
        return Fetched(found=[Found(raw=row[0]) for row in rows])

    async def counted(self, selection: Selection, *, skip: int, limit: int | None) -> int | None:
        read = self.storage.count(selection, skip=skip, limit=limit)
        self.ways.append(read.plan.answered)
        return int(await self.connection.scalar(read.statement, read.values) or 0)

    async def grouped(self, grouping: Any) -> list[Any] | None:  # noqa: ARG002 - of the interface
        """Groups are made in memory."""
        return None

    async def stored(
        self, selection: Selection, *, limit: int | None, locked: bool
    ) -> list[Stored]:
        storage, locks = self.storage, locked and self.storage.dialect.locks_rows
        read = storage.find_rows(selection, limit=limit, locked=locks)
        self.ways.append(read.plan.answered)
        if locks and selection.ids is None:
            rows: Iterable[Any] = await self._locked(selection, limit)
        else:
            rows = await self.connection.execute(read.statement, read.values)
        # A row that is read to be written is locked, so that its version needs no number.
        return [Stored(key=key, version=0, found=Found(raw=bson)) for key, bson in rows]

    async def _locked(self, selection: Selection, limit: int | None) -> list[tuple[Any, bytes]]:
        """Return keys and documents, and lock them: by their keys, since a search locks whatever it passes."""
        keys = self.storage.find_keys(selection, limit=limit)
        found = list(await self.connection.scalars(keys.statement, keys.values))
        raw: dict[Any, bytes] = {}
        for some in _portions(found):
            by_keys = self.storage.selection_by_keys(some)
            read = self.storage.find_rows(by_keys, limit=None, locked=True)
            rows = await self.connection.execute(read.statement, read.values)
            raw.update((key, bson) for key, bson in rows)
        return [(key, raw[key]) for key in found if key in raw]

    async def every(self, read: Read) -> AsyncIterator[Found]:
        options = {"yield_per": AT_ONCE}
        async with self.connection.stream(
            read.statement, read.values, execution_options=options
        ) as rows:
            async for row in rows:
                yield Found(raw=row[0])

    async def present(self, keys: Sequence[Any]) -> set[Any]:
        documents = self._tables.documents
        statement = sa.select(documents.c.id).where(documents.c.collection == self.storage.number)
        found: set[Any] = set()
        for some in _portions(keys):
            rows = await self.connection.scalars(statement.where(documents.c.id.in_(some)))
            found.update(rows)
        return found

    async def holders(self, entries: Sequence[Entry]) -> dict[tuple[str, bytes], Any]:
        table = self._tables.entries
        found: dict[tuple[str, bytes], Any] = {}
        for name in {entry.index.name for entry in entries}:
            statement = sa.select(table.c.entry, table.c.id).where(
                table.c.collection == self.storage.number, table.c.index_name == name
            )
            keys = [entry.key for entry in entries if entry.index.name == name]
            for some in _portions(keys):
                rows = await self.connection.execute(statement.where(table.c.entry.in_(some)))
                found |= {(name, key): holder for key, holder in rows}
        return found

    async def insert(self, changes: Sequence[Change]) -> None:
        documents = self._tables.documents
        rows = [{"id": change.key, **self._given(change)} for change in changes]
        await self._written(sa.insert(documents), rows)
        await self._take(changes)

    async def replace(self, changes: Sequence[Change]) -> None:
        documents = self._tables.documents
        statement = (
            sa.update(documents)
            .where(
                documents.c.collection == sa.bindparam("in_collection"),
                documents.c.id == sa.bindparam("with_id"),
            )
            .values({name: sa.bindparam(name) for name in _contents(documents)})
        )
        for change in changes:
            place = {"in_collection": self.storage.number, "with_id": change.key}
            contents = dict(zip(_contents(documents), change.contents.values, strict=True))
            await self.connection.execute(statement, place | contents)
        await self._free(changes)
        await self._take(changes)

    async def remove(self, keys: Sequence[Any]) -> None:
        tables, number = self._tables, self.storage.number
        guarded = (tables.entries,) if self.unique else ()
        for table in (tables.documents, *guarded):
            for some in _portions(keys):
                await self.connection.execute(
                    sa.delete(table).where(table.c.collection == number, table.c.id.in_(some))
                )

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        return self.connection.begin_nested()

    async def lock(self) -> None:
        """Keep other writes off: every transaction that writes begins by asking for the definitions."""
        state = self._tables.state
        await self.connection.execute(sa.select(state.c.version).with_for_update())

    async def ensure(self) -> None:
        if not self.exists:
            await self.create({})

    async def create(self, options: Mapping[str, Any]) -> bool:
        return await self.catalog.create(self.connection, self._place, options)

    async def drop(self, database: str, collection: str) -> None:
        await self.catalog.drop(self.connection, (database, collection))

    async def move(self, database: str, collection: str) -> None:
        await self.catalog.move(self.connection, self._place, (database, collection))

    async def change_options(self, options: Mapping[str, Any]) -> None:
        await self.catalog.change_options(self.connection, self._place, options)

    async def change_index(self, index: Index) -> None:
        await self.catalog.change_index(self.connection, self._place, index)

    async def add_index(self, index: Index) -> None:
        await self.catalog.add_index(self.connection, self._place, index)

    async def drop_indexes(self, indexes: Sequence[Index]) -> None:
        if indexes:
            await self.catalog.drop_indexes(self.connection, self._place, indexes)

    async def enter(self, index: Index, holders: Mapping[bytes, Any]) -> None:
        rows = [self._entry(index.name, key, holder) for key, holder in holders.items()]
        await self._written(sa.insert(self._tables.entries), rows)

    def _given(self, change: Change) -> dict[str, Any]:
        contents = zip(_contents(self._tables.documents), change.contents.values, strict=True)
        return {"collection": self.storage.number, **dict(contents)}

    def _entry(self, name: str, key: bytes, holder: Any) -> dict[str, Any]:
        return {
            "collection": self.storage.number,
            "index_name": name,
            "entry": key,
            "id": holder,
        }

    async def _take(self, changes: Sequence[Change]) -> None:
        rows = [
            self._entry(entry.index.name, entry.key, change.key)
            for change in changes
            for entry in change.taken
        ]
        await self._written(sa.insert(self._tables.entries), rows)

    async def _free(self, changes: Sequence[Change]) -> None:
        entries = self._tables.entries
        for change in changes:
            for entry in change.freed:
                await self.connection.execute(
                    sa.delete(entries).where(
                        entries.c.collection == self.storage.number,
                        entries.c.index_name == entry.index.name,
                        entries.c.entry == entry.key,
                        entries.c.id == change.key,
                    )
                )

    async def _written(self, statement: sa.Insert, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows; TakenError where one of them is there already."""
        try:
            for packet in _packets(rows):
                await self.connection.execute(statement, packet)
        except IntegrityError as error:
            raise TakenError from error


def _contents(documents: sa.Table) -> list[str]:
    return [name for name in ("bson", "body") if name in documents.c]


def _packets(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield portions that are not too much to be sent at once; a large document goes alone."""
    packet: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        more = sum(len(value) for value in row.values() if isinstance(value, bytes | str))
        if packet and size + more > BYTES_AT_ONCE:
            yield packet
            packet, size = [], 0
        packet.append(row)
        size += more
    if packet:
        yield packet


def _portions(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield portions that are not too many for the parameters of a statement."""
    left = iter(items)
    while portion := list(islice(left, MOST_IDS)):
        yield portion
