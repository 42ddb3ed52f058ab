"""`delete`: what the filters find, locked.

Source: MongoDB manual, "delete".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.operations import options
from adapters.operations.bulk_updates import NAMING
from adapters.operations.hints import check_hint
from adapters.operations.picking import picked
from adapters.operations.residual import Query, query_of
from adapters.operations.session import Session
from adapters.query.command_fields import is_single
from adapters.query.failures import CommandFailure
from comparators.outcome import Acknowledgement, Outcome, WriteError


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
        return deleted(await _delete_all(session, query, first=False), ())
    touched: list[Any] = []
    errors: list[WriteError] = []
    for at, statement in enumerate(deletes):
        try:
            touched += await _delete(session, statement)
        except CommandFailure as failure:
            errors.append(WriteError(index=at, code=failure.code, message=failure.message))
            if arguments.get("ordered") is not False:
                break
    return deleted(touched, errors)


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
    if found:
        await session.remove([each.key for each in found])
    return [each.document["_id"] for each in found]


def deleted(touched: Sequence[Any], errors: Sequence[WriteError]) -> Outcome:
    """Return the outcome of a delete; its duration is the caller's to fill in."""
    return Outcome(
        result=Acknowledgement(n=len(touched), errors=tuple(errors)),
        duration_s=0.0,
        touched=tuple(touched),
    )
