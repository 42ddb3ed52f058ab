"""Searches across entities: what is found, what is suggested, how the indexes stand, and whether the engine is there."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from adapters.search.searching import Wish
from comparators.errors import ParallaxError
from proxy.http.call import Call, Reply
from proxy.http.problems import Code, ProblemError

FIELDS: Final = ("endpoint", "conversationId", "type", "source")
"""What a search can be narrowed by, besides date, entity and user."""


async def search(call: Call) -> Reply:
    """Find documents of several entities."""
    searching, given = call.parts.searching, call.given
    wish = Wish(
        text=given["query"],
        owner=owner_of(call),
        entities=_entities(call, given["entities"]),
        since=_moment("since", given),
        until=_moment("until", given),
        fields={name: given[name] for name in FIELDS if given[name] is not None},
        limit=given["limit"],
        offset=given["offset"],
    )
    found = await searching.search.search(wish)
    searching.answered(wish, found)
    items = [{"entity": hit.entity, "document": hit.document} for hit in found.hits]
    told = {"items": items, "about": found.about, "by": found.by, "because": found.because}
    return Reply(document=told)


async def suggest(call: Call) -> Reply:
    """Give titles that begin so."""
    suggested = await call.parts.searching.search.suggest(
        call.given["query"], owner=owner_of(call), limit=call.given["limit"]
    )
    return Reply(document={"items": suggested})


async def statistics(call: Call) -> Reply:
    """Tell how the indexes stand."""
    standing = await call.parts.searching.search.standing()
    indexes = [
        {
            "entity": each.entity,
            "documents": each.documents,
            "unindexed": each.unindexed,
            "entries": each.entries,
        }
        for each in standing
    ]
    return Reply(document={"indexes": indexes, "compared": call.parts.searching.compared()})


async def health(call: Call) -> Reply:
    """Tell whether the engine answers, and whether the indexes are kept."""
    searching = call.parts.searching
    indexer = searching.indexer
    failure = None if indexer is None else indexer.failure
    told: dict[str, Any] = {
        "engine": "none",
        "sync": "off" if indexer is None else "on" if failure is None else failure.what,
    }
    if searching.search.engine is not None:
        try:
            found = await searching.search.engine.health()
        except ParallaxError as error:
            told |= {"engine": "away", "because": error.what}
        else:
            told |= {
                "engine": "here",
                "version": found.version,
                "latency_ms": round(found.latency_s * 1000, 3),
            }
    return Reply(document=told)


def owner_of(call: Call) -> str:
    """Return for whom is searched: whose token it is, else the user that is named."""
    named, own = call.given["user"], call.token.user
    if own is not None and named not in {None, own}:
        raise ProblemError(Code.OUT_OF_SCOPE, "the token is another user's")
    owner = own or named
    if owner is None:
        raise ProblemError(Code.BAD_PARAMETER, "`user` is missing: a search is for somebody")
    return str(owner)


def _entities(call: Call, text: str | None) -> list[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    known = call.parts.searching.search.indexes
    for name in names:
        if name not in known:
            why = f"`entities`: {name[:60]!r} is none of {', '.join(known)}"
            raise ProblemError(Code.BAD_PARAMETER, why)
    return list(dict.fromkeys(names))


def _moment(name: str, given: Mapping[str, Any]) -> datetime | None:
    if given[name] is None:
        return None
    try:
        moment = datetime.fromisoformat(given[name])
    except ValueError as error:
        why = f"`{name}` is no date, as in 2026-01-02T03:04:05Z"
        raise ProblemError(Code.BAD_PARAMETER, why) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
