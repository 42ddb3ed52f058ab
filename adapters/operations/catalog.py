"""Which collections exist, and the indexes declared on them: what is kept of it in memory."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from uuid import UUID

from adapters.operations.indexes import ID_INDEX, Index, index_of, is_flat
from adapters.operations.storage import Storage
from adapters.operations.validation import Validation, validation_of

St = TypeVar("St", bound=Storage[Any])

Namespace = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection(Generic[St]):
    """A collection that exists."""

    storage: St
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

    def guarding_from(self, document: dict[str, Any]) -> tuple[Index, ...]:
        """Return the indexes that may refuse a document, or have entries of it.

        Only arrays, and what stands in them, make an index refuse one that is not unique.
        """
        return self.unique if is_flat(document) else self.guarding

    @property
    def identity(self) -> Index | None:
        """The index on `_id` of a collection with a collation, under which more `_id`s are equal."""
        collation = self.options.get("collation")
        if collation is None:
            return None
        specification = {"name": ID_INDEX, "key": {"_id": 1}, "collation": collation}
        return index_of({**specification, "unique": True})


class Catalog(ABC, Generic[St]):
    """The collections of one SQL database, in memory; a database adds how they are read and written.

    All definitions go through this process, so memory and database agree. After the database was away they are read again.
    """

    def __init__(self) -> None:
        self._collections: dict[Namespace, Collection[St]] = {}
        self.loaded = False
        self.version = 0
        """Changes with every definition: if it has not, there is nothing to undo in memory."""

    def collection(self, database: str, name: str) -> Collection[St] | None:
        """Return a collection, None for one that does not exist."""
        return self._collections.get((database, name))

    def storage(self, database: str, name: str) -> St:
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

    def expiring(self) -> Iterator[tuple[Namespace, Index]]:
        """Yield every TTL index with its collection."""
        for place, collection in self._collections.items():
            for index in collection.indexes:
                if index.expiry is not None:
                    yield place, index

    @abstractmethod
    def _prospect(self, database: str, name: str) -> St:
        """Return where the documents of a collection would live if it were made now."""

    def _know_all(self, collections: dict[Namespace, Collection[St]]) -> None:
        """Know the collections that there are."""
        self._collections = collections
        for known in collections.values():
            known.storage.watch(index.specification for index in known.indexes)
        self.loaded = True

    def _know(self, place: Namespace, collection: Collection[St]) -> None:
        """Know a collection that was made."""
        self.version += 1
        self._collections[place] = collection

    def _know_options(self, place: Namespace, options: Mapping[str, Any]) -> None:
        """Know the options that a collection was given."""
        self.version += 1
        known = self._collections[place]
        self._collections[place] = replace(
            known, options=options, validation=validation_of(options)
        )

    def _know_changed(self, place: Namespace, index: Index) -> None:
        """Know an index in the place of the one with its name; its keys are the same."""
        self.version += 1
        known = self._collections[place]
        indexes = tuple(index if each.name == index.name else each for each in known.indexes)
        self._collections[place] = replace(known, indexes=indexes)

    def _know_added(self, place: Namespace, index: Index) -> None:
        """Know an index that was made."""
        self._know_indexes(place, (*self._collections[place].indexes, index))

    def _know_removed(self, place: Namespace, indexes: Iterable[Index]) -> None:
        """Know that indexes were dropped."""
        gone = {index.name for index in indexes}
        kept = tuple(each for each in self._collections[place].indexes if each.name not in gone)
        self._know_indexes(place, kept)

    def _know_dropped(self, place: Namespace) -> bool:
        """Know that a collection was dropped; False when there was none."""
        self.version += 1
        return self._collections.pop(place, None) is not None

    def _know_indexes(self, place: Namespace, indexes: tuple[Index, ...]) -> None:
        self.version += 1
        known = self._collections[place]
        known.storage.watch(index.specification for index in indexes)
        self._collections[place] = replace(known, indexes=indexes)
