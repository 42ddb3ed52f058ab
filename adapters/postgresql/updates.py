"""`update`: a statement that changes one document in two round trips, others locked in a transaction.

Source: MongoDB manual, "update".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.gateway import Mark
from adapters.postgresql import marks, modifying, options
from adapters.postgresql.altering import alter
from adapters.postgresql.documents import Change, Stored
from adapters.postgresql.hints import check_hint
from adapters.postgresql.modifying import Modification, change_of, modification_of, upsertion
from adapters.postgresql.picking import picked
from adapters.postgresql.session import Session
from adapters.query.failures import CommandFailure
from adapters.query.pipeline import named_stages
from comparators.outcome import Acknowledgement, Outcome, WriteError

FAILED_TO_PARSE: Final = 9


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the statements of a command have done so far."""

    n: int = 0
    modified: int = 0
    upserted: list[tuple[int, Any]] = field(default_factory=list)
    errors: list[WriteError] = field(default_factory=list)
    touched: list[Any] = field(default_factory=list)

    def outcome(self) -> Outcome:
        """Return the outcome; its duration is the caller's to fill in."""
        return Outcome(
            result=Acknowledgement(
                n=self.n,
                modified=self.modified,
                upserted=tuple(self.upserted),
                errors=tuple(self.errors),
            ),
            duration_s=0.0,
            touched=tuple(self.touched),
        )


def _statements_of(arguments: Mapping[str, Any]) -> Sequence[Any]:
    """Return the statements; refuse what MongoDB refuses before it runs the first."""
    options.check("update", arguments)
    statements = options.statements(arguments, "update", "updates")
    for statement in statements:
        if isinstance(statement["u"], list):
            named_stages(statement["u"])
        elif not isinstance(statement["u"], Mapping):
            raise CommandFailure(
                FAILED_TO_PARSE, "Update argument must be either an object or an array"
            )
    return statements


async def update_at_once(session: Session, mark: Mark | None) -> Outcome | None:
    """Run one statement that changes one document at most; None when it takes a transaction."""
    statements = _statements_of(session.operation.arguments)
    if len(statements) != 1:
        return None
    [statement] = statements
    try:
        modification = _parsed(session, statement, 0)
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
        _count(tally, 1, [change])
        write = modifying.replace_at_once
    elif modification.insert is not None:
        change = upsertion(session, modification)
        _count_upserted(tally, 0, change)
        write = modifying.insert_at_once
    else:
        write = modifying.replace_at_once
    outcome = tally.outcome()
    if change is None:
        if mark is not None:
            await marks.write(session.connection, mark, outcome)
        return outcome
    return outcome if await write(session, change, mark=mark, outcome=outcome) else None


async def update(session: Session) -> Outcome:
    """Run the statements one after the other, inside a transaction."""
    arguments = session.operation.arguments
    tally = Tally()
    for at, statement in enumerate(_statements_of(arguments)):
        try:
            failure = await _update(session, statement, at, tally)
        except CommandFailure as refused:
            failure = refused
        if failure is not None:
            tally.errors.append(_write_error(at, failure))
            if arguments.get("ordered", True):
                break
    return tally.outcome()


async def _update(
    session: Session, statement: Mapping[str, Any], at: int, tally: Tally
) -> CommandFailure | None:
    modification = _parsed(session, statement, at)
    first = not statement.get("multi")
    found = await picked(session, modification.query, first=first, locked=True)
    if found:
        return await _change_all(session, modification, found, tally)
    if modification.insert is None:
        return None
    change = upsertion(session, modification)
    failure = await modifying.insert_locked(session, change)
    if failure is None:
        _count_upserted(tally, at, change)
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
        _count(tally, len(found), changes)
    else:
        tally.touched += [change.identifier for change in changes]
    return failure


def _parsed(session: Session, statement: Mapping[str, Any], at: int) -> Modification:
    options.check("update statement", statement)
    check_hint(session, statement.get("hint"))
    change = statement["u"]
    replaces = isinstance(change, Mapping) and not next(iter(change), "").startswith("$")
    if replaces and statement.get("multi"):
        raise CommandFailure(FAILED_TO_PARSE, "multi update is not for replacements")
    return modification_of(
        session,
        query=statement["q"],
        update=change,
        array_filters=statement.get("arrayFilters"),
        order=session.order_under(statement),
        upsert=bool(statement.get("upsert")),
        at=at,
    )


def _count(tally: Tally, n: int, changes: Any) -> None:
    written = [change for change in changes if change is not None]
    tally.n += n
    tally.modified += len(written)
    tally.touched += [change.identifier for change in written]


def _count_upserted(tally: Tally, at: int, change: Change) -> None:
    tally.n += 1
    tally.upserted.append((at, change.identifier))
    tally.touched.append(change.identifier)


def _write_error(at: int, failure: CommandFailure) -> WriteError:
    return WriteError(
        index=at,
        code=failure.code,
        key_pattern=failure.key_pattern,
        key_value=failure.key_value,
        message=failure.message,
    )
