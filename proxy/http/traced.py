"""A database whose operations say which request they belong to, in the field that MongoDB has for it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Final

from adapters.database import Database
from adapters.gateway import Generated, Transaction
from comparators.operation import Kind, Operation
from comparators.outcome import Outcome

_WITHOUT: Final = frozenset({Kind.OTHER, Kind.STATE})


class TracedDatabase:
    """A database that puts the words of `commented` into the `comment` of every operation of the current task.

    Source: MongoDB manual, "Database Commands", field `comment`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._comment: ContextVar[str | None] = ContextVar("comment", default=None)

    @contextmanager
    def commented(self, comment: str | None) -> Iterator[None]:
        """Let operations say this, until the block ends; None says nothing."""
        token = self._comment.set(comment)
        try:
            yield
        finally:
            self._comment.reset(token)

    def told(self, operation: Operation) -> Operation:
        """Return an operation with the comment of now."""
        comment = self._comment.get()
        if comment is None or operation.kind in _WITHOUT or "comment" in operation.arguments:
            return operation
        return replace(operation, arguments={**operation.arguments, "comment": comment})

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation."""
        return await self._database.run(self.told(operation), generated=generated)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction."""
        async with self._database.transaction() as transaction:
            yield _TracedTransaction(self, transaction)

    async def reachable(self) -> None:
        """Return when the database answers."""
        await self._database.reachable()


class _TracedTransaction:
    def __init__(self, traced: TracedDatabase, transaction: Transaction) -> None:
        self._traced = traced
        self._transaction = transaction

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation inside the transaction."""
        return await self._transaction.run(self._traced.told(operation), generated=generated)
