"""Engine and database compared: after a search was answered by the engine, both search again, and what they find is judged.

Nobody waits for it. One comparison is under way at a time, of a share of the searches; a few wait, the others are counted as dropped.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import structlog

from adapters.search.index import SearchIndex
from adapters.search.searching import ENGINE, MOST, Found, Hit, Search, Wish
from comparators.canonical import document_key
from comparators.errors import ParallaxError
from comparators.search import Aspect, Results, compare
from comparators.verdict import Verdict
from proxy.ledger.entries import SearchComparison

_log = structlog.get_logger()

Judged = Callable[[SearchComparison], None]
"""Told of every comparison; it must not wait."""
WAITING: Final = 16
"""How many searches wait to be compared at most."""
WITHIN_S: Final = 10.0
AGAIN_AFTER_S: Final = 1.0
"""A difference counts only if it is still there then."""


class Comparing:
    """Compare a share of the searches of an API on the database `name`; `run` must be running.

    `rank_tolerance` None leaves ranks alone: through a relay, a question for scores would stand on the ledger as one that the gateway cannot answer.
    """

    def __init__(
        self,
        search: Search,
        *,
        name: str,
        share: float,
        rank_tolerance: float | None,
        judged: Judged,
    ) -> None:
        self._search = search
        self._name = name
        self._share = share
        self._rank_tolerance = rank_tolerance
        self._judged = judged
        self._due = 0.0
        self._waiting: asyncio.Queue[Wish] = asyncio.Queue(WAITING)
        self._totals: Counter[str] = Counter()

    def totals(self) -> Mapping[str, int]:
        """Return how many comparisons ended in which verdict."""
        return dict(self._totals)

    def answered(self, wish: Wish, found: Found) -> None:
        """Have a search compared, if its turn has come; returns at once."""
        if found.by != ENGINE:
            return
        self._due += self._share
        if self._due < 1:
            return
        self._due -= 1
        try:
            self._waiting.put_nowait(replace(wish, limit=MOST, offset=0))
        except asyncio.QueueFull:
            for index in self._search.indexes_of(wish):
                self._count(self._entry(index, Verdict.DROPPED, "too many were waiting"))

    async def run(self) -> None:
        """Compare until cancelled."""
        while True:
            wish = await self._waiting.get()
            for index in self._search.indexes_of(wish):
                await self._compare(replace(wish, entities=[index.entity]), index)

    async def _compare(self, wish: Wish, index: SearchIndex) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                judged = await self._judged_twice(wish, index)
        except TimeoutError:
            judged = self._entry(index, Verdict.TIMEOUT, "a search took too long")
        except ParallaxError:
            judged = self._away(index)
        self._count(judged)
        if judged.verdict is Verdict.MISMATCH:
            _log.warning("search_differs", collection=index.collection, reason=judged.reason)

    async def _judged_twice(self, wish: Wish, index: SearchIndex) -> SearchComparison:
        judged = await self._once(wish, index)
        if judged.verdict is not Verdict.MISMATCH:
            return judged
        await asyncio.sleep(AGAIN_AFTER_S)
        again = await self._once(wish, index)
        if again.verdict is not Verdict.MISMATCH:
            reason = "it was gone a moment later"
            return self._entry(index, Verdict.TRANSIENT, reason, aspect=judged.aspect)
        if await self._search.unindexed(index, wish.owner):
            return self._entry(index, Verdict.NOT_COMPARABLE, "the index is behind")
        return again

    async def _once(self, wish: Wish, index: SearchIndex) -> SearchComparison:
        by_engine = await self._search.search(wish)
        if by_engine.by != ENGINE:
            return self._away(index)
        by_words = await self._search.by_database(wish)
        tolerance = self._rank_tolerance
        ranked = None if tolerance is None else await self._search.by_text(wish, index)
        engine = _results(index, by_engine, _places(by_engine.hits))
        database = _results(index, by_words, ranked)
        found = compare(wish.text, engine, database, rank_tolerance=tolerance or 0.0)
        identifiers = {_key(hit): hit.document["_id"] for hit in (*by_engine.hits, *by_words.hits)}
        judgement = found.judgement
        return replace(
            self._entry(index, judgement.verdict, judgement.reason or ", ".join(judgement.rules)),
            aspect=found.aspect,
            engine_alone=tuple(identifiers[key] for key in found.engine_alone),
            database_alone=tuple(identifiers[key] for key in found.database_alone),
            swapped=found.swapped,
        )

    def _away(self, index: SearchIndex) -> SearchComparison:
        return self._entry(index, Verdict.NOT_COMPARABLE, "a path was away")

    def _entry(
        self, index: SearchIndex, verdict: Verdict, reason: str, *, aspect: Aspect | None = None
    ) -> SearchComparison:
        return SearchComparison(
            at_ns=time.time_ns(),
            namespace=f"{self._name}.{index.collection}",
            verdict=verdict,
            aspect=aspect,
            reason=reason,
        )

    def _count(self, judged: SearchComparison) -> None:
        self._totals[judged.verdict.value] += 1
        self._judged(judged)


def _results(index: SearchIndex, found: Found, scores: Mapping[bytes, float] | None) -> Results:
    texts = {_key(hit): index.words(hit.document) for hit in found.hits}
    return Results(texts=texts, is_complete=found.about <= MOST, scores=scores)


def _places(hits: Sequence[Hit]) -> Mapping[bytes, float]:
    return {_key(hit): -float(place) for place, hit in enumerate(hits)}


def _key(hit: Hit) -> bytes:
    return document_key(hit.document["_id"])
