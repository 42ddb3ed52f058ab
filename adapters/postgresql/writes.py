"""Writes: at once where one statement can do it, else in a transaction; marked either way.

Both ways apply a write and its mark together or not at all. A mark that exists already undoes the second
try, and its outcome is that of the first.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg

from adapters.gateway import Mark
from adapters.operations import running
from adapters.operations.refusals import RacedError, TakenError, failure_of
from adapters.operations.running import WriteInside
from adapters.postgresql import at_once, marks
from adapters.postgresql.failures import (
    ABSENT,
    MOVED,
    REPEAT,
    TOO_LONG,
    UNIQUE,
    state_of,
    unreachable,
)
from adapters.postgresql.session import PostgresSession
from adapters.query.failures import CommandFailure
from comparators.operation import Kind, Operation
from comparators.outcome import Outcome

TRIES: Final = 8

WriteAtOnce = Callable[[PostgresSession, Mark | None], Awaitable[Outcome | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """The two ways of one kind of write. `at_once` answers None when it takes a transaction."""

    inside: WriteInside
    at_once: WriteAtOnce | None = None


AT_ONCE: Final[Mapping[Kind, WriteAtOnce]] = {
    Kind.INSERT: at_once.insert,
    Kind.DELETE: at_once.delete,
    Kind.UPDATE: at_once.update,
    Kind.FIND_AND_MODIFY: at_once.modify,
}


def write_of(operation: Operation) -> Write | None:
    """Return how an operation writes, None for one that reads."""
    inside = running.write_of(operation)
    return None if inside is None else Write(inside=inside, at_once=AT_ONCE.get(operation.kind))


async def apply(session: PostgresSession, write: Write, mark: Mark | None) -> Outcome:
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
        except (asyncpg.PostgresError, RacedError, TakenError) as error:
            if not await _may_go_on(session, error, mark):
                raise
            applied = None if mark is None else await marks.outcome_of(session.connection, mark)
            if applied is None:
                continue
            outcome = applied
        return outcome
    raise unreachable("others keep writing the same documents", session.operation.namespace)


async def _in_transaction(session: PostgresSession, write: Write, mark: Mark | None) -> Outcome:
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


async def _refused(session: PostgresSession, failure: CommandFailure, mark: Mark | None) -> Outcome:
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


async def _may_go_on(session: PostgresSession, error: Exception, mark: Mark | None) -> bool:
    """Return whether a second look or try is due; make the collection where it was missing."""
    if isinstance(error, RacedError):
        return True
    if isinstance(error, TakenError):
        return mark is not None
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
