"""The documents that a write is for: selected by SQL, tested and sorted in memory."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.evaluate.order import sorted_documents
from adapters.operations.documents import Stored
from adapters.operations.residual import Query
from adapters.operations.session import Session
from comparators.order import ValueOrder

MOST_ALTERNATIVES: Final = 100


async def picked(
    session: Session,
    query: Query,
    *,
    first: bool,
    locked: bool,
    sort: Mapping[str, Any] | None = None,
) -> Sequence[Stored]:
    """Return the documents that a query finds, in natural order or sorted; only the first if asked.

    The others that MongoDB might have taken as the first become the session's alternatives.
    """
    at_once = first and query.exact and not sort
    limit = 1 + MOST_ALTERNATIVES if at_once else None
    rows = await session.stored(query.selection, limit=limit, locked=locked)
    if limit is not None and len(rows) == limit and any(row.drifted for row in rows):
        # Those that matter may be behind the limit.
        rows = await session.stored(query.selection, limit=None, locked=locked)
    found = []
    for row in rows:
        matches = query.test(drifted=row.drifted)
        if matches is None or matches(row.document):
            found.append(row)
            if first and not sort and len(found) > MOST_ALTERNATIVES:
                break
    if sort and not query.of_one:
        rank = {id(each.document): each for each in found}
        ordered = sorted_documents([each.document for each in found], sort, query.order)
        found = [rank[id(document)] for document in ordered]
    if not first:
        return found
    session.alternatives.extend(each.document["_id"] for each in _equals(found, sort, query.order))
    return found[:1]


def _equals(
    found: Sequence[Stored], sort: Mapping[str, Any] | None, order: ValueOrder
) -> Sequence[Stored]:
    """Return the documents behind the first that the sort does not tell from it."""
    if not sort:
        return found[1:]
    keys = [order.sort_key(each.document, sort) for each in found[: 1 + MOST_ALTERNATIVES]]
    return [each for each, key in zip(found[1:], keys[1:], strict=False) if key == keys[0]]
