"""Keep the indexes as the database is: what its marks and notes leave to do, batch by batch.

Everything is decided by the state of the database, so that a sync may be killed at any moment, and run beside others.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.database import Database
from adapters.search.asking import Asker
from adapters.search.engine import SearchEngine
from adapters.search.index import INDEXES, MARK, SearchIndex, entry_id
from adapters.search.indexed import NOTES
from comparators.canonical import document_key
from comparators.errors import ParallaxError

BATCH: Final = 500
EVERY_S: Final = 30.0
"""How often is looked for what others wrote, when nothing tells of a change."""
SETTLED_AFTER_MS: Final = 60_000
"""A delete that is noted has happened by then, or never will: as long as a transaction lives."""
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What one sync did: entries made anew, and dropped."""

    indexed: int = 0
    dropped: int = 0


class Indexer:
    """Sync the indexes of one database with an engine."""

    def __init__(
        self, database: Database, name: str, engine: SearchEngine, *, every_s: float = EVERY_S
    ) -> None:
        """`database` is the one behind `IndexedDatabase`: its own marks are no changes."""
        self._ask = Asker(database, name)
        self._engine = engine
        self._every_s = every_s
        self._woken = asyncio.Event()
        self.failure: ParallaxError | None = None
        """Why the last attempt of `run` failed, None where it did not."""

    def wake(self) -> None:
        """Have `run` look at once."""
        self._woken.set()

    async def run(self) -> None:
        """Sync whenever something changed, until cancelled; an engine or a database that is away is waited for."""
        pause_s = _FIRST_PAUSE_S
        await self._prepared()
        while True:
            self._woken.clear()
            try:
                await self.sync()
            except ParallaxError as error:
                self.failure = error
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                continue
            self.failure, pause_s = None, _FIRST_PAUSE_S
            await self._changed()

    async def sync(self) -> Synced:
        """Index what is not indexed, drop what is gone. Raises what database and engine raise."""
        indexed = sum([await self._index_all(index) for index in INDEXES.values()])
        return Synced(indexed=indexed, dropped=await self._drop_gone())

    async def find_unindexed(
        self, index: SearchIndex, *, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Return documents that the index does not hold as they are."""
        return await self._ask.find(
            index.collection, filter={MARK: {"$ne": True}}, sort={"_id": 1}, limit=limit
        )

    async def mark_as_indexed(
        self, index: SearchIndex, documents: Sequence[Mapping[str, Any]]
    ) -> None:
        """Mark documents, unless something that is indexed was changed since they were read."""
        read = (*index.texts, *index.filters, index.owner, "createdAt")
        updates = [
            {
                "q": {"_id": each["_id"], **{field: each.get(field) for field in read}},
                "u": {"$set": {MARK: True}},
            }
            for each in documents
        ]
        await self._ask.update(index.collection, *updates)

    async def forget(self, index: SearchIndex) -> None:
        """Have a whole entity indexed anew: for documents that were written past the marks."""
        everything = {"q": {MARK: True}, "u": {"$set": {MARK: False}}, "multi": True}
        await self._ask.update(index.collection, everything)
        self.wake()

    async def _index_all(self, index: SearchIndex) -> int:
        n, before = 0, None
        while documents := await self.find_unindexed(index, limit=BATCH):
            if documents == before:
                # None of them took the mark: they stay for the next time.
                break
            before = documents
            await self._engine.put(index, [index.entry(each) for each in documents])
            await self.mark_as_indexed(index, documents)
            n += len(documents)
        return n

    async def _drop_gone(self) -> int:
        notes = await self._ask.find(NOTES, filter={}, sort={"_id": 1}, limit=BATCH)
        by_collection = defaultdict(list)
        for note in notes:
            by_collection[note["collection"]].append(note)
        return sum(
            [
                await self._drop_of(index, by_collection[index.collection])
                for index in INDEXES.values()
                if index.collection in by_collection
            ]
        )

    async def _drop_of(self, index: SearchIndex, notes: Sequence[Mapping[str, Any]]) -> int:
        noted = [note["id"] for note in notes]
        there = await self._ask.find(
            index.collection, filter={"_id": {"$in": noted}}, projection={"_id": 1}
        )
        living = {document_key(each["_id"]) for each in there}
        gone = [note for note in notes if document_key(note["id"]) not in living]
        if gone:
            await self._engine.drop(index, [entry_id(note["id"]) for note in gone])
        settled_ms = time.time_ns() // 1_000_000 - SETTLED_AFTER_MS
        # A delete may still be under way of what is there now.
        done = [note["_id"] for note in notes if note in gone or note["at_ms"] < settled_ms]
        if done:
            await self._ask.delete(NOTES, done)
        return len(gone)

    async def _prepared(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self._engine.prepare(list(INDEXES.values()))
            except ParallaxError as error:
                self.failure = error
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                return

    async def _changed(self) -> None:
        try:
            async with asyncio.timeout(self._every_s):
                await self._woken.wait()
        except TimeoutError:
            return
