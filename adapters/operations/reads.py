"""`find` and `count`: raw BSON where SQL alone is exact, else finished in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from adapters.evaluate.order import sorted_documents
from adapters.evaluate.project import projector
from adapters.operations import options
from adapters.operations.bounds import bounds_of, check_bounds
from adapters.operations.hints import held_by
from adapters.operations.residual import Query, query_of
from adapters.operations.session import Session
from adapters.operations.storage import Fetched, Found
from adapters.query.collated import collated
from adapters.query.failures import CommandFailure
from adapters.query.projection import parse_projection
from adapters.query.scores import check_scores
from adapters.query.sort import Sort, parse_sort
from adapters.query.types import is_number
from adapters.query.unsupported import unsupported
from adapters.sql.plan import Residual
from comparators.canonical import encode_each
from comparators.order import ValueOrder
from comparators.outcome import Count, Documents

BAD_VALUE: Final = 2
PORTION: Final = 4
"""How many documents are read at first for each that a limit asks for, where a filter is left to do."""

LEAST_PORTION: Final = 64

CUT: Final = frozenset({Residual.SORT, Residual.SKIP, Residual.LIMIT})

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for of the documents that a filter finds."""

    sort: Sort = field(default_factory=dict)
    skip: int = 0
    limit: int | None = None
    projection: bool = False


async def find(session: Session) -> Documents:
    """Answer `find`."""
    arguments = session.operation.arguments
    options.check("find", arguments)
    check_bounds(arguments)
    held = held_by(session, arguments.get("hint"))
    # In this order: of several mistakes MongoDB names the first.
    skip, limit = options.whole(arguments, "skip"), options.whole(arguments, "limit")
    variables, order = session.variables, session.order_under(arguments)
    query = query_of(session, _within(held, arguments, "filter"), variables=variables, order=order)
    check_scores(
        arguments.get("projection") or {},
        arguments.get("sort") or {},
        filter=query.tree,
        variables=frozenset(variables) - {"NOW"},
    )
    project = _projector(arguments.get("projection"), query, session, variables)
    sort, backward = _order(arguments)
    cut = slice(None)
    if backward:
        cut = slice(skip, skip + limit if limit else None)
        skip, limit = 0, 0
    asked = Asked(sort=sort, skip=skip, limit=limit or None, projection=project is not None)
    bounds = bounds_of(session, order)
    if bounds is not None:
        # What else is asked for waits until it is known what lies in the part of the index.
        found, _left = await matching(session, query, Asked())
        found, left = bounds.within(found), CUT
    else:
        found, left = await matching(session, query, asked)
    if sort and Residual.SORT in left and (skip or not query.of_one):
        found = _sorted(found, sort, order)
    if Residual.SKIP in left:
        found = found[skip:]
    if limit and Residual.LIMIT in left:
        found = found[:limit]
    if backward:
        found = found[::-1][cut]
    if project is None:
        return Documents(documents=tuple(each.raw for each in found))
    return Documents(documents=tuple(encode_each([project(each.document) for each in found])))


def _within(held: dict[str, Any], arguments: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a filter that finds only what is held by an index; all is held where that is empty."""
    given = arguments.get(name) or {}
    if not held:
        return dict(given)
    if any(str(path).endswith(".$") for path in arguments.get("projection") or {}):
        raise unsupported("option hint", where="beside a positional projection")
    return {"$and": [given, held]}


def _order(arguments: Mapping[str, Any]) -> tuple[Sort, bool]:
    """Return the keys to sort by, and whether documents come in the opposite of their natural order."""
    given = arguments.get("sort") or {}
    if "$natural" not in given:
        return parse_sort(given), False
    hint = arguments.get("hint")
    if len(given) > 1:
        raise CommandFailure(BAD_VALUE, "Cannot include '$natural' in compound sort")
    if hint and not (isinstance(hint, Mapping) and "$natural" in hint):
        raise CommandFailure(BAD_VALUE, "index hint not allowed with $natural sort order")
    return {}, is_number(given["$natural"]) and float(str(given["$natural"])) < 0


async def count(session: Session) -> Count:
    """Answer `count`."""
    arguments = session.operation.arguments
    options.check("count", arguments)
    held = held_by(session, arguments.get("hint"))
    limit = abs(options.whole(arguments, "limit"))
    skip = options.whole(arguments, "skip")
    query = query_of(
        session,
        _within(held, arguments, "query"),
        variables=session.variables,
        order=session.order_under(arguments),
    )
    return Count(n=await counted(session, query, skip=skip, limit=limit or None))


async def counted(session: Session, query: Query, *, skip: int, limit: int | None) -> int:
    """Return how many documents a query finds, after skip and limit."""
    if query.exact:
        n = await session.counted(query.selection, skip=skip, limit=limit)
        if n is not None:
            return n
    found, left = await matching(session, query, Asked(skip=skip, limit=limit))
    beyond = max(len(found) - skip, 0) if Residual.SKIP in left else len(found)
    return beyond if limit is None else min(beyond, limit)


async def matching(
    session: Session, query: Query, asked: Asked
) -> tuple[list[Found], frozenset[Residual]]:
    """Return the documents that a query finds, and what is left to do with them.

    Where a filter is left to do and a limit is asked for, the beginning is looked at first.
    """
    storage, selection = session.storage, query.selection
    if not query.order.is_simple:
        everything = storage.find(selection, sort={}, projection=asked.projection)
        return _matching(await session.fetch(storage, everything), query), CUT
    find = partial(
        storage.find,
        selection,
        sort=asked.sort,
        skip=asked.skip,
        limit=asked.limit,
        projection=asked.projection,
    )
    read = find()
    left = frozenset(read.residual) - {Residual.FILTER}
    if asked.limit and Residual.FILTER in read.residual and Residual.SORT not in left:
        enough = asked.skip + asked.limit
        portion = max(enough * PORTION, LEAST_PORTION)
        first = await session.fetch(storage, find(portion=portion))
        found = _matching(first, query)
        if not first.drifted and (len(first.found) < portion or len(found) >= enough):
            return found, left
    fetched = await session.fetch(storage, read)
    return _matching(fetched, query), left | CUT if fetched.drifted else left


def _matching(fetched: Fetched, query: Query) -> list[Found]:
    matches = query.test(drifted=fetched.drifted)
    if matches is None:
        return fetched.found
    return [each for each in fetched.found if matches(each.document)]


def _sorted(found: list[Found], sort: Sort, order: ValueOrder) -> list[Found]:
    by_document = {id(each.document): each for each in found}
    ordered = sorted_documents([each.document for each in found], sort, order)
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
        collated(
            parse_projection(projection, filter=query.tree, variables=frozenset(user)), query.order
        ),
        filter=query.tree,
        now_ms=session.generated.now_ms,
        variables=user,
    )
