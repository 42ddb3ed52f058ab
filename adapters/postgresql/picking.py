"""The documents that a write is for: selected by SQL, tested and sorted in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.evaluate.order import sorted_documents
from adapters.postgresql.documents import Stored
from adapters.postgresql.residual import Query
from adapters.postgresql.session import Session
from comparators.canonical import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """A document to write, as its row and as values."""

    stored: Stored
    document: dict[str, Any]


async def picked(
    session: Session,
    query: Query,
    *,
    first: bool,
    locked: bool,
    sort: Mapping[str, Any] | None = None,
) -> Sequence[Picked]:
    """Return the documents that a query finds, in natural order or sorted; only the first if asked."""
    at_once = first and query.selection.exact and not sort
    rows = await session.stored(query.selection, limit=1 if at_once else None, locked=locked)
    found = []
    for row in rows:
        document = decode(row.bson)
        if query.matches is None or query.matches(document):
            found.append(Picked(stored=row, document=document))
            if first and not sort:
                break
    if sort:
        rank = {id(each.document): each for each in found}
        ordered = sorted_documents([each.document for each in found], sort)
        found = [rank[id(document)] for document in ordered]
    return found[:1] if first else found
