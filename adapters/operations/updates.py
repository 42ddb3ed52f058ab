"""`update`: documents locked, changed in memory, and written.

Source: MongoDB manual, "update".
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.operations import modifying, options
from adapters.operations.bulk_updates import MOST, Numbered, update_together
from adapters.operations.documents import Change
from adapters.operations.modifying import (
    Modification,
    change_of,
    modification_of_statement,
    upsertion,
)
from adapters.operations.picking import picked
from adapters.operations.session import Session
from adapters.operations.tally import Tally
from adapters.query.failures import CommandFailure
from adapters.query.pipeline import named_stages
from comparators.outcome import Outcome

FAILED_TO_PARSE: Final = 9


def statements_of(arguments: Mapping[str, Any]) -> Sequence[Any]:
    """Return the statements; refuse what MongoDB refuses before it runs the first."""
    options.check("update", arguments)
    statements = options.statements(arguments, "update", "updates")
    for statement in statements:
        if isinstance(statement["u"], list):
            named_stages(statement["u"])
    return statements


async def update(session: Session) -> Outcome:
    """Run the statements inside a transaction, together where that is the same as one after the other."""
    arguments = session.operation.arguments
    numbered = list(enumerate(statements_of(arguments)))
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
