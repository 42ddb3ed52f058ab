"""Engine and database compared: after a search was answered by the engine, both search again, and what they find is judged.

Nobody waits for it. One comparison is under way at a time, of a share of the searches; a few wait, the others are counted as dropped.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import structlog

from adapters.search.index import SearchIndex
from adapters.search.searching import ENGINE, MOST, Found, Hit, Search, Wish
from comparators.canonical import document_key
from comparators.errors import ParallaxError
from comparators.search import Results, compare
from comparators.verdict import Judgement, Verdict

_log = structlog.get_logger()

Judged = Callable[[str, Verdict], None]
"""Told the collection and the verdict of every comparison."""
WAITING: Final = 16
"""How many searches wait to be compared at most."""
WITHIN_S: Final = 10.0
AGAIN_AFTER_S: Final = 1.0
"""A difference counts only if it is still there then."""


class Comparing:
    """Compare a share of the searches of an API; `run` must be running.

    `rank_tolerance` None leaves ranks alone: through a relay, a question for scores would stand on the ledger as one that the gateway cannot answer.
    """

    def __init__(
        self, search: Search, *, share: float, rank_tolerance: float | None, judged: Judged
    ) -> None:
        self._search = search
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
                self._count(index, Verdict.DROPPED)

    async def run(self) -> None:
        """Compare until cancelled."""
        while True:
            wish = await self._waiting.get()
            for index in self._search.indexes_of(wish):
                await self._compare(replace(wish, entities=[index.entity]), index)

    async def _compare(self, wish: Wish, index: SearchIndex) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                judgement = await self._judgement(wish, index)
        except TimeoutError:
            judgement = Judgement(verdict=Verdict.TIMEOUT, reason="a search took too long")
        except ParallaxError:
            judgement = _away()
        self._count(index, judgement.verdict)
        if judgement.verdict is Verdict.MISMATCH:
            _log.warning("search_differs", collection=index.collection, reason=judgement.reason)

    async def _judgement(self, wish: Wish, index: SearchIndex) -> Judgement:
        judgement = await self._once(wish, index)
        if judgement.verdict is not Verdict.MISMATCH:
            return judgement
        await asyncio.sleep(AGAIN_AFTER_S)
        again = await self._once(wish, index)
        if again.verdict is not Verdict.MISMATCH:
            reason = "it was gone a moment later"
            return Judgement(verdict=Verdict.TRANSIENT, reason=reason)
        if await self._search.unindexed(index, wish.owner):
            reason = "the index is behind"
            return Judgement(verdict=Verdict.NOT_COMPARABLE, reason=reason)
        return again

    async def _once(self, wish: Wish, index: SearchIndex) -> Judgement:
        by_engine = await self._search.search(wish)
        if by_engine.by != ENGINE:
            return _away()
        by_words = await self._search.by_database(wish)
        tolerance = self._rank_tolerance
        ranked = None if tolerance is None else await self._search.by_text(wish, index)
        engine = _results(index, by_engine, _places(by_engine.hits))
        database = _results(index, by_words, ranked)
        return compare(wish.text, engine, database, rank_tolerance=tolerance or 0.0)

    def _count(self, index: SearchIndex, verdict: Verdict) -> None:
        self._totals[verdict.value] += 1
        self._judged(index.collection, verdict)


def _away() -> Judgement:
    return Judgement(verdict=Verdict.NOT_COMPARABLE, reason="a path was away")


def _results(index: SearchIndex, found: Found, scores: Mapping[bytes, float] | None) -> Results:
    texts = {_key(hit): index.words(hit.document) for hit in found.hits}
    return Results(texts=texts, is_complete=found.about <= MOST, scores=scores)


def _places(hits: Sequence[Hit]) -> Mapping[bytes, float]:
    return {_key(hit): -float(place) for place, hit in enumerate(hits)}


def _key(hit: Hit) -> bytes:
    return document_key(hit.document["_id"])
