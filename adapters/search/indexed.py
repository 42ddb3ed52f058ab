"""A database whose documents are indexed for search as they change.

Every write through it leaves a mark in the documents that it touches, in the same write: a document is indexed once its mark says so. A delete
leaves a note first. So whatever dies in between, a sync finds what is left to do.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from adapters.database import Database
from adapters.gateway import Generated, Transaction
from adapters.search.index import INDEXES, MARK
from comparators.canonical import decode
from comparators.operation import Kind, Operation
from comparators.outcome import Documents, Outcome

NOTES: Final = "search_deletions"
"""The collection of notes: which documents may be gone."""
_INDEXED: Final = frozenset(each.collection for each in INDEXES.values())
_WRITES: Final = frozenset({Kind.INSERT, Kind.UPDATE, Kind.FIND_AND_MODIFY, Kind.DELETE})


class IndexedDatabase:
    """Mark what is written in the collections that are searched; `changed` is called after each such write.

    `seen` is the same database as it is, where `database` is one with a cache: it is asked what a delete may remove.
    """

    def __init__(
        self, database: Database, *, changed: Callable[[], None], seen: Database | None = None
    ) -> None:
        self._database = database
        self._changed = changed
        self._seen = seen or database

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation."""
        if not _is_indexed(operation):
            return await self._database.run(operation, generated=generated)
        outcome = await _run(self._database, operation, generated, seen=self._seen)
        self._changed()
        return outcome

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction, whose writes are marked as well."""
        async with self._database.transaction() as transaction:
            yield _Marking(transaction)
        self._changed()

    async def reachable(self) -> None:
        """Return when the database answers; UnreachableError when it does not."""
        await self._database.reachable()


class _Marking:
    """A transaction that marks what it writes."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation inside the transaction."""
        if not _is_indexed(operation):
            return await self._transaction.run(operation, generated=generated)
        return await _run(self._transaction, operation, generated, seen=self._transaction)


async def _run(
    database: Transaction | Database,
    operation: Operation,
    generated: Generated,
    *,
    seen: Transaction | Database,
) -> Outcome:
    if operation.kind is Kind.DELETE or operation.arguments.get("remove"):
        await _note(database, operation, generated, seen=seen)
        return await database.run(operation, generated=generated)
    return await database.run(marked(operation), generated=generated)


async def _note(
    database: Transaction | Database,
    operation: Operation,
    generated: Generated,
    *,
    seen: Transaction | Database,
) -> None:
    """Note which documents a delete may remove; that some of them stay does no harm."""
    arguments = operation.arguments
    filters = [each["q"] for each in arguments.get("deletes", ())] or [arguments.get("query") or {}]
    found = Operation(
        database=operation.database,
        collection=operation.collection,
        kind=Kind.FIND,
        arguments={"filter": {"$or": filters}, "projection": {"_id": 1}},
    )
    result = (await seen.run(found, generated=generated)).result
    if not isinstance(result, Documents) or not result.documents:
        return
    updates = [
        {"q": {"_id": note}, "u": {"$set": {**note, "at_ms": generated.now_ms}}, "upsert": True}
        for note in (
            {"collection": operation.collection, "id": decode(each)["_id"]}
            for each in result.documents
        )
    ]
    notes = Operation(
        database=operation.database,
        collection=NOTES,
        kind=Kind.UPDATE,
        arguments={"updates": updates},
    )
    await database.run(notes, generated=generated)


def marked(operation: Operation) -> Operation:
    """Return the write with the mark of a document that the index does not hold as it is."""
    arguments = dict(operation.arguments)
    match operation.kind:
        case Kind.INSERT:
            arguments["documents"] = [{**each, MARK: False} for each in arguments["documents"]]
        case Kind.UPDATE:
            arguments["updates"] = [
                {**each, "u": _marked_update(each["u"])} for each in arguments["updates"]
            ]
        case _:
            arguments["update"] = _marked_update(arguments["update"])
    return Operation(
        database=operation.database,
        collection=operation.collection,
        kind=operation.kind,
        arguments=arguments,
    )


def _marked_update(update: Any) -> Any:
    if isinstance(update, list):
        return [*update, {"$set": {MARK: False}}]
    if not any(name.startswith("$") for name in update):
        return {**update, MARK: False}
    rest: dict[str, Any] = {name: _without_mark(fields) for name, fields in update.items()}
    rest["$set"] = {**rest.get("$set", {}), MARK: False}
    return {name: fields for name, fields in rest.items() if fields != {}}


def _without_mark(fields: Any) -> Any:
    if isinstance(fields, Mapping):
        return {name: value for name, value in fields.items() if name != MARK}
    return fields


def _is_indexed(operation: Operation) -> bool:
    return operation.collection in _INDEXED and operation.kind in _WRITES
