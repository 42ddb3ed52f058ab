"""`delete`: one document by `_id` in one round trip, else what the filters find, locked.

Source: MongoDB manual, "delete".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.gateway import Mark
from adapters.postgresql import marks, options, statements
from adapters.postgresql.bulk_updates import NAMING
from adapters.postgresql.hints import check_hint
from adapters.postgresql.narrowing import identities_of
from adapters.postgresql.picking import picked
from adapters.postgresql.residual import Query, query_of
from adapters.postgresql.session import Session
from adapters.query.command_fields import is_single
from adapters.query.failures import CommandFailure
from comparators.outcome import Acknowledgement, Outcome, WriteError


async def delete_at_once(session: Session, mark: Mark | None) -> Outcome | None:
    """Delete one document by `_id` and mark it in one statement; None when more is asked."""
    arguments = session.operation.arguments
    options.check("delete", arguments)
    deletes = options.statements(arguments, "delete", "deletes")
    if len(deletes) != 1 or not session.exists:
        return None
    [statement] = deletes
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
    deleted = _outcome(tuple(identities), ())
    nothing = _outcome((), ())
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


def _is_by_identity(statement: Mapping[str, Any]) -> bool:
    """Return whether a statement names the one document it is for, and asks for no more."""
    query = statement["q"]
    return (
        statement.keys() == {"q", "limit"}
        and statement["limit"] in {0, 1}
        and query.keys() == {"_id"}
        and type(query["_id"]) in NAMING
    )


async def delete(session: Session) -> Outcome:
    """Run the statements inside a transaction, together where that is the same as one after the other."""
    arguments = session.operation.arguments
    options.check("delete", arguments)
    deletes = options.statements(arguments, "delete", "deletes")
    if len(deletes) > 1 and not session.collation and all(map(_is_by_identity, deletes)):
        identities = list(dict.fromkeys(each["q"]["_id"] for each in deletes))
        query = query_of(session, {"_id": {"$in": identities}})
        return _outcome(await _delete_all(session, query, first=False), ())
    touched: list[Any] = []
    errors: list[WriteError] = []
    for at, statement in enumerate(deletes):
        try:
            touched += await _delete(session, statement)
        except CommandFailure as failure:
            errors.append(WriteError(index=at, code=failure.code, message=failure.message))
            if arguments.get("ordered") is not False:
                break
    return _outcome(touched, errors)


async def _delete(session: Session, statement: Mapping[str, Any]) -> list[Any]:
    options.check("delete statement", statement)
    check_hint(session, statement.get("hint"))
    query = query_of(
        session,
        statement["q"],
        variables=session.variables,
        order=session.order_under(statement),
    )
    if not session.exists:
        return []
    return await _delete_all(session, query, first=is_single(statement["limit"]))


async def _delete_all(session: Session, query: Query, *, first: bool) -> list[Any]:
    found = await picked(session, query, first=first, locked=True)
    await remove(session, [each.key for each in found])
    return [each.document["_id"] for each in found]


async def remove(session: Session, keys: Sequence[Any]) -> None:
    """Delete documents that the transaction has locked."""
    if keys:
        text = statements.delete_documents(session.tables, bool(session.unique), marked=False)
        await session.connection.execute(text.text, *text.arguments({"ids": list(keys)}))


def _outcome(touched: Sequence[Any], errors: Sequence[WriteError]) -> Outcome:
    return Outcome(
        result=Acknowledgement(n=len(touched), errors=tuple(errors)),
        duration_s=0.0,
        touched=tuple(touched),
    )
