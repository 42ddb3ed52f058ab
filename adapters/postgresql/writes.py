"""Writes: at once where one statement can do it, else in a transaction; marked either way.

Both ways apply a write and its mark together or not at all. A mark that exists already undoes the second
try, and its outcome is that of the first.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg

from adapters.gateway import Mark
from adapters.postgresql import (
    collections,
    definitions,
    deletes,
    find_and_modify,
    inserts,
    marks,
    storing,
    updates,
)
from adapters.postgresql.aggregates import stores
from adapters.postgresql.failures import (
    ABSENT,
    MOVED,
    REPEAT,
    TOO_LONG,
    UNIQUE,
    failure_of,
    state_of,
    unreachable,
)
from adapters.postgresql.session import Session
from adapters.query.failures import CommandFailure
from comparators.operation import Kind, Operation
from comparators.outcome import Outcome

TRIES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """The two ways of one kind of write. `at_once` answers None when it takes a transaction."""

    inside: Callable[[Session], Awaitable[Outcome]]
    at_once: Callable[[Session, Mark | None], Awaitable[Outcome | None]] | None = None


async def _insert_at_once(session: Session, mark: Mark | None) -> Outcome | None:
    return await inserts.insert_at_once(session, inserts.prepare(session), mark)


WRITES: Final[Mapping[Kind, Write]] = {
    Kind.INSERT: Write(inside=inserts.insert, at_once=_insert_at_once),
    Kind.DELETE: Write(inside=deletes.delete, at_once=deletes.delete_at_once),
    Kind.UPDATE: Write(inside=updates.update, at_once=updates.update_at_once),
    Kind.FIND_AND_MODIFY: Write(
        inside=find_and_modify.modify, at_once=find_and_modify.modify_at_once
    ),
    Kind.CREATE: Write(inside=collections.create),
    Kind.COLL_MOD: Write(inside=collections.change),
    Kind.RENAME_COLLECTION: Write(inside=collections.rename),
    Kind.DROP: Write(inside=definitions.drop),
    Kind.DROP_DATABASE: Write(inside=definitions.drop_database),
    Kind.CREATE_INDEXES: Write(inside=definitions.create_indexes),
    Kind.DROP_INDEXES: Write(inside=definitions.drop_indexes),
}
STORE: Final = Write(inside=storing.store)


def write_of(operation: Operation) -> Write | None:
    """Return how an operation writes, None for one that reads."""
    if operation.kind is Kind.AGGREGATE:
        return STORE if stores(operation) else None
    return WRITES.get(operation.kind)


async def apply(session: Session, write: Write, mark: Mark | None) -> Outcome:
    """Apply a write once."""
    for _ in range(TRIES):
        try:
            outcome = None
            if write.at_once is not None:
                outcome = await write.at_once(session, mark)
            if outcome is None:
                outcome = await _in_transaction(session, write, mark)
        except CommandFailure as failure:
            outcome = await _refused(session, failure, mark)
        except asyncpg.PostgresError as error:
            if not await _may_go_on(session, error, mark):
                raise
            applied = None if mark is None else await marks.outcome_of(session.connection, mark)
            if applied is None:
                continue
            outcome = applied
        return outcome
    raise unreachable("others keep writing the same documents", session.operation.namespace)


async def _in_transaction(session: Session, write: Write, mark: Mark | None) -> Outcome:
    before = session.catalog.version
    try:
        async with session.connection.transaction():
            outcome = await write.inside(session)
            if mark is not None:
                await marks.write(session.connection, mark, session.told(outcome))
    except BaseException:
        # What was defined inside is undone; memory may say otherwise.
        session.catalog.undone(since=before)
        raise
    return outcome


async def _refused(session: Session, failure: CommandFailure, mark: Mark | None) -> Outcome:
    outcome = Outcome(result=failure_of(failure), duration_s=0.0)
    if mark is None:
        return outcome
    try:
        await marks.write(session.connection, mark, outcome)
    except asyncpg.PostgresError as error:
        applied = await marks.outcome_of(session.connection, mark)
        if state_of(error) != UNIQUE or applied is None:
            raise
        return applied
    return outcome


async def _may_go_on(session: Session, error: asyncpg.PostgresError, mark: Mark | None) -> bool:
    """Return whether a second look or try is due; make the collection where it was missing."""
    state = state_of(error)
    if state in ABSENT:
        session.catalog.forget(session.operation.database, session.operation.collection)
        await session.ensure()
        await session.catalog.load(session.connection)
        return True
    if state == TOO_LONG:
        await session.catalog.load(session.connection)
        return True
    if state in MOVED:
        before = session.storage
        await session.catalog.load(session.connection)
        return session.storage is not before
    return state in REPEAT or (state == UNIQUE and mark is not None)
