"""Which collections exist, and the indexes declared on them; read once, then kept in memory.

All definitions go through this process, so memory and catalog agree. After the server was away the
catalog is read again.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any, Final

import sqlalchemy as sa
from asyncpg import Record
from sqlalchemy.dialects.postgresql import BYTEA

from adapters.entities.entity import EntityMap
from adapters.entities.notation import entity_of, text_of
from adapters.operations.catalog import Catalog, Collection, Namespace
from adapters.operations.indexes import Index, index_of
from adapters.operations.namespaces import check_namespace
from adapters.operations.validation import validation_of
from adapters.postgresql.connections import Connection
from adapters.postgresql.document_storage import document_storage
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.postgresql.storage import AnyStorage
from adapters.sql.dialect import compiled
from comparators.canonical import decode, encode
from comparators.errors import SettingsError

DEFINING: Final = 0x70617261
"""The advisory lock under which tables are made and dropped, so that no two connections race."""

LOCK: Final = compiled(
    sa.select(sa.func.pg_advisory_xact_lock(sa.bindparam("key", type_=sa.BigInteger)))
)
CATALOG_SQL: Final = (resources.files("adapters.postgresql") / "sql" / "catalog.sql").read_text()

_SPACE: Final = sa.MetaData(schema="parallax")
COLLECTIONS: Final = sa.Table(
    "collections",
    _SPACE,
    sa.Column("database", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("uuid", sa.Uuid),
    sa.Column("options", BYTEA),
    sa.Column("map", sa.Text),
)
INDEXES: Final = sa.Table(
    "indexes",
    _SPACE,
    sa.Column("database", sa.Text, primary_key=True),
    sa.Column("collection", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("ordinal", sa.BigInteger),
    sa.Column("specification", BYTEA),
)
_ALL_COLLECTIONS: Final = compiled(sa.select(COLLECTIONS))
_ALL_INDEXES: Final = compiled(sa.select(INDEXES).order_by(INDEXES.c.ordinal))
_IN_COLLECTION = (
    INDEXES.c.database == sa.bindparam("database"),
    INDEXES.c.collection == sa.bindparam("collection"),
)
_FORGET_COLLECTION: Final = compiled(
    sa.delete(COLLECTIONS).where(
        COLLECTIONS.c.database == sa.bindparam("database"),
        COLLECTIONS.c.name == sa.bindparam("collection"),
    )
)
_FORGET_INDEXES: Final = compiled(sa.delete(INDEXES).where(*_IN_COLLECTION))
_FORGET_INDEX: Final = compiled(
    sa.delete(INDEXES).where(*_IN_COLLECTION, INDEXES.c.name == sa.bindparam("name"))
)


def _insert(table: sa.Table, *names: str) -> Any:
    return sa.dialects.postgresql.insert(table).values({name: sa.bindparam(name) for name in names})


_ADD_COLLECTION: Final = compiled(
    _insert(COLLECTIONS, "database", "name", "options", "map")
    .on_conflict_do_nothing()
    .returning(COLLECTIONS.c.uuid)
)
_ADD_INDEX: Final = compiled(_insert(INDEXES, "database", "collection", "name", "specification"))

_CHANGE_OPTIONS: Final = compiled(
    sa.update(COLLECTIONS)
    .where(
        COLLECTIONS.c.database == sa.bindparam("owner"),
        COLLECTIONS.c.name == sa.bindparam("collection"),
    )
    .values(options=sa.bindparam("changed", type_=BYTEA))
)
_CHANGE_INDEX: Final = compiled(
    sa.update(INDEXES)
    .where(
        INDEXES.c.database == sa.bindparam("owner"),
        INDEXES.c.collection == sa.bindparam("place"),
        INDEXES.c.name == sa.bindparam("index_name"),
    )
    .values(specification=sa.bindparam("changed", type_=BYTEA))
)


PostgresCollection = Collection[AnyStorage]


class PostgresCatalog(Catalog[AnyStorage]):
    """The collections of one PostgreSQL database.

    `entities` are the maps for collections yet to be made. Where those live that exist, the database itself tells.
    """

    def __init__(self, layouts: Layouts, entities: Mapping[str, EntityMap]) -> None:
        super().__init__()
        self.layouts: Final = layouts
        self._entities = entities
        self._prospects: dict[Namespace, AnyStorage] = {}

    async def load(self, connection: Connection) -> None:
        """Make the catalog's tables where they do not exist, and read them."""
        async with connection.transaction():
            await connection.fetchval(LOCK.text, DEFINING)
            await connection.execute(CATALOG_SQL)
            collections = await connection.fetch(_ALL_COLLECTIONS.text)
            indexes = await connection.fetch(_ALL_INDEXES.text)
            # Still under the lock: nobody defines anything between reading and remembering.
            self.layouts.forget()
            self._know_all(self._collections_of(collections, indexes))

    async def create(
        self, connection: Connection, database: str, name: str, options: Mapping[str, Any]
    ) -> bool:
        """Make the tables of a collection; False when it existed. The caller holds a transaction.

        CommandFailure for a name that MongoDB refuses.
        """
        if (database, name) not in self._collections:
            check_namespace(database, name)
        await connection.fetchval(LOCK.text, DEFINING)
        storage = self._prospect(database, name)
        entity = storage.entity if isinstance(storage, MappedStorage) else None
        values = {
            "database": database,
            "name": name,
            "options": encode(dict(options)),
            "map": None if entity is None else text_of(entity),
        }
        uuid = await connection.fetchval(_ADD_COLLECTION.text, *_ADD_COLLECTION.arguments(values))
        if uuid is None and (database, name) in self._collections:
            return False
        if uuid is None:
            # Somebody else has made it, perhaps with indexes.
            await self.load(connection)
            storage = self.storage(database, name)
        self._check_table(database, name, storage)
        await connection.execute(";\n".join(storage.tables.definitions))
        if uuid is None:
            return False
        made = Collection(
            storage=storage, options=options, uuid=uuid, validation=validation_of(options)
        )
        self._know((database, name), made)
        return True

    async def change_options(
        self, connection: Connection, database: str, name: str, options: Mapping[str, Any]
    ) -> None:
        """Give a collection that exists other options."""
        values = {"owner": database, "collection": name, "changed": encode(dict(options))}
        await connection.execute(_CHANGE_OPTIONS.text, *_CHANGE_OPTIONS.arguments(values))
        self._know_options((database, name), options)

    async def change_index(
        self, connection: Connection, database: str, name: str, index: Index
    ) -> None:
        """Put an index in the place of the one with its name; its keys are the same."""
        values = {
            "owner": database,
            "place": name,
            "index_name": index.name,
            "changed": encode(dict(index.specification)),
        }
        await connection.execute(_CHANGE_INDEX.text, *_CHANGE_INDEX.arguments(values))
        self._know_changed((database, name), index)

    async def drop(self, connection: Connection, database: str, name: str) -> bool:
        """Drop a collection; False when there was none. The caller holds a transaction."""
        await connection.fetchval(LOCK.text, DEFINING)
        values = {"database": database, "collection": name}
        for statement in self.storage(database, name).tables.removals:
            await connection.execute(statement)
        await connection.execute(_FORGET_COLLECTION.text, *_FORGET_COLLECTION.arguments(values))
        await connection.execute(_FORGET_INDEXES.text, *_FORGET_INDEXES.arguments(values))
        return self._know_dropped((database, name))

    async def add_index(
        self, connection: Connection, database: str, name: str, index: Index
    ) -> None:
        """Remember an index of a collection that exists."""
        values = {
            "database": database,
            "collection": name,
            "name": index.name,
            "specification": encode(dict(index.specification)),
        }
        await connection.execute(_ADD_INDEX.text, *_ADD_INDEX.arguments(values))
        self._know_added((database, name), index)

    async def remove_indexes(
        self, connection: Connection, database: str, name: str, indexes: Sequence[Index]
    ) -> None:
        """Forget indexes of a collection that exists."""
        for index in indexes:
            values = {"database": database, "collection": name, "name": index.name}
            await connection.execute(_FORGET_INDEX.text, *_FORGET_INDEX.arguments(values))
        self._know_removed((database, name), indexes)

    def _check_table(self, database: str, name: str, storage: AnyStorage) -> None:
        """Raise SettingsError if the table of a collection belongs to another one already."""
        table = storage.tables.documents.name
        for (owner, other), known in self._collections.items():
            if owner == database and other != name and known.storage.tables.documents.name == table:
                raise SettingsError(
                    f"the table {table!r} for the collection {name!r} is that of {other!r}",
                    where=f"the map of {name!r} or of {other!r}",
                    remedy="name another table in the map",
                )

    def _prospect(self, database: str, name: str) -> AnyStorage:
        entity = self._entities.get(name)
        if entity is None:
            return document_storage(database, name)
        place = (database, name)
        found = self._prospects.get(place)
        if found is None:
            found = self._prospects[place] = MappedStorage(database, entity, self.layouts)
        return found

    def _collections_of(
        self, collections: Iterable[Record], indexes: Iterable[Record]
    ) -> dict[Namespace, Collection[AnyStorage]]:
        """Return the collections that the rows of the catalog tell of."""
        by_collection: dict[Namespace, list[Index]] = {}
        for row in indexes:
            place = (row["database"], row["collection"])
            by_collection.setdefault(place, []).append(index_of(decode(row["specification"])))
        return {
            place: Collection(
                storage=self._storage_of(*place, row["map"]),
                options=decode(row["options"]),
                indexes=tuple(by_collection.get(place, ())),
                uuid=row["uuid"],
                validation=validation_of(decode(row["options"])),
            )
            for row in collections
            for place in [(row["database"], row["name"])]
        }

    def _storage_of(self, database: str, name: str, text: str | None) -> AnyStorage:
        """Return the storage of a collection with the map that the catalog has for it."""
        if text is None:
            return document_storage(database, name)
        entity = entity_of(text)
        known = self._collections.get((database, name))
        if (
            known is not None
            and isinstance(known.storage, MappedStorage)
            and known.storage.entity == entity
        ):
            # It keeps its compiled statements.
            return known.storage
        return MappedStorage(database, entity, self.layouts)
