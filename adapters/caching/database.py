"""A database whose answers are kept for a while. Writes go through it, and make void what they touch."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from adapters.caching.cache import Cache
from adapters.caching.keys import CACHED, depends_on, everything_in, key_of, renewed_by
from adapters.caching.outcomes import packed, unpacked
from adapters.database import Database
from adapters.gateway import Generated, Transaction
from comparators.operation import Operation
from comparators.outcome import Outcome

TTL_S: Final = 60.0
"""How long an answer is kept, unless a write comes first."""
LARGEST: Final = 1 << 20
"""The largest answer that is kept, in bytes."""
MADE_WITHIN_S: Final = 2.0
"""How long others wait for whoever asks the database for an answer that all of them want."""
_FIRST_LOOK_S: Final = 0.005
_LONGEST_LOOK_S: Final = 0.1


@dataclass(slots=True)
class Tally:
    """How often an answer was there, and how often the database was asked."""

    hits: int = 0
    misses: int = 0


class CachedDatabase:
    """Give answers of `find`, `count` and `distinct` from a cache, all else from the database.

    Whoever writes through this object, or through another one on the same cache, finds what was written. An answer outlives a write that went past
    all of them, or whose tokens could not be renewed because the cache was away, by at most `ttl_s`; in this process such tokens
    are renewed before the cache is used again. Inside of a transaction nothing is cached.

    While `is_used` says no, the cache is asked nothing at all; what is written meanwhile is void in it before it is used again. What `is_kept` refuses
    is never in it.
    """

    def __init__(
        self,
        database: Database,
        cache: Cache,
        *,
        ttl_s: float = TTL_S,
        is_used: Callable[[], bool] = lambda: True,
        is_kept: Callable[[Operation], bool] = lambda _: True,
    ) -> None:
        self._database = database
        self._cache = cache
        self._ttl_s = ttl_s
        self._is_used = is_used
        self._is_kept = is_kept
        self._making: dict[str, asyncio.Future[Outcome]] = {}
        self._unrenewed: set[str] = set()
        self.tally: Final = Tally()

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation."""
        if operation.kind in CACHED:
            if self._is_used() and self._is_kept(operation):
                return await self._read(operation, generated)
            return await self._database.run(operation, generated=generated)
        try:
            return await self._database.run(operation, generated=generated)
        finally:
            # Also where it failed: it may have taken effect all the same.
            await self._renew(renewed_by(operation))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction of the database; what it wrote is void in the cache once it has ended."""
        names: set[str] = set()
        try:
            async with self._database.transaction() as transaction:
                yield _Noting(transaction, names)
        finally:
            await self._renew(sorted(names))

    async def reachable(self) -> None:
        """Return when the database answers; UnreachableError when it does not."""
        await self._database.reachable()

    async def _read(self, operation: Operation, generated: Generated) -> Outcome:
        began = time.perf_counter()
        if not await self._is_current():
            return await self._database.run(operation, generated=generated)
        tokens = await self._cache.tokens(depends_on(operation), ttl_s=2 * self._ttl_s)
        if tokens is None:
            return await self._database.run(operation, generated=generated)
        key = key_of(operation, tokens)
        found = await self._cache.get(key)
        if found is not None:
            return self._hit(found, began)
        return await self._made_once(key, operation, generated)

    async def _made_once(self, key: str, operation: Operation, generated: Generated) -> Outcome:
        """Ask the database, in this process once for all who want the same meanwhile."""
        making = self._making.get(key)
        if making is not None:
            await asyncio.wait([making])
            if not making.cancelled() and making.exception() is None:
                return making.result()
            return await self._database.run(operation, generated=generated)
        made: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._making[key] = made
        try:
            outcome = await self._made(key, operation, generated)
            made.set_result(outcome)
            return outcome
        finally:
            made.cancel()
            del self._making[key]

    async def _made(self, key: str, operation: Operation, generated: Generated) -> Outcome:
        """Ask the database, unless another process does so already: then wait for what it finds."""
        began = time.perf_counter()
        found = await self._claimed(key)
        if found is not None:
            return self._hit(found, began)
        try:
            # It may have been kept between the first look and the claim.
            found = await self._cache.get(key)
            if found is not None:
                return self._hit(found, began)
            self.tally.misses += 1
            outcome = await self._database.run(operation, generated=generated)
            packet = packed(outcome.result)
            if packet is not None and len(packet) <= LARGEST:
                await self._cache.set(key, packet, ttl_s=self._ttl_s)
            return outcome
        finally:
            await self._cache.release(key)

    def _hit(self, packet: bytes, began: float) -> Outcome:
        self.tally.hits += 1
        return Outcome(result=unpacked(packet), duration_s=time.perf_counter() - began)

    async def _claimed(self, key: str) -> bytes | None:
        """Wait until nobody else makes the value; return what another process has found meanwhile."""
        pause_s = _FIRST_LOOK_S
        while not await self._cache.claim(key, within_s=MADE_WITHIN_S):
            found = await self._cache.get(key)
            if found is not None:
                return found
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_LOOK_S)
        return None

    async def _renew(self, names: Sequence[str]) -> None:
        if not names:
            return
        if not self._is_used():
            # Not each document: there may be any number of them until it is used again.
            self._unrenewed.update(map(everything_in, names))
        elif not await self._cache.renew(names):
            self._unrenewed.update(names)

    async def _is_current(self) -> bool:
        """Return whether everything that was written through here is void in the cache."""
        names = list(self._unrenewed)
        if names and await self._cache.renew(names):
            self._unrenewed.difference_update(names)
        return not self._unrenewed


class PastCache:
    """The database behind a cache, for who must see it as it is: reads ask it, writes still make void what they touch."""

    def __init__(self, database: Database, cached: CachedDatabase) -> None:
        self._database = database
        self._cached = cached

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation."""
        asked = self._database if operation.kind in CACHED else self._cached
        return await asked.run(operation, generated=generated)

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction."""
        return self._cached.transaction()

    async def reachable(self) -> None:
        """Return when the database answers; UnreachableError when it does not."""
        await self._database.reachable()


class _Noting:
    """A transaction that notes what it makes void."""

    def __init__(self, transaction: Transaction, names: set[str]) -> None:
        self._transaction = transaction
        self._names = names

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation inside the transaction."""
        self._names.update(renewed_by(operation))
        return await self._transaction.run(operation, generated=generated)
