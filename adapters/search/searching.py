"""Search across entities: the engine ranks, the database answers for what is given.

Whatever an index says, documents are read from the database by their `_id` *and* their owner: nobody is given another one's. When the engine is
away, the database searches by itself, and the answer says so.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from adapters.database import Database
from adapters.search.asking import Asker, beginning, containing
from adapters.search.engine import Query, Ranked, SearchEngine
from adapters.search.index import INDEXES, MARK, SearchIndex, identifier_of
from comparators.canonical import document_key
from comparators.errors import RefusedError, UnreachableError, UnsupportedError

ENGINE: Final = "engine"
DATABASE: Final = "database"
MOST: Final = 100
"""How many documents one search gives at most."""
RETRY_AFTER_S: Final = 1.0
"""How long an engine is left alone that was away."""
ENGINE_WITHIN_S: Final = 2.0
"""How long an engine may take for a search."""
SUGGESTED: Final = 120
"""The longest title that is suggested, in characters."""
_MOST_WORDS: Final = 16
_IDENTIFIER: Final = re.compile("[0-9a-f]{24}")


Moment = datetime | DatetimeMS


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody looks for. `entities` None stands for all; `since` and `until` are when a document was made."""

    text: str
    owner: str
    entities: Sequence[str] | None = None
    since: Moment | None = None
    until: Moment | None = None
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


NOTHING_HIDDEN: Final[Mapping[str, AbstractSet[str]]] = MappingProxyType({})


class Search:
    """Search one database of an application, with an engine or without.

    `hidden` are the paths, by entity, that are left out of what is found.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        engine: SearchEngine | None = None,
        *,
        indexes: Mapping[str, SearchIndex] = INDEXES,
        hidden: Mapping[str, AbstractSet[str]] = NOTHING_HIDDEN,
        within_s: float = ENGINE_WITHIN_S,
    ) -> None:
        self.indexes = indexes
        self.engine = engine
        self._ask = Asker(database, name)
        self._hidden = hidden
        self._within_s = within_s
        self._away_until_s = 0.0

    async def search(self, wish: Wish) -> Found:
        """Find documents; RefusedError for a wish that makes no sense."""
        indexes = self.indexes_of(wish)
        if not wish.text.strip():
            return Found(hits=(), about=0, by=DATABASE, because="nothing was looked for")
        if self.engine is None:
            return await self.by_database(wish, because="no search engine is set")
        if time.monotonic() < self._away_until_s:
            return await self.by_database(wish, because="the search engine was away just now")
        try:
            ranked = await self._ranked(self.engine, wish, indexes)
        except (UnreachableError, RefusedError) as error:
            self._away_until_s = time.monotonic() + RETRY_AFTER_S
            return await self.by_database(wish, because=error.what)
        return await self._read_all(wish, indexes, ranked)

    def indexes_of(self, wish: Wish) -> Sequence[SearchIndex]:
        """Return the indexes that a wish is about; RefusedError for one that makes no sense."""
        return _indexes_of(wish, self.indexes)

    async def by_text(self, wish: Wish, index: SearchIndex) -> Mapping[bytes, float] | None:
        """Return how a text index of the database ranks what it finds, by key; None where there is none."""
        phrases = " ".join(f'"{word.replace(chr(34), "")}"' for word in words_of(wish.text))
        score = {"$meta": "textScore"}
        try:
            found = await self._ask.find(
                index.collection,
                filter={**_narrowed(wish, index), "$text": {"$search": phrases}},
                projection={"_id": 1, "score": score},
                sort={"score": score},
                limit=wish.limit,
            )
        except (RefusedError, UnsupportedError):
            return None
        return {document_key(each["_id"]): float(each["score"]) for each in found}

    async def unindexed(self, index: SearchIndex, owner: str) -> int:
        """Return how many documents of an owner the index does not hold as they are."""
        condition = {index.owner: owned_by(owner), MARK: {"$ne": True}}
        return await self._ask.count(index.collection, condition)

    async def suggest(self, text: str, *, owner: str, limit: int = 5) -> Sequence[str]:
        """Return titles of an owner's documents that begin so, the newest first."""
        if not text.strip():
            return ()
        found: dict[str, None] = {}
        for index in self.indexes.values():
            condition = {index.owner: owned_by(owner), index.title: beginning(text.strip())}
            documents = await self._ask.find(
                index.collection,
                filter=condition,
                projection={index.title: 1},
                sort={"createdAt": -1, "_id": 1},
                limit=limit,
            )
            found.update({_title(str(each[index.title])): None for each in documents})
        return list(found)[:limit]

    async def standing(self) -> Sequence[Standing]:
        """Say how each index stands."""
        return [await self._standing(index) for index in self.indexes.values()]

    async def _standing(self, index: SearchIndex) -> Standing:
        entries = None
        if self.engine is not None:
            try:
                entries = await self.engine.count(index)
            except (UnreachableError, RefusedError):
                entries = None
        return Standing(
            entity=index.entity,
            documents=await self._ask.count(index.collection, {}),
            unindexed=await self._ask.count(index.collection, {MARK: {"$ne": True}}),
            entries=entries,
        )

    async def _ranked(
        self, engine: SearchEngine, wish: Wish, indexes: Sequence[SearchIndex]
    ) -> Sequence[Ranked]:
        if self._away_until_s:
            # One looks whether it is there again; the others do not wait with it.
            self._away_until_s = time.monotonic() + self._within_s + RETRY_AFTER_S
        try:
            async with asyncio.timeout(self._within_s):
                ranked = [await engine.search(index, query_of(wish)) for index in indexes]
        except TimeoutError as error:
            raise UnreachableError(
                "the search engine takes too long", where="search", remedy="is it well?"
            ) from error
        self._away_until_s = 0.0
        return ranked

    async def _read_all(
        self, wish: Wish, indexes: Sequence[SearchIndex], ranked: Sequence[Ranked]
    ) -> Found:
        found = [
            await self._read(index, wish, list(map(identifier_of, each.entries)))
            for index, each in zip(indexes, ranked, strict=True)
        ]
        about = sum(each.about for each in ranked)
        return Found(hits=_in_turn(found)[: wish.limit], about=about, by=ENGINE)

    async def _read(self, index: SearchIndex, wish: Wish, identifiers: Sequence[Any]) -> list[Hit]:
        """Read what an index named from the database, in the order of its rank."""
        if not identifiers:
            return []
        condition = {"_id": {"$in": list(identifiers)}, **_narrowed(wish, index)}
        documents = {
            document_key(each["_id"]): each
            for each in await self._ask.find(
                index.collection, filter=condition, projection=self._shown(index)
            )
        }
        ranked = [documents.get(document_key(each)) for each in identifiers]
        return [Hit(entity=index.entity, document=each) for each in ranked if each is not None]

    async def by_database(self, wish: Wish, *, because: str = "") -> Found:
        """Find the documents in which all words are, the newest first, without the engine."""
        about, found = 0, []
        for index in self.indexes_of(wish):
            words = [
                {"$or": [{field: containing(word)} for field in index.texts]}
                for word in words_of(wish.text)
            ]
            condition = {**_narrowed(wish, index), "$and": words}
            about += await self._ask.count(index.collection, condition)
            documents = await self._ask.find(
                index.collection,
                filter=condition,
                projection=self._shown(index),
                sort={"createdAt": -1, "_id": 1},
                skip=wish.offset,
                limit=wish.limit,
            )
            found.append([Hit(entity=index.entity, document=each) for each in documents])
        return Found(hits=_in_turn(found)[: wish.limit], about=about, by=DATABASE, because=because)

    def _shown(self, index: SearchIndex) -> dict[str, int]:
        return dict.fromkeys(sorted(self._hidden.get(index.entity, ())), 0)


