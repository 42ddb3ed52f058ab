"""Which collections and indexes a database has, as rows; kept in memory as long as their version stays."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.operations.catalog import Catalog, Collection, Namespace
from adapters.operations.indexes import Index, index_of
from adapters.operations.namespaces import check_namespace
from adapters.operations.validation import validation_of
from adapters.tables.storage import NOWHERE, TablesStorage
from adapters.tables.tables import Tables
from comparators.canonical import decode, encode

FIRST_VERSION = 0


class TablesCatalog(Catalog[TablesStorage]):
    """The collections as one transaction sees them: what it defines itself is in its own copy only."""

    def __init__(self, tables: Tables, storage: TablesStorage, *, database_version: int) -> None:
        super().__init__()
        self._tables = tables
        self._storage = storage
        self.database_version = database_version
        """The version of the definitions in the database that these are."""

    def copy(self) -> Self:
        """Return the same collections, for a transaction that may define some."""
        copied = type(self)(self._tables, self._storage, database_version=self.database_version)
        copied._collections = dict(self._collections)  # noqa: SLF001 - its own
        copied.loaded = self.loaded
        return copied

    async def load(self, connection: AsyncConnection) -> None:
        """Read the definitions."""
        tables = self._tables
        by_collection: dict[int, list[Index]] = {}
        rows = await connection.execute(
            sa.select(tables.indexes.c.collection, tables.indexes.c.specification).order_by(
                tables.indexes.c.ordinal
            )
        )
        for number, specification in rows:
            by_collection.setdefault(number, []).append(index_of(decode(specification)))
        found = await connection.execute(sa.select(tables.collections))
        self._know_all(
            {
                (row.namespace_database, row.name): Collection(
                    storage=self._storage.at(row.number, tuple(by_collection.get(row.number, ()))),
                    options=decode(row.options),
                    indexes=tuple(by_collection.get(row.number, ())),
                    uuid=UUID(bytes=row.uuid),
                    validation=validation_of(decode(row.options)),
                )
                for row in found
            }
        )

    async def create(
        self, connection: AsyncConnection, place: Namespace, options: Mapping[str, Any]
    ) -> bool:
        """Make a collection; False when it existed. CommandFailure for a name that MongoDB refuses."""
        if place in self._collections:
            return False
        database, name = place
        check_namespace(database, name)
        uuid = uuid4()
        made = await connection.execute(
            sa.insert(self._tables.collections).values(
                namespace_database=database,
                name=name,
                uuid=uuid.bytes,
                options=encode(dict(options)),
            )
        )
        [number] = made.inserted_primary_key or (NOWHERE,)
        await self._defined(connection)
        collection = Collection(
            storage=self._storage.at(number),
            options=options,
            uuid=uuid,
            validation=validation_of(options),
        )
        self._know(place, collection)
        return True

    async def drop(self, connection: AsyncConnection, place: Namespace) -> None:
        """Drop a collection, if there is one."""
        known = self._collections.get(place)
        if known is None:
            return
        tables, number = self._tables, known.storage.number
        for table in (tables.documents, tables.entries, tables.indexes):
            await connection.execute(sa.delete(table).where(table.c.collection == number))
        collections = tables.collections
        await connection.execute(sa.delete(collections).where(collections.c.number == number))
        await self._defined(connection)
        self._know_dropped(place)

    async def move(self, connection: AsyncConnection, place: Namespace, target: Namespace) -> None:
        """Give a collection another name, of which there is none yet."""
        known = self._collections[place]
        database, name = target
        await self._change(connection, place, namespace_database=database, name=name)
        self._know_dropped(place)
        self._know(target, known)

    async def change_options(
        self, connection: AsyncConnection, place: Namespace, options: Mapping[str, Any]
    ) -> None:
        """Give a collection that exists other options."""
        await self._change(connection, place, options=encode(dict(options)))
        self._know_options(place, options)

    async def change_index(
        self, connection: AsyncConnection, place: Namespace, index: Index
    ) -> None:
        """Put an index in the place of the one with its name; its keys are the same."""
        indexes = self._tables.indexes
        await connection.execute(
            sa.update(indexes)
            .where(
                indexes.c.collection == self._collections[place].storage.number,
                indexes.c.name == index.name,
            )
            .values(specification=encode(dict(index.specification)))
        )
        await self._defined(connection)
        self._know_changed(place, index)

    async def add_index(self, connection: AsyncConnection, place: Namespace, index: Index) -> None:
        """Remember an index of a collection that exists."""
        await connection.execute(
            sa.insert(self._tables.indexes).values(
                collection=self._collections[place].storage.number,
                name=index.name,
                specification=encode(dict(index.specification)),
            )
        )
        await self._defined(connection)
        self._know_added(place, index)

    async def drop_indexes(
        self, connection: AsyncConnection, place: Namespace, gone: Sequence[Index]
    ) -> None:
        """Forget indexes of a collection that exists, and what they hold."""
        number = self._collections[place].storage.number
        names = [index.name for index in gone]
        indexes, entries = self._tables.indexes, self._tables.entries
        await connection.execute(
            sa.delete(entries).where(
                entries.c.collection == number, entries.c.index_name.in_(names)
            )
        )
        await connection.execute(
            sa.delete(indexes).where(indexes.c.collection == number, indexes.c.name.in_(names))
        )
        await self._defined(connection)
        self._know_removed(place, gone)

    def _know_indexes(self, place: Namespace, indexes: tuple[Index, ...]) -> None:
        super()._know_indexes(place, indexes)
        known = self._collections[place]
        # A storage of its own: other transactions still see the indexes as they were.
        storage = known.storage.at(known.storage.number, indexes)
        self._collections[place] = replace(known, storage=storage)

    def _prospect(self, database: str, name: str) -> TablesStorage:  # noqa: ARG002 - of the interface
        return self._storage

    async def _change(self, connection: AsyncConnection, place: Namespace, **values: Any) -> None:
        collections = self._tables.collections
        await connection.execute(
            sa.update(collections)
            .where(collections.c.number == self._collections[place].storage.number)
            .values(**values)
        )
        await self._defined(connection)

    async def _defined(self, connection: AsyncConnection) -> None:
        """Have all others read the definitions anew, once this transaction is committed."""
        state = self._tables.state
        await connection.execute(sa.update(state).values(version=state.c.version + 1))
        self.database_version += 1


async def version_of(connection: AsyncConnection, tables: Tables, *, fixed: bool) -> int:
    """Return the version of the definitions; where `fixed`, they stay as they are until the transaction ends."""
    statement = sa.select(tables.state.c.version)
    found = await connection.scalar(statement.with_for_update(read=True) if fixed else statement)
    return FIRST_VERSION if found is None else int(found)
