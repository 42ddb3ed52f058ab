"""`find`, `count` and `distinct`: raw BSON where SQL alone is exact, else finished in memory."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from adapters.evaluate.order import sorted_documents
from adapters.evaluate.paths import reached
from adapters.evaluate.project import projector
from adapters.postgresql import options
from adapters.postgresql.residual import Query, query_of
from adapters.postgresql.session import Session
from adapters.postgresql.storage import Found
from adapters.query.failures import CommandFailure
from adapters.query.paths import split_path
from adapters.query.projection import parse_projection
from adapters.query.sort import Sort, parse_sort
from adapters.sql.keys import key_of
from adapters.sql.plan import Order, Plan, Residual
from comparators.canonical import MISSING, encode
from comparators.outcome import Count, Documents, Values

TYPE_MISMATCH: Final = 14
PORTION: Final = 4
"""How many documents are read at first for each that a limit asks for, where a filter is left to do."""

LEAST_PORTION: Final = 64
NULL: Final = key_of(None)

Document = dict[str, Any]


async def find(session: Session) -> Documents:
    """Answer `find`."""
    arguments = session.operation.arguments
    options.check("find", arguments)
    options.check_hint(arguments.get("hint"), session.indexes)
    # In this order: of several mistakes MongoDB names the first.
    skip, limit = options.whole(arguments, "skip"), options.whole(arguments, "limit")
    variables = session.variables
    query = query_of(session.storage, arguments.get("filter") or {}, variables=variables)
    project = _projector(arguments.get("projection"), query, session, variables)
    sort = parse_sort(arguments.get("sort") or {})
    plan = session.storage.plan(
        query.selection,
        sort=sort,
        skip=skip,
        limit=limit or None,
        projection=project is not None,
    )
    if not plan.residual:
        found = await session.fetch(session.storage, plan)
        return Documents(documents=tuple(each.raw for each in found))
    found = await matching(session, query, plan, enough=skip + limit if limit else None)
    if Residual.SORT in plan.residual and (skip or not query.of_one):
        found = _sorted(found, sort)
    if Residual.SKIP in plan.residual:
        found = found[skip:]
    if Residual.LIMIT in plan.residual:
        found = found[:limit]
    if project is None:
        return Documents(documents=tuple(each.raw for each in found))
    return Documents(documents=tuple(encode(project(each.document)) for each in found))


async def count(session: Session) -> Count:
    """Answer `count`."""
    arguments = session.operation.arguments
    options.check("count", arguments)
    options.check_hint(arguments.get("hint"), session.indexes)
    limit = abs(int(arguments.get("limit") or 0))
    skip = options.whole(arguments, "skip")
    query = query_of(session.storage, arguments.get("query") or {}, variables=session.variables)
    return Count(n=await counted(session, query, skip=skip, limit=limit or None))


async def counted(session: Session, query: Query, *, skip: int, limit: int | None) -> int:
    """Return how many documents a query finds, after skip and limit."""
    storage = session.storage
    plan = storage.plan(query.selection, sort={}, skip=skip, limit=limit, projection=False)
    if Residual.FILTER in plan.residual:
        found = await matching(session, query, plan, enough=None if limit is None else skip + limit)
        beyond = max(len(found) - skip, 0)
        return beyond if limit is None else min(beyond, limit)
    statement = storage.count(replace(plan, order=Order.NONE))
    rows = await session.rows(statement.text, statement.arguments(storage.values_of(plan)))
    return int(rows[0][0]) if rows else 0


async def distinct(session: Session) -> Values:
    """Answer `distinct`: each value once, of arrays each element; numbers are equal across types."""
    arguments = session.operation.arguments
    options.check("distinct", arguments)
    key = arguments.get("key")
    if not isinstance(key, str):
        raise CommandFailure(TYPE_MISMATCH, "'distinct.key' must be a string")
    query = query_of(session.storage, arguments.get("query") or {}, variables=session.variables)
    plan = Plan(selection=query.selection, residual=(Residual.FILTER,))
    found = await matching(session, query, plan, enough=None)
    path = split_path(key)
    values: dict[bytes, Any] = {}
    lacking = False
    for each in found:
        for value, _position in reached(each.document, path, expand=False):
            for item in value if isinstance(value, list) else [value]:
                if item is MISSING:
                    lacking = True
                else:
                    values.setdefault(key_of(item), item)
    optional = lacking and NULL not in values and session.is_indexed(key)
    return Values(values=tuple(values.values()), optional=(None,) if optional else ())


async def matching(
    session: Session, query: Query, plan: Plan, *, enough: int | None
) -> list[Found]:
    """Return the documents that a query finds, in the order of the plan.

    `enough` is how many of them matter when nothing is left to sort: they are looked for at the
    beginning first.
    """
    matches = query.matches
    if enough is not None and matches is not None and Residual.SORT not in plan.residual:
        portion = max(enough * PORTION, LEAST_PORTION)
        first = await session.fetch(session.storage, replace(plan, limit=portion))
        found = _matching(first, matches)
        if len(first) < portion or len(found) >= enough:
            return found
    return _matching(await session.fetch(session.storage, plan), matches)


def _matching(found: list[Found], matches: Callable[[Document], bool] | None) -> list[Found]:
    return found if matches is None else [each for each in found if matches(each.document)]


def _sorted(found: list[Found], sort: Sort) -> list[Found]:
    by_document = {id(each.document): each for each in found}
    ordered = sorted_documents([each.document for each in found], sort)
    return [by_document[id(document)] for document in ordered]


def _projector(
    projection: Mapping[str, Any] | None,
    query: Query,
    session: Session,
    variables: Mapping[str, Any],
) -> Callable[[Document], Document] | None:
    if not projection:
        return None
    user = {name: value for name, value in variables.items() if name != "NOW"}
    return projector(
        parse_projection(projection, filter=query.tree, variables=frozenset(user)),
        filter=query.tree,
        now_ms=session.generated.now_ms,
        variables=user,
    )