def words_of(text: str) -> Sequence[str]:
    """Return the words that are looked for."""
    return text.split()[:_MOST_WORDS]


def _indexes_of(wish: Wish, indexes: Mapping[str, SearchIndex]) -> Sequence[SearchIndex]:
    if not wish.owner:
        raise RefusedError("a search is for somebody", where="owner", remedy="say for whom")
    if not 1 <= wish.limit <= MOST or wish.offset < 0:
        raise RefusedError(
            f"a search gives 1 to {MOST} documents", where="limit", remedy="ask for fewer at a time"
        )
    entities = indexes if wish.entities is None else wish.entities
    unknown = sorted(set(entities) - indexes.keys())
    if unknown:
        raise RefusedError(
            f"{unknown[0]!r} cannot be searched",
            where="entities",
            remedy=f"use one of: {', '.join(indexes)}",
        )
    # A filter that an entity does not have selects nothing of it.
    return [
        index for each in entities if wish.fields.keys() <= set((index := indexes[each]).filters)
    ]


def query_of(wish: Wish) -> Query:
    """Return a wish as an engine takes it; filters are the same for all indexes that have them."""
    return Query(
        text=wish.text,
        owner=wish.owner,
        since_ms=_milliseconds(wish.since),
        until_ms=_milliseconds(wish.until),
        fields=wish.fields,
        limit=wish.limit,
        offset=wish.offset,
    )


def owned_by(owner: str) -> Any:
    """Return the condition on whose a document is: some name their owner by the text of an ObjectId, some by itself."""
    return {"$in": [owner, ObjectId(owner)]} if _IDENTIFIER.fullmatch(owner) else owner


def _narrowed(wish: Wish, index: SearchIndex) -> dict[str, Any]:
    """Return what a document must be, whatever it is searched with."""
    condition: dict[str, Any] = {index.owner: owned_by(wish.owner), **wish.fields}
    made = {"$gte": wish.since, "$lt": wish.until}
    span = {
        name: DatetimeMS(milliseconds)
        for name, moment in made.items()
        if (milliseconds := _milliseconds(moment)) is not None
    }
    if span:
        condition["createdAt"] = span
    return condition


def _in_turn(found: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Return the first of each, then the second of each, and so on: ranks of different indexes cannot be compared."""
    longest = max(map(len, found), default=0)
    return [hits[place] for place in range(longest) for hits in found if place < len(hits)]


def _title(text: str) -> str:
    lines = text.splitlines() or [""]
    return lines[0][:SUGGESTED]


def _milliseconds(moment: Moment | None) -> int | None:
    if moment is None:
        return None
    return int(moment if isinstance(moment, DatetimeMS) else DatetimeMS(moment))
