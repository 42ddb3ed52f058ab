"""Writes that take no transaction: one statement changes the documents, and marks the write with it.

Each function answers None when it takes a transaction after all; the operations then run as for every SQL database.
"""

from collections.abc import Sequence
from typing import Any

from adapters.gateway import Mark
from adapters.operations import deletes, find_and_modify, inserts, options, updates
from adapters.operations.documents import Change, Stored
from adapters.operations.hints import check_hint
from adapters.operations.modifying import (
    Modification,
    change_of,
    modification_of_statement,
    upsertion,
)
from adapters.operations.narrowing import identities_of
from adapters.operations.picking import picked
from adapters.operations.refusals import TakenError
from adapters.operations.residual import query_of
from adapters.operations.tally import Tally
from adapters.postgresql import marks, statements
from adapters.postgresql.altering import alter, altered
from adapters.postgresql.session import MakeStatement, PostgresSession
from adapters.query.command_fields import is_on
from adapters.query.failures import CommandFailure
from adapters.query.sort import check_number
from comparators.outcome import Outcome


async def insert(session: PostgresSession, mark: Mark | None) -> Outcome | None:
    """Insert all documents and mark it in one statement; None when one of them is refused."""
    prepared = inserts.prepare(session)
    changes = [change for _at, change in prepared if isinstance(change, Change)]
    if len(changes) < len(prepared) or not changes:
        return None
    await session.ensure()
    outcome = inserts.inserted(changes, ())
    together = len(changes) > 1
    make = statements.insert_documents if together else statements.insert_document
    try:
        await session.write(make, changes, mark=mark, outcome=outcome, together=together)
    except TakenError:
        return None
    return outcome


async def delete(session: PostgresSession, mark: Mark | None) -> Outcome | None:
    """Delete one document by `_id` and mark it in one statement; None when more is asked."""
    arguments = session.operation.arguments
    options.check("delete", arguments)
    given = options.statements(arguments, "delete", "deletes")
    if len(given) != 1 or not session.exists:
        return None
    [statement] = given
    options.check("delete statement", statement)
    identities = identities_of(statement["q"])
    if identities is None or len(identities) != 1 or len(statement["q"]) != 1:
        return None
    try:
        check_hint(session, statement.get("hint"))
        query = query_of(session, statement["q"], order=session.order_under(statement))
    except CommandFailure:
        # It belongs to the statement, not to the command.
        return None
    key = session.storage.only_key(query.selection)
    if key is None:
        return None
    deleted = deletes.deleted(tuple(identities), ())
    nothing = deletes.deleted((), ())
    values: dict[str, Any] = {"ids": [key]}
    if mark is not None:
        values |= {
            "log": mark.log,
            "position": mark.position,
            "outcome": marks.encoded(deleted, mark),
            "nothing": marks.encoded(nothing, mark),
        }
    text = statements.delete_documents(session.tables, bool(session.unique), mark is not None)
    rows = await session.connection.fetch(text.text, *text.arguments(values))
    return deleted if rows else nothing


async def update(session: PostgresSession, mark: Mark | None) -> Outcome | None:
    """Run one statement that changes one document at most; None when it takes a transaction."""
    given = updates.statements_of(session.operation.arguments)
    if len(given) != 1:
        return None
    [statement] = given
    try:
        modification = modification_of_statement(session, statement, 0)
        outcome = await alter(session, modification, statement["q"], mark)
        if outcome is not None:
            return outcome
        multi = bool(statement.get("multi"))
        found = await picked(session, modification.query, first=not multi, locked=False)
        if len(found) > 1:
            return None
        return await _update_one(session, modification, found[0] if found else None, mark)
    except CommandFailure:
        # It belongs to the statement, not to the command.
        return None


async def _update_one(
    session: PostgresSession, modification: Modification, found: Stored | None, mark: Mark | None
) -> Outcome | None:
    tally = Tally()
    change: Change | None = None
    if found is not None:
        change = change_of(session, modification, found)[1]
        tally.count(1, [change])
        write = _replace
    elif modification.insert is not None:
        change = upsertion(session, modification)
        tally.count_upserted(0, change)
        write = _insert
    else:
        write = _replace
    outcome = tally.outcome()
    if change is None:
        if mark is not None:
            await marks.write(session.connection, mark, session.told(outcome))
        return outcome
    return outcome if await write(session, change, mark, outcome) else None


async def modify(session: PostgresSession, mark: Mark | None) -> Outcome | None:
    """Change or insert a document in two round trips; None when it takes a transaction."""
    arguments = session.operation.arguments
    if is_on(arguments.get("remove")):
        return None
    modification, sort = find_and_modify.parsed(session)
    show = find_and_modify.shown(session, modification.query)
    check_number(sort)
    if mark is None and is_on(arguments.get("new")):
        # What a mark keeps of the outcome is the document that only the statement itself knows.
        document = await altered(session, modification)
        if document is not None:
            return find_and_modify.shown_after(document, show)
    found = await picked(session, modification.query, first=True, locked=False, sort=sort)
    if found:
        after, change = change_of(session, modification, found[0])
        outcome = find_and_modify.changed(
            session, found[0], after, show, changed=change is not None
        )
        if change is not None:
            done = await _replace(session, change, mark, outcome)
            return outcome if done else None
    elif modification.insert is not None:
        change = upsertion(session, modification)
        outcome = find_and_modify.inserted(session, change, show)
        done = await _insert(session, change, mark, outcome)
        return outcome if done else None
    else:
        outcome = find_and_modify.NOT_FOUND
    if mark is not None:
        await marks.write(session.connection, mark, session.told(outcome))
    return outcome


async def _replace(
    session: PostgresSession, change: Change, mark: Mark | None, outcome: Outcome
) -> bool:
    """Write a change and its mark in one statement; False when it must be tried with a lock."""
    return bool(await _written(session, statements.replace_document, change, mark, outcome))


async def _insert(
    session: PostgresSession, change: Change, mark: Mark | None, outcome: Outcome
) -> bool:
    """Insert a document and its mark in one statement; False when it must be tried with a lock."""
    return await _written(session, statements.insert_document, change, mark, outcome) is not None


async def _written(
    session: PostgresSession,
    make: MakeStatement,
    change: Change,
    mark: Mark | None,
    outcome: Outcome,
) -> Sequence[Any] | None:
    """Write a change, and return the rows that the statement gives; None where an index refuses it."""
    try:
        return await session.write(make, [change], mark=mark, outcome=outcome, together=False)
    except TakenError:
        return None
