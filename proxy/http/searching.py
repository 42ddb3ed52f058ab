"""Searches: by the engine where there is one and it can tell, else by the database itself; and never for more than one owner by an owner's token."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from bson.regex import Regex

from adapters.gateway import Transaction
from adapters.search.index import INDEXES, SearchIndex
from adapters.search.searching import DATABASE, MOST, Found, Search, Wish
from adapters.search.syncing import Indexer
from proxy.http.entity import Entity
from proxy.http.problems import Code, ProblemError

_SPAN: Final = frozenset({"$gte", "$lt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Searching:
    """What a process searches with. `answered` is told of every search that the engine or the database has answered."""

    search: Search
    indexer: Indexer | None = None
    """None where this process does not keep the indexes."""
    answered: Callable[[Wish, Found], None]
    compared: Callable[[], Mapping[str, Any]]
    """Returns how many searches ended in which verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Documents, the best first, who found them, and why not the engine."""

    items: Sequence[Mapping[str, Any]]
    by: str
    because: str = ""


class EntitySearch:
    """The search of one entity, whose filter is MongoDB's: what it leaves out is never found."""

    def __init__(self, searching: Searching) -> None:
        self._searching = searching

    async def find(
        self,
        entity: Entity,
        query: str,
        filter: Mapping[str, Any],  # noqa: A002 - MongoDB's name
        *,
        limit: int,
        session: Transaction | None,
    ) -> Items:
        """Return at most so many documents."""
        search = self._searching.search
        index = search.indexes.get(entity.name)
        if search.engine is None or index is None or session is not None:
            because = (
                "no search engine has it" if session is None else "a transaction is the database's"
            )
            return await in_database(
                entity, query, filter, limit=limit, session=session, because=because
            )
        wish = None if limit > MOST else wish_of(query, filter, index, limit=limit)
        if wish is None:
            because = "the search engine knows no such filter"
            return await in_database(
                entity, query, filter, limit=limit, session=None, because=because
            )
        found = await search.search(wish)
        self._searching.answered(wish, found)
        items = [hit.document for hit in found.hits]
        return Items(items=items, by=found.by, because=found.because)


async def in_database(
    entity: Entity,
    query: str,
    filter: Mapping[str, Any],  # noqa: A002 - MongoDB's name
    *,
    limit: int,
    session: Transaction | None,
    because: str,
) -> Items:
    """Return the newest documents in which every word is in one of the paths that are searched, in any case."""
    words = query.split()
    if not words:
        raise ProblemError(Code.BAD_PARAMETER, "`query` has no word")
    if not entity.searched:
        raise ProblemError(Code.UNSUPPORTED, f"{entity.name} has no path that is searched")
    wanted = [{"$or": [{path: _with(word)} for path in entity.searched]} for word in words]
    items = await entity.repository.find(
        {"$and": [filter, *wanted]}, sort={"_id": -1}, limit=limit, session=session
    )
    return Items(items=items, by=DATABASE, because=because)


def wish_of(
    query: str,
    filter: Mapping[str, Any],  # noqa: A002 - MongoDB's name
    index: SearchIndex,
    *,
    limit: int,
) -> Wish | None:
    """Return a filter as an engine can narrow by it; None where it cannot, or where it is not for one owner."""
    owner = filter.get(index.owner)
    owner = str(owner) if isinstance(owner, ObjectId) else owner
    rest = {name: value for name, value in filter.items() if name != index.owner}
    made = rest.pop("createdAt", {})
    if not isinstance(owner, str) or not owner:
        return None
    if not all(isinstance(each, str) and each for each in rest.values()):
        return None
    if not rest.keys() <= set(index.filters) or not _is_span(made):
        return None
    return Wish(
        text=query,
        owner=owner,
        entities=[index.entity],
        since=made.get("$gte"),
        until=made.get("$lt"),
        fields=rest,
        limit=limit,
    )


def owned(
    filter: Mapping[str, Any],  # noqa: A002 - MongoDB's name
    user: str,
    entity: Entity,
) -> dict[str, Any]:
    """Return a filter that finds what is a user's alone; ProblemError where nothing says whose a document is."""
    index = INDEXES.get(entity.name)
    if index is None:
        raise ProblemError(Code.OUT_OF_SCOPE, f"{entity.name} does not say whose it is")
    if filter.get(index.owner, user) == user:
        return {**filter, index.owner: user}
    return {"$and": [{index.owner: user}, dict(filter)]}


def indexes_of(entities: Mapping[str, Entity]) -> Mapping[str, SearchIndex]:
    """Return the indexes of the entities that there are."""
    return {
        name: index
        for name, index in INDEXES.items()
        if name in entities and entities[name].collection == index.collection
    }


def _is_span(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and value.keys() <= _SPAN
        and all(isinstance(each, DatetimeMS) for each in value.values())
    )


def _with(word: str) -> Regex[str]:
    return Regex(re.escape(word), "i")
