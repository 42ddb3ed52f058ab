"""`find` and `count`: raw BSON where SQL alone is exact, else decoded, finished in memory."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.postgresql import options, statements
from adapters.postgresql.residual import Query, query_of
from adapters.postgresql.session import Session
from adapters.sql.build import shape_of, values_of
from adapters.sql.plan import Order, Plan, Residual, plan_read
from comparators.canonical import decode, encode
from comparators.operation import Operation
from comparators.outcome import Count, Documents

ID_ORDERS: Final[Mapping[int, Order]] = {1: Order.ID, -1: Order.ID_DESCENDING}
FIRST_PORTION: Final = 4
"""With a limit and a residual, this many times the limit is read at first."""


async def find(session: Session) -> Documents:
    """Answer `find`."""
    arguments = session.operation.arguments
    options.check("find", arguments)
    query = query_of(
        arguments.get("filter") or {}, variables=session.variables(arguments.get("let"))
    )
    plan = plan_of_find(session.operation, query)
    raw = await session.fetch(session.tables, plan)
    if not plan.residual:
        return Documents(documents=tuple(raw))
    return Documents(documents=tuple(finished(arguments, query, plan, raw)))


def plan_of_find(operation: Operation, query: Query) -> Plan:
    """Return how a `find` is run."""
    arguments = operation.arguments
    limit = abs(options.whole(arguments, "limit")) or None
    return plan_read(
        query.selection,
        order=order_of(arguments.get("sort")),
        skip=options.whole(arguments, "skip"),
        limit=limit,
        projection=bool(arguments.get("projection")),
    )


def order_of(sort: Mapping[str, Any] | None) -> Order | None:
    """Return the order that SQL can give for a sort, None when it cannot."""
    if not sort:
        return Order.NATURAL
    if list(sort) == ["_id"] and sort["_id"] in ID_ORDERS:
        return ID_ORDERS[int(sort["_id"])]
    return None


def finished(
    arguments: Mapping[str, Any], query: Query, plan: Plan, raw: Sequence[bytes]
) -> list[bytes]:
    """Return the documents after what SQL left to do."""
    documents = [decode(document) for document in raw]
    if query.matches is not None:
        documents = [document for document in documents if query.matches(document)]
    if Residual.SKIP in plan.residual:
        documents = documents[options.whole(arguments, "skip") :]
    if Residual.LIMIT in plan.residual:
        documents = documents[: abs(options.whole(arguments, "limit"))]
    return [encode(document) for document in documents]


async def count(session: Session) -> Count:
    """Answer `count`."""
    arguments = session.operation.arguments
    options.check("count", arguments)
    query = query_of(arguments.get("query") or {})
    limit = abs(options.whole(arguments, "limit")) or None
    plan = plan_read(
        query.selection,
        order=Order.NONE,
        skip=options.whole(arguments, "skip"),
        limit=limit,
        projection=False,
    )
    return Count(n=await counted(session, query, plan, arguments))


async def counted(session: Session, query: Query, plan: Plan, arguments: Mapping[str, Any]) -> int:
    """Return how many documents a query finds, after skip and limit."""
    if query.matches is not None:
        raw = await session.fetch(session.tables, plan)
        return len(finished(arguments, query, plan, raw))
    statement = statements.count(session.tables, shape_of(plan))
    values = {**values_of(plan.selection), "skip": plan.skip, "limit": plan.limit}
    rows = await session.rows(statement.text, statement.arguments(values))
    return int(rows[0][0]) if rows else 0
