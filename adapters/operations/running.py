"""The operations by kind: which function answers a read, and which one writes inside a transaction."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from adapters.operations import (
    collections,
    definitions,
    deletes,
    distinct,
    find_and_modify,
    inserts,
    reads,
    storing,
    updates,
)
from adapters.operations.aggregates import aggregate, stores
from adapters.operations.session import Session
from adapters.query.unsupported import unknowable, unsupported
from comparators.operation import Kind, Operation
from comparators.outcome import Outcome, Result

WriteInside = Callable[[Session], Awaitable[Outcome]]

READS: Final[Mapping[Kind, Callable[[Session], Awaitable[Result]]]] = {
    Kind.FIND: reads.find,
    Kind.COUNT: reads.count,
    Kind.DISTINCT: distinct.distinct,
    Kind.AGGREGATE: aggregate,
    Kind.LIST_INDEXES: definitions.list_indexes,
    Kind.LIST_COLLECTIONS: definitions.list_collections,
}
WRITES: Final[Mapping[Kind, WriteInside]] = {
    Kind.INSERT: inserts.insert,
    Kind.DELETE: deletes.delete,
    Kind.UPDATE: updates.update,
    Kind.FIND_AND_MODIFY: find_and_modify.modify,
    Kind.CREATE: collections.create,
    Kind.COLL_MOD: collections.change,
    Kind.RENAME_COLLECTION: collections.rename,
    Kind.DROP: definitions.drop,
    Kind.DROP_DATABASE: definitions.drop_database,
    Kind.CREATE_INDEXES: definitions.create_indexes,
    Kind.DROP_INDEXES: definitions.drop_indexes,
}
STORE: Final[WriteInside] = storing.store


def write_of(operation: Operation) -> WriteInside | None:
    """Return what writes an operation inside a transaction, None for one that reads."""
    if operation.kind is Kind.AGGREGATE:
        return STORE if stores(operation) else None
    return WRITES.get(operation.kind)


async def run_read(session: Session) -> Outcome:
    """Answer a read."""
    operation = session.operation
    read = READS.get(operation.kind)
    if read is None:
        name = next(iter(operation.arguments), str(operation.kind))
        command = name if operation.kind is Kind.OTHER else str(operation.kind)
        if command == "explain":
            raise unknowable("command explain", where=operation.namespace)
        raise unsupported(f"command {command}", where=operation.namespace)
    return Outcome(result=await read(session), duration_s=0.0, answered=session.answered)


def with_collation(outcome: Outcome, session: Session) -> Outcome:
    """Return an outcome with the collation of the collection."""
    return outcome if session.collation is None else replace(outcome, collation=session.collation)


def timed(outcome: Outcome, started: float) -> Outcome:
    """Return an outcome with the time since it was `started`."""
    return replace(outcome, duration_s=time.perf_counter() - started)
