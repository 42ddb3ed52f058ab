"""What the operations run with: a connection, the catalog, and the values that the legacy server made up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from bson.datetime_ms import DatetimeMS

from adapters.gateway import Generated
from adapters.postgresql import statements
from adapters.postgresql.catalog import Catalog
from adapters.postgresql.connections import Connection
from adapters.postgresql.documents import Stored
from adapters.postgresql.failures import ABSENT, state_of
from adapters.postgresql.indexes import Index
from adapters.postgresql.residual import values_of_let
from adapters.postgresql.tables import CollectionTables, tables_of
from adapters.sql.build import shape_of, values_of
from adapters.sql.plan import Plan, Selection, natural_order
from comparators.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One operation on one connection, inside a transaction of PostgreSQL or not."""

    connection: Connection
    catalog: Catalog
    operation: Operation
    generated: Generated
    alternatives: list[Any] = field(default_factory=list)
    """The `_id`s of documents that a write of one document might have chosen instead."""

    @property
    def tables(self) -> CollectionTables:
        """The tables of the operation's collection."""
        return tables_of(self.operation.database, self.operation.collection)

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
    def indexes(self) -> dict[str, bool]:
        """The indexes beside `_id_` by name, and whether they hold every document."""
        found = self.catalog.collection(self.operation.database, self.operation.collection)
        indexes = () if found is None else found.indexes
        return {index.name: not index.sparse and index.admits is None for index in indexes}

    def is_indexed(self, path: str) -> bool:
        """Return whether an index holds the values at a path, and null for documents without one."""
        found = self.catalog.collection(self.operation.database, self.operation.collection)
        indexes = () if found is None else found.indexes
        return any(index.plain and path in index.paths and not index.sparse for index in indexes)

    @property
    def exists(self) -> bool:
        """Whether the operation's collection is known to exist."""
        found = self.catalog.collection(self.operation.database, self.operation.collection)
        return found is not None

    @property
    def variables(self) -> dict[str, Any]:
        """The variables that expressions may name: the server's clock, and those of `let`."""
        now = {"NOW": DatetimeMS(self.generated.now_ms)}
        return now | values_of_let(self.operation.arguments.get("let"), now)

    async def fetch(self, tables: CollectionTables, plan: Plan) -> list[bytes]:
        """Return the documents that SQL selects, none from a collection that does not exist."""
        statement = statements.find(tables, shape_of(plan))
        values = {**values_of(plan.selection), "skip": plan.skip, "limit": plan.limit}
        rows = await self.rows(statement.text, statement.arguments(values))
        return [row[0] for row in rows]

    async def stored(
        self, selection: Selection, *, limit: int | None, locked: bool
    ) -> list[Stored]:
        """Return the documents of a selection in MongoDB's order, to write them."""
        plan = Plan(selection=selection, order=natural_order(selection), limit=limit)
        statement = statements.find_rows(self.tables, shape_of(plan), locked)
        values = {**values_of(selection), "limit": limit}
        rows = await self.rows(statement.text, statement.arguments(values))
        return [Stored(key=row[0], bson=row[1], version=row[2]) for row in rows]

    async def rows(self, text: str, arguments: Sequence[Any]) -> Sequence[Any]:
        """Return the rows of a reading statement, none from a collection that does not exist."""
        if self.connection.is_in_transaction() and not self.exists:
            # The error would end the transaction.
            return []
        try:
            return await self.connection.fetch(text, *arguments)
        except asyncpg.PostgresError as error:
            if state_of(error) in ABSENT:
                return []
            raise

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
