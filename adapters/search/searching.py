"""Search across entities: the engine ranks, the database answers for what is given.

Whatever an index says, documents are read from the database by their `_id` *and* their owner: nobody is given another one's. When the engine is
away, the database searches by itself, and the answer says so.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from adapters.database import Database
from adapters.search.asking import Asker, beginning, containing
from adapters.search.engine import Query, SearchEngine
from adapters.search.index import INDEXES, MARK, SearchIndex, identifier_of
from comparators.canonical import document_key
from comparators.errors import RefusedError, UnreachableError

ENGINE: Final = "engine"
DATABASE: Final = "database"
MOST: Final = 100
"""How many documents one search gives at most."""
RETRY_AFTER_S: Final = 1.0
"""How long an engine is left alone that was away."""
_MOST_WORDS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody looks for. `entities` None stands for all; `since` and `until` are when a document was made."""

    text: str
    owner: str
    entities: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    fields: Mapping[str, str]
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A document that was found."""

    entity: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found, the best of each entity first, entities in turn. `by` is `engine` or `database`, `because` says why the latter."""

    hits: Sequence[Hit]
    about: int
    by: str
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an index stands: documents of the database, of these not indexed as they are, and entries of the index; None when it is away."""

    entity: str
    documents: int
    unindexed: int
    entries: int | None


class Search:
    """Search one database of an application, with an engine or without."""

    def __init__(self, database: Database, name: str, engine: SearchEngine | None = None) -> None:
        self._ask = Asker(database, name)
        self._engine = engine
        self._away_until_s = 0.0

    async def search(self, wish: Wish) -> Found:
        """Find documents; RefusedError for a wish that makes no sense."""
        indexes = _indexes_of(wish)
        if not wish.text.strip():
            return Found(hits=(), about=0, by=DATABASE, because="nothing was looked for")
        if self._engine is None:
            return await self._by_database(wish, indexes, "no search engine is set")
        if time.monotonic() < self._away_until_s:
            return await self._by_database(wish, indexes, "the search engine was away just now")
        try:
            return await self._by_engine(self._engine, wish, indexes)
        except (UnreachableError, RefusedError) as error:
            self._away_until_s = time.monotonic() + RETRY_AFTER_S
            return await self._by_database(wish, indexes, error.what)

    async def suggest(self, text: str, *, owner: str, limit: int = 5) -> Sequence[str]:
        """Return titles of an owner's documents that begin so, the newest first."""
        if not text.strip():
            return ()
        found: dict[str, None] = {}
        for index in INDEXES.values():
            condition = {index.owner: owner, index.title: beginning(text.strip())}
            documents = await self._ask.find(
                index.collection,
                filter=condition,
                projection={index.title: 1},
                sort={"createdAt": -1, "_id": 1},
                limit=limit,
            )
            found.update({str(each[index.title]): None for each in documents})
        return list(found)[:limit]

    async def standing(self) -> Sequence[Standing]:
        """Say how each index stands."""
        return [await self._standing(index) for index in INDEXES.values()]

    async def _standing(self, index: SearchIndex) -> Standing:
        entries = None
        if self._engine is not None:
            try:
                entries = await self._engine.count(index)
            except (UnreachableError, RefusedError):
                entries = None
        return Standing(
            entity=index.entity,
            documents=await self._ask.count(index.collection, {}),
            unindexed=await self._ask.count(index.collection, {MARK: {"$ne": True}}),
            entries=entries,
        )

    async def _by_engine(
        self, engine: SearchEngine, wish: Wish, indexes: Sequence[SearchIndex]
    ) -> Found:
        about, found = 0, []
        for index in indexes:
            ranked = await engine.search(index, _query_of(wish, index))
            about += ranked.about
            identifiers = [identifier_of(each) for each in ranked.entries]
            found.append(await self._read(index, wish, identifiers))
        return Found(hits=_in_turn(found)[: wish.limit], about=about, by=ENGINE)

    async def _read(self, index: SearchIndex, wish: Wish, identifiers: Sequence[Any]) -> list[Hit]:
        """Read what an index named from the database, in the order of its rank."""
        if not identifiers:
            return []
        condition = {"_id": {"$in": list(identifiers)}, **_narrowed(wish, index)}
        documents = {
            document_key(each["_id"]): each
            for each in await self._ask.find(index.collection, filter=condition)
        }
        ranked = [documents.get(document_key(each)) for each in identifiers]
        return [Hit(entity=index.entity, document=each) for each in ranked if each is not None]

    async def _by_database(self, wish: Wish, indexes: Sequence[SearchIndex], because: str) -> Found:
        about, found = 0, []
        for index in indexes:
            words = [
                {"$or": [{field: containing(word)} for field in index.texts]}
                for word in wish.text.split()[:_MOST_WORDS]
            ]
            condition = {**_narrowed(wish, index), "$and": words}
            about += await self._ask.count(index.collection, condition)
            documents = await self._ask.find(
                index.collection,
                filter=condition,
                sort={"createdAt": -1, "_id": 1},
                skip=wish.offset,
                limit=wish.limit,
            )
            found.append([Hit(entity=index.entity, document=each) for each in documents])
        return Found(hits=_in_turn(found)[: wish.limit], about=about, by=DATABASE, because=because)


def _indexes_of(wish: Wish) -> Sequence[SearchIndex]:
    if not wish.owner:
        raise RefusedError("a search is for somebody", where="owner", remedy="say for whom")
    if not 1 <= wish.limit <= MOST or wish.offset < 0:
        raise RefusedError(
            f"a search gives 1 to {MOST} documents", where="limit", remedy="ask for fewer at a time"
        )
    entities = INDEXES if wish.entities is None else wish.entities
    unknown = sorted(set(entities) - INDEXES.keys())
    if unknown:
        raise RefusedError(
            f"{unknown[0]!r} cannot be searched",
            where="entities",
            remedy=f"use one of: {', '.join(INDEXES)}",
        )
    # A filter that an entity does not have selects nothing of it.
    return [
        index for each in entities if wish.fields.keys() <= set((index := INDEXES[each]).filters)
    ]


def _query_of(wish: Wish, index: SearchIndex) -> Query:  # noqa: ARG001 - filters are the same for all that have them
    return Query(
        text=wish.text,
        owner=wish.owner,
        since_ms=_milliseconds(wish.since),
        until_ms=_milliseconds(wish.until),
        fields=wish.fields,
        limit=wish.limit,
        offset=wish.offset,
    )


def _narrowed(wish: Wish, index: SearchIndex) -> dict[str, Any]:
    """Return what a document must be, whatever it is searched with."""
    condition: dict[str, Any] = {index.owner: wish.owner, **wish.fields}
    made = {"$gte": wish.since, "$lt": wish.until}
    span = {name: DatetimeMS(moment) for name, moment in made.items() if moment is not None}
    if span:
        condition["createdAt"] = span
    return condition


def _in_turn(found: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Return the first of each, then the second of each, and so on: ranks of different indexes cannot be compared."""
    longest = max(map(len, found), default=0)
    return [hits[place] for place in range(longest) for hits in found if place < len(hits)]


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(DatetimeMS(moment))
