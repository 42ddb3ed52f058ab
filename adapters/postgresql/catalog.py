"""Which collections exist, and the indexes declared on them; read once, then kept in memory.

All definitions go through this process, so memory and catalog agree. After the server was away the
catalog is read again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from asyncpg import Record
from sqlalchemy.dialects.postgresql import BYTEA

from adapters.entities.entity import EntityMap
from adapters.entities.notation import entity_of, text_of
from adapters.postgresql.connections import Connection
from adapters.postgresql.document_storage import document_storage
from adapters.postgresql.indexes import ID_INDEX, Index, index_of
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.postgresql.storage import AnyStorage
from adapters.postgresql.tables import check_namespace
from adapters.postgresql.validation import Validation, validation_of
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

Namespace = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A collection that exists."""

    storage: AnyStorage
    options: Mapping[str, Any] = field(default_factory=dict)
    indexes: tuple[Index, ...] = ()
    """Those beside `_id_`, in the order of their making."""
    uuid: UUID | None = None
    validation: Validation | None = None
    """What its validator asks of documents."""
    plans: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The plans of its operations by outline, as long as nothing about it changes."""

    guarding: tuple[Index, ...] = field(init=False)
    """The indexes that may refuse a document, beside the plain `_id_`."""
    unique: tuple[Index, ...] = field(init=False)
    """Those of them that refuse duplicates."""

    def __post_init__(self) -> None:
        guards = tuple(index for index in self.indexes if index.guards)
        guarding = guards if self.identity is None else (self.identity, *guards)
        object.__setattr__(self, "guarding", guarding)
        object.__setattr__(self, "unique", tuple(index for index in guarding if index.unique))

    @property
    def identity(self) -> Index | None:
        """The index on `_id` of a collection with a collation, under which more `_id`s are equal."""
        collation = self.options.get("collation")
        if collation is None:
            return None
        specification = {"name": ID_INDEX, "key": {"_id": 1}, "collation": collation}
        return index_of({**specification, "unique": True})


class Catalog:
    """The collections of one PostgreSQL database.

    `entities` are the maps for collections yet to be made. Where those live that exist, the database itself tells.
    """

    def __init__(self, layouts: Layouts, entities: Mapping[str, EntityMap]) -> None:
        self.layouts: Final = layouts
        self._entities = entities
        self._collections: dict[Namespace, Collection] = {}
        self._prospects: dict[Namespace, AnyStorage] = {}
        self.loaded = False
        self.version = 0
        """Changes with every definition: if it has not, there is nothing to undo in memory."""

    def collection(self, database: str, name: str) -> Collection | None:
        """Return a collection, None for one that does not exist."""
        return self._collections.get((database, name))

    def storage(self, database: str, name: str) -> AnyStorage:
        """Return where the documents of a collection live, or would if it were made now."""
        found = self._collections.get((database, name))
        return self._prospect(database, name) if found is None else found.storage

    def unique(self, database: str, name: str) -> tuple[Index, ...]:
        """Return the unique indexes of a collection beside `_id_`, in the order of their making."""
        found = self._collections.get((database, name))
        return () if found is None else found.unique

    def namespaces(self) -> list[Namespace]:
        """Return database and name of every collection."""
        return sorted(self._collections)

    def names(self, database: str) -> list[str]:
        """Return the names of the collections of a database."""
        return sorted(name for owner, name in self._collections if owner == database)

    def forget(self, database: str, name: str) -> None:
        """Forget a collection whose tables turned out to be missing."""
        self._collections.pop((database, name), None)
        self.loaded = False

    def undone(self, *, since: int) -> None:
        """Have the catalog read again after a rollback, if anything was defined since a version."""
        if self.version != since:
            self.loaded = False

    def stale(self) -> None:
        """Have the catalog read again before it is used."""
        self.loaded = False

    async def load(self, connection: Connection) -> None:
        """Make the catalog's tables where they do not exist, and read them."""
        async with connection.transaction():
            await connection.fetchval(LOCK.text, DEFINING)
            await connection.execute(CATALOG_SQL)
            collections = await connection.fetch(_ALL_COLLECTIONS.text)
            indexes = await connection.fetch(_ALL_INDEXES.text)
            # Still under the lock: nobody defines anything between reading and remembering.
            self.layouts.forget()
            self._collections = self._collections_of(collections, indexes)
            for known in self._collections.values():
                known.storage.watch(index.specification for index in known.indexes)
            self.loaded = True

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
        self.version += 1
        self._collections[database, name] = Collection(
            storage=storage, options=options, uuid=uuid, validation=validation_of(options)
        )
        return True

    async def change_options(
        self, connection: Connection, database: str, name: str, options: Mapping[str, Any]
    ) -> None:
        """Give a collection that exists other options."""
        values = {"owner": database, "collection": name, "changed": encode(dict(options))}
        await connection.execute(_CHANGE_OPTIONS.text, *_CHANGE_OPTIONS.arguments(values))
        self.version += 1
        known = self._collections[database, name]
        self._collections[database, name] = replace(
            known, options=options, validation=validation_of(options)
        )

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
        self.version += 1
        known = self._collections[database, name]
        indexes = tuple(index if each.name == index.name else each for each in known.indexes)
        self._collections[database, name] = replace(known, indexes=indexes)

    async def drop(self, connection: Connection, database: str, name: str) -> bool:
        """Drop a collection; False when there was none. The caller holds a transaction."""
        await connection.fetchval(LOCK.text, DEFINING)
        values = {"database": database, "collection": name}
        for statement in self.storage(database, name).tables.removals:
            await connection.execute(statement)
        await connection.execute(_FORGET_COLLECTION.text, *_FORGET_COLLECTION.arguments(values))
        await connection.execute(_FORGET_INDEXES.text, *_FORGET_INDEXES.arguments(values))
        self.version += 1
        return self._collections.pop((database, name), None) is not None

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
        self.version += 1
        known = self._collections[database, name]
        self._know_indexes((database, name), (*known.indexes, index))

    async def remove_indexes(
        self, connection: Connection, database: str, name: str, indexes: Iterable[Index]
    ) -> None:
        """Forget indexes of a collection that exists."""
        gone = {index.name for index in indexes}
        for index_name in gone:
            values = {"database": database, "collection": name, "name": index_name}
            await connection.execute(_FORGET_INDEX.text, *_FORGET_INDEX.arguments(values))
        self.version += 1
        known = self._collections[database, name]
        kept = tuple(index for index in known.indexes if index.name not in gone)
        self._know_indexes((database, name), kept)

    def expiring(self) -> Iterator[tuple[Namespace, Index]]:
        """Yield every TTL index with its collection."""
        for place, collection in self._collections.items():
            for index in collection.indexes:
                if index.expiry is not None:
                    yield place, index

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

    def _know_indexes(self, place: Namespace, indexes: tuple[Index, ...]) -> None:
        known = self._collections[place]
        known.storage.watch(index.specification for index in indexes)
        self._collections[place] = replace(known, indexes=indexes)

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
    ) -> dict[Namespace, Collection]:
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
