"""Many documents: lists in pages, counts, pipelines, and a search."""

from typing import Final

from proxy.http.call import Call, Reply
from proxy.http.guard import check_filter, check_projection, check_sort
from proxy.http.paging import page_of
from proxy.http.pipelines import check_pipeline

MOST: Final = 1000
USUAL: Final = 20


async def find(call: Call) -> Reply:
    """Give a page of documents."""
    given, hidden = call.given, hidden_from(call)
    condition = given["filter"] or {}
    check_filter(condition, hidden)
    check_projection(given["projection"], hidden)
    check_sort(given["sort"], hidden)
    page = await page_of(call.on, condition, given, session=call.session)
    return Reply(document=page)


async def count(call: Call) -> Reply:
    """Count documents."""
    condition = call.given["filter"] or {}
    check_filter(condition, hidden_from(call))
    counted = await call.on.repository.count(condition, session=call.session)
    return Reply(document={"count": counted})


async def aggregate(call: Call) -> Reply:
    """Run a pipeline that only reads."""
    entity, pipeline = call.on, list(call.given["pipeline"])
    hidden_of = call.parts.hidden_of
    if call.is_admin:
        hidden_of = dict.fromkeys(hidden_of, frozenset())
    check_pipeline(pipeline, hidden_from(call), hidden_of)
    reveal = sorted(entity.hidden) if call.is_admin else ()
    items = await entity.repository.aggregate(pipeline, reveal=reveal, session=call.session)
    return Reply(document={"items": items})


async def search(call: Call) -> Reply:
    """Find documents by words."""
    given = call.given
    condition = given["filter"] or {}
    check_filter(condition, hidden_from(call))
    found = await call.parts.search.find(
        call.on, given["query"], condition, limit=given["limit"], session=call.session
    )
    return Reply(document={"items": found.items, "by": found.by})


def hidden_from(call: Call) -> frozenset[str]:
    """Return the paths that this call may not name."""
    return frozenset() if call.is_admin else call.on.hidden
