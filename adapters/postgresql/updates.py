"""`update`: a statement that changes one document in two round trips, others locked in a transaction.

Source: MongoDB manual, "update".
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.gateway import Mark
from adapters.postgresql import marks, modifying, options
from adapters.postgresql.altering import alter
from adapters.postgresql.bulk_updates import MOST, Numbered, update_together
from adapters.postgresql.documents import Change, Stored
from adapters.postgresql.modifying import (
    Modification,
    change_of,
    modification_of_statement,
    upsertion,
)
from adapters.postgresql.picking import picked
from adapters.postgresql.session import Session
from adapters.postgresql.tally import Tally
from adapters.query.failures import CommandFailure
from adapters.query.pipeline import named_stages
from comparators.outcome import Outcome

FAILED_TO_PARSE: Final = 9


def _statements_of(arguments: Mapping[str, Any]) -> Sequence[Any]:
    """Return the statements; refuse what MongoDB refuses before it runs the first."""
    options.check("update", arguments)
    statements = options.statements(arguments, "update", "updates")
    for statement in statements:
        if isinstance(statement["u"], list):
            named_stages(statement["u"])
    return statements


async def update_at_once(session: Session, mark: Mark | None) -> Outcome | None:
    """Run one statement that changes one document at most; None when it takes a transaction."""
    statements = _statements_of(session.operation.arguments)
    if len(statements) != 1:
        return None
    [statement] = statements
    try:
        modification = modification_of_statement(session, statement, 0)
        outcome = await alter(session, modification, statement["q"], mark)
        if outcome is not None:
            return outcome
        multi = bool(statement.get("multi"))
        found = await picked(session, modification.query, first=not multi, locked=False)
        if len(found) > 1:
            return None
        return await _one_at_once(session, modification, found[0] if found else None, mark)
    except CommandFailure:
        # It belongs to the statement, not to the command.
        return None


async def _one_at_once(
    session: Session, modification: Modification, found: Stored | None, mark: Mark | None
) -> Outcome | None:
    tally = Tally()
    change: Change | None = None
    if found is not None:
        change = change_of(session, modification, found)[1]
        tally.count(1, [change])
        write = modifying.replace_at_once
    elif modification.insert is not None:
        change = upsertion(session, modification)
        tally.count_upserted(0, change)
        write = modifying.insert_at_once
    else:
        write = modifying.replace_at_once
    outcome = tally.outcome()
    if change is None:
        if mark is not None:
            await marks.write(session.connection, mark, session.told(outcome))
        return outcome
    return outcome if await write(session, change, mark=mark, outcome=outcome) else None


async def update(session: Session) -> Outcome:
    """Run the statements inside a transaction, together where that is the same as one after the other."""
    arguments = session.operation.arguments
    numbered = list(enumerate(_statements_of(arguments)))
    tally = Tally()
    for start in range(0, len(numbered), MOST):
        portion = numbered[start : start + MOST]
        together = await update_together(session, portion)
        if together is None:
            await _update_each(session, portion, tally)
        else:
            tally.add(together)
        if tally.errors and arguments.get("ordered") is not False:
            break
    return tally.outcome()


async def _update_each(session: Session, numbered: Sequence[Numbered], tally: Tally) -> None:
    """Run statements one after the other, up to the first that is refused if their order counts."""
    for at, statement in numbered:
        try:
            failure = await _update(session, statement, at, tally)
        except CommandFailure as refused:
            failure = refused
        if failure is not None:
            tally.count_refused(at, failure)
            if session.operation.arguments.get("ordered") is not False:
                return


async def _update(
    session: Session, statement: Mapping[str, Any], at: int, tally: Tally
) -> CommandFailure | None:
    modification = modification_of_statement(session, statement, at)
    first = not statement.get("multi")
    found = await picked(session, modification.query, first=first, locked=True)
    if found:
        return await _change_all(session, modification, found, tally)
    if modification.insert is None:
        return None
    change = upsertion(session, modification)
    failure = await modifying.insert_locked(session, change)
    if failure is None:
        tally.count_upserted(at, change)
    return failure


async def _change_all(
    session: Session, modification: Modification, found: Any, tally: Tally
) -> CommandFailure | None:
    """Change documents until one is refused; those before it stay changed, as in MongoDB."""
    changes: list[Change] = []
    failure: CommandFailure | None = None
    for each in found:
        try:
            change = change_of(session, modification, each)[1]
        except CommandFailure as refused:
            failure = refused
            break
        if change is not None:
            changes.append(change)
    refused_by_index = await modifying.replace_locked(session, changes)
    failure = refused_by_index or failure
    if failure is None:
        tally.count(len(found), changes)
    else:
        tally.touched += [change.identifier for change in changes]
    return failure
