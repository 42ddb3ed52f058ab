"""What the operations run with: one database, the catalog, and the values that the legacy server made up.

The operations of this package decide what MongoDB would answer and store. How a database reads and writes documents, its
session says: the abstract methods below are all that a database of documents has to bring.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from adapters.gateway import Generated
from adapters.operations.bindings import values_of_let
from adapters.operations.catalog import Catalog
from adapters.operations.collating import order_of_values
from adapters.operations.documents import Change, Stored
from adapters.operations.indexes import Entry, Index
from adapters.operations.storage import Fetched, Found, Storage
from adapters.operations.validation import Validation
from comparators.operation import Operation
from comparators.order import ValueOrder
from comparators.outcome import Answered, Outcome

WORST: Final = list(Answered)
"""The ways to find documents, the worst last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(ABC):
    """One operation on one connection, inside a transaction of the database or not."""

    catalog: Catalog[Any]
    operation: Operation
    generated: Generated
    alternatives: list[Any] = field(default_factory=list)
    """The `_id`s of documents that a write of one document might have chosen instead."""
    ways: list[Answered] = field(default_factory=list)
    """How documents were found, statement by statement."""

    @property
    def answered(self) -> Answered | None:
        """How the documents were found at the worst, None where there were none to find."""
        return max(self.ways, key=WORST.index, default=None)

    @property
    def storage(self) -> Storage[Any]:
        """Where the documents of the operation's collection live."""
        found: Storage[Any] = self.storage_of(self.operation.collection)
        return found

    def storage_of(self, collection: str) -> Any:
        """Return where the documents of a collection of the same database live."""
        return self.catalog.storage(self.operation.database, collection)

    @property
    def unique(self) -> tuple[Index, ...]:
        """The unique indexes of the operation's collection beside `_id_`."""
        return self.catalog.unique(self.operation.database, self.operation.collection)

    @property
    def guarding(self) -> tuple[Index, ...]:
        """The indexes of the operation's collection that may refuse a document, beside `_id_`."""
        found = self.catalog.collection(self.operation.database, self.operation.collection)
        return () if found is None else found.guarding

    @property
    def indexes(self) -> tuple[Index, ...]:
        """The indexes of the operation's collection beside `_id_`, in the order of their making."""
        found = self.catalog.collection(self.operation.database, self.operation.collection)
        return () if found is None else found.indexes

    def validate(self, document: dict[str, Any], *, before: dict[str, Any] | None = None) -> None:
        """Raise CommandFailure for a document that the collection's validator refuses."""
        validation = self._validation
        if validation is not None:
            validation.check(document, before=before)

    @property
    def validates(self) -> bool:
        """Whether the collection's validator has to see each document that is written."""
        return self._validation is not None

    @property
    def _validation(self) -> Validation | None:
        found = self.catalog.collection(self.operation.database, self.operation.collection)
        if found is None or self.operation.arguments.get("bypassDocumentValidation"):
            return None
        return found.validation

    def is_indexed(self, path: str) -> bool:
        """Return whether an index holds the values at a path, and null for documents without one."""
        return any(
            index.plain and path in index.paths and (not index.sparse or len(index.paths) > 1)
            for index in self.indexes
        )

    @property
    def exists(self) -> bool:
        """Whether the operation's collection is known to exist."""
        found = self.catalog.collection(self.operation.database, self.operation.collection)
        return found is not None

    @property
    def variables(self) -> dict[str, Any]:
        """The variables that expressions may name: the server's clock, and those of `let`."""
        now = {"NOW": DatetimeMS(self.generated.now_ms)}
        let = self.operation.arguments.get("let")
        return now | values_of_let(let, now, self.order_under(self.operation.arguments))

    @property
    def collation(self) -> Mapping[str, Any] | None:
        """The collation of the operation's collection; None for the simple one."""
        found = self.catalog.collection(self.operation.database, self.operation.collection)
        return None if found is None else found.options.get("collation")

    def order_under(self, statement: Mapping[str, Any]) -> ValueOrder:
        """Return the order of values that a command or statement asks for, else the collection's."""
        return order_of_values(statement.get("collation"), self.collation)

    def told(self, outcome: Outcome) -> Outcome:
        """Return the outcome of a write with the documents that it might have chosen instead."""
        return replace(outcome, alternatives=tuple(self.alternatives))

    # Reading.

    @abstractmethod
    async def fetch(self, storage: Any, read: Any) -> Fetched:
        """Return the documents that a read of a storage selects, none from a collection that does not exist."""

    @abstractmethod
    async def counted(self, selection: Any, *, skip: int, limit: int | None) -> int | None:
        """Return how many documents an exact selection has, None where the database cannot tell."""

    @abstractmethod
    async def grouped(self, grouping: Any) -> list[Any] | None:
        """Return what the database makes of many documents at once, None where it cannot tell."""

    @abstractmethod
    async def stored(self, selection: Any, *, limit: int | None, locked: bool) -> list[Stored]:
        """Return the documents of a selection in MongoDB's order, to write them; `locked`: nobody else writes them."""

    @abstractmethod
    def every(self, read: Any) -> AsyncIterator[Found]:
        """Yield the documents of a read of the collection, without holding them all."""

    @abstractmethod
    async def present(self, keys: Sequence[Any]) -> set[Any]:
        """Return which primary keys belong to documents."""

    @abstractmethod
    async def holders(self, entries: Sequence[Entry]) -> dict[tuple[str, bytes], Any]:
        """Return by index and key who has the unique entries that are taken."""

    # Writing, inside a transaction of the database; TakenError where an `_id` or a unique entry is another document's.

    @abstractmethod
    async def insert(self, changes: Sequence[Change]) -> None:
        """Insert documents with their entries."""

    @abstractmethod
    async def replace(self, changes: Sequence[Change]) -> None:
        """Replace documents that are locked, and their entries."""

    @abstractmethod
    async def remove(self, keys: Sequence[Any]) -> None:
        """Delete documents that are locked, and their entries."""

    @abstractmethod
    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """Begin a part of the transaction that an exception undoes alone."""

    @abstractmethod
    async def lock(self) -> None:
        """Keep other writes off the collection until the transaction ends."""

    # Defining, inside a transaction of the database.

    @abstractmethod
    async def ensure(self) -> None:
        """Make the collection where it does not exist; the only one that also works without a transaction."""

    @abstractmethod
    async def create(self, options: Mapping[str, Any]) -> bool:
        """Make the collection; False when it existed. CommandFailure for a name that MongoDB refuses."""

    @abstractmethod
    async def drop(self, database: str, collection: str) -> None:
        """Drop a collection, if there is one."""

    @abstractmethod
    async def move(self, database: str, collection: str) -> None:
        """Give the collection another name, of which there is none yet; its documents keep their order."""

    @abstractmethod
    async def change_options(self, options: Mapping[str, Any]) -> None:
        """Give the collection other options."""

    @abstractmethod
    async def change_index(self, index: Index) -> None:
        """Put an index in the place of the one with its name; its keys are the same."""

    @abstractmethod
    async def add_index(self, index: Index) -> None:
        """Remember an index, and make what serves queries by it."""

    @abstractmethod
    async def drop_indexes(self, indexes: Sequence[Index]) -> None:
        """Forget indexes, free their entries, and drop what served queries by them."""

    @abstractmethod
    async def enter(self, index: Index, holders: Mapping[bytes, Any]) -> None:
        """Take the entries of a new unique index: by their keys, the primary keys of documents."""
