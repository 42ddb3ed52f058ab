"""What the operations run with: a connection, the catalog, and the values that the legacy server made up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import asyncpg
from bson.datetime_ms import DatetimeMS

from adapters.gateway import Generated, Mark
from adapters.postgresql.bindings import values_of_let
from adapters.postgresql.catalog import Catalog
from adapters.postgresql.collating import order_of_values
from adapters.postgresql.connections import Connection
from adapters.postgresql.documents import Change, Stored, shape_of, values_of
from adapters.postgresql.failures import ABSENT, state_of
from adapters.postgresql.indexes import Index
from adapters.postgresql.statements import WriteShape
from adapters.postgresql.storage import AnyStorage, Fetched, Grouping, Read
from adapters.postgresql.tables import CollectionTables
from adapters.postgresql.validation import Validation
from adapters.sql.dialect import Statement
from comparators.operation import Operation
from comparators.order import ValueOrder
from comparators.outcome import Answered, Outcome

T = TypeVar("T")

WORST: Final = list(Answered)
"""The ways to find documents, the worst last."""

MakeStatement = Callable[[CollectionTables, WriteShape], Statement]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One operation on one connection, inside a transaction of PostgreSQL or not."""

    connection: Connection
    catalog: Catalog
    operation: Operation
    generated: Generated
    alternatives: list[Any] = field(default_factory=list)
    """The `_id`s of documents that a write of one document might have chosen instead."""
    statements: list[str] = field(default_factory=list)
    """The SQL that was run to find and to write documents."""
    ways: list[Answered] = field(default_factory=list)
    """How documents were found, statement by statement."""

    @property
    def answered(self) -> Answered | None:
        """How the documents were found at the worst, None where there were none to find."""
        return max(self.ways, key=WORST.index, default=None)

    @property
    def storage(self) -> AnyStorage:
        """Where the documents of the operation's collection live."""
        return self.catalog.storage(self.operation.database, self.operation.collection)

    @property
    def tables(self) -> CollectionTables:
        """The tables of the operation's collection."""
        return self.storage.tables

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

    async def grouped(self, grouping: Grouping[T]) -> list[T] | None:
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
        statement = make(tables, shape_of(changes, marked=mark is not None))
        kept = None if outcome is None else self.told(outcome)
        values = values_of(tables, changes, mark=mark, outcome=kept, together=together)
        self.statements.append(statement.text)
        return await self.connection.fetch(statement.text, *statement.arguments(values))

    def told(self, outcome: Outcome) -> Outcome:
        """Return the outcome of a write with the documents that it might have chosen instead."""
        return replace(outcome, alternatives=tuple(self.alternatives))

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
