"""Many documents: lists in pages, counts, pipelines, and a search."""

import re
from typing import Final

from proxy.http.call import Call, Reply
from proxy.http.guard import check_filter, check_projection, check_sort, check_visible
from proxy.http.paging import page_of
from proxy.http.pipelines import check_pipeline
from proxy.http.populates import populates
from proxy.http.problems import Code, ProblemError
from proxy.http.searching import owned

MOST: Final = 1000
USUAL: Final = 20
_PLAIN: Final = re.compile(r"[^.$\0]+")


async def find(call: Call) -> Reply:
    """Give a page of documents."""
    given, hidden = call.given, hidden_from(call)
    condition = given["filter"] or {}
    check_filter(condition, hidden)
    check_projection(given["projection"], hidden)
    check_sort(given["sort"], hidden)
    wanted = {**given, "populate": populates(call, given["populate"])}
    page = await page_of(call.on, condition, wanted, session=call.session)
    return Reply(document=page)


async def count(call: Call) -> Reply:
    """Count documents."""
    condition = call.given["filter"] or {}
    check_filter(condition, hidden_from(call))
    counted = await call.on.repository.count(condition, session=call.session)
    return Reply(document={"count": counted})


async def distinct(call: Call) -> Reply:
    """Give the values at a path."""
    path, condition = call.given["path"], call.given["filter"] or {}
    check_filter(condition, hidden_from(call))
    check_visible(path, hidden_from(call))
    reveal = sorted(call.on.hidden) if call.is_admin else ()
    values = await call.on.repository.distinct(path, condition, reveal=reveal, session=call.session)
    return Reply(document={"values": values})


async def join(call: Call) -> Reply:
    """Give documents, each with those of another entity."""
    given, hidden = call.given, hidden_from(call)
    other = call.parts.entities.get(given["other"])
    if other is None:
        raise ProblemError(Code.BAD_PARAMETER, "`other` is not the name of a model")
    if _PLAIN.fullmatch(given["into"]) is None:
        raise ProblemError(Code.BAD_PARAMETER, "`into` is a plain name")
    check_filter(given["filter"] or {}, hidden)
    check_sort(given["sort"], hidden)
    check_visible(given["local"], hidden)
    check_visible(given["foreign"], frozenset() if call.is_admin else other.hidden)
    items = await call.on.repository.find_with_join(
        given["filter"] or {},
        other=given["other"],
        local=given["local"],
        foreign=given["foreign"],
        into=given["into"],
        one=given["one"],
        sort=given["sort"],
        skip=given["offset"],
        limit=given["limit"],
        session=call.session,
    )
    return Reply(document={"items": items})


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
    if call.token.user is not None:
        condition = owned(condition, call.token.user, call.on)
    found = await call.parts.search.find(
        call.on, given["query"], condition, limit=given["limit"], session=call.session
    )
    return Reply(document={"items": found.items, "by": found.by, "because": found.because})


def hidden_from(call: Call) -> frozenset[str]:
    """Return the paths that this call may not name."""
    return frozenset() if call.is_admin else call.on.hidden
