"""A cache on Redis. While Redis is away nothing waits for it: after a failure it is left alone for a moment."""

import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

T = TypeVar("T")

ANSWERS_WITHIN_S: Final = 0.05
"""How long Redis may take: longer than that, the database is as fast."""
LEFT_ALONE_S: Final = 1.0
"""How long Redis is not asked after it failed."""
_SCANNED_AT_ONCE: Final = 500


class RedisCache:
    """Values under keys with a prefix of their own, so that others may use the same Redis.

    `async with RedisCache(url) as cache:` closes its connections at the end. `failures` counts the calls that failed; those that
    were not tried meanwhile are not among them.
    """

    def __init__(
        self, url: str, *, prefix: str = "parallax", within_s: float = ANSWERS_WITHIN_S
    ) -> None:
        # Its types are those of the blocking and the asynchronous client at once.
        self._redis: Any = Redis.from_url(
            url, socket_timeout=within_s, socket_connect_timeout=within_s
        )
        self._prefix = prefix
        self._not_before_s = 0.0
        self.failures = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._redis.aclose()

    async def get(self, key: str) -> bytes | None:
        """Return a value, None where there is none."""
        found: bytes | None = await self._tried(lambda: self._redis.get(self._named(key)), None)
        return found

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        """Keep a value for so long; False where it could not be."""
        kept = self._redis.set
        return bool(
            await self._tried(lambda: kept(self._named(key), value, px=_milliseconds(ttl_s)), None)
        )

    async def invalidate(self, pattern: str) -> int:
        """Drop the keys that match a pattern of `*` and `?`, and return how many there were."""
        return await self._tried(lambda: self._dropped(self._named(pattern)), 0)

    async def tokens(self, names: Sequence[str], *, ttl_s: float) -> Sequence[str] | None:
        """Return what each name stands for now; None when Redis is away."""
        return await self._tried(lambda: self._tokens(list(map(self._token, names)), ttl_s), None)

    async def renew(self, names: Sequence[str]) -> bool:
        """Give names other tokens than they have; False where that could not be told."""
        keys = list(map(self._token, names))
        return await self._tried(lambda: self._redis.delete(*keys), None) is not None

    async def claim(self, key: str, *, within_s: float) -> bool:
        """Return whether the caller is the one to make a value; so is everybody while Redis is away."""
        claimed = self._redis.set
        name = self._named(f"claim:{key}")
        asked = await self._tried(
            lambda: claimed(name, b"", nx=True, px=_milliseconds(within_s)), True
        )
        return bool(asked)

    async def release(self, key: str) -> None:
        """Let the next one make the value."""
        await self._tried(lambda: self._redis.delete(self._named(f"claim:{key}")), 0)

    async def _dropped(self, pattern: str) -> int:
        n = 0
        async for key in self._redis.scan_iter(match=pattern, count=_SCANNED_AT_ONCE):
            n += await self._redis.delete(key)
        return n

    async def _tokens(self, keys: list[str], ttl_s: float) -> Sequence[str]:
        found: list[bytes | None] = await self._redis.mget(keys)
        if all(each is not None for each in found):
            return [each.decode() for each in found if each is not None]
        # A token that was forgotten comes back as another one: what was kept under the old is not found any more.
        async with self._redis.pipeline(transaction=False) as asked:
            for key in keys:
                asked.set(key, uuid4().hex, nx=True, px=_milliseconds(ttl_s))
            asked.mget(keys)
            answers: list[Any] = await asked.execute()
        return [(each or uuid4().hex.encode()).decode() for each in answers[-1]]

    async def _tried(self, ask: Callable[[], Awaitable[T]], otherwise: T) -> T:
        if time.monotonic() < self._not_before_s:
            return otherwise
        try:
            return await ask()
        except (RedisError, OSError):
            self.failures += 1
            self._not_before_s = time.monotonic() + LEFT_ALONE_S
            return otherwise

    def _named(self, key: str) -> str:
        return f"{self._prefix}:{key}"

    def _token(self, name: str) -> str:
        return self._named(f"token:{name}")


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
