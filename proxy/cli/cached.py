"""The cache before the database of the HTTP API: when it is used, and what is never in it.

What a cache answers reaches no database, so that nobody verifies it. While the database is the relay, and MongoDB has the last word there, the
cache is therefore out of use, unless the settings say that it is what is being tested.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog

from adapters.caching.database import CachedDatabase, PastCache
from adapters.caching.secrecy import shows
from adapters.database import Database
from adapters.mongoose.models import models_of
from adapters.redis.cache import RedisCache
from adapters.repositories.adapting import adapted
from adapters.repositories.secrecy import hidden_paths
from comparators.errors import CorruptionError
from proxy.capture.authority import read_authority
from proxy.settings import Settings
from proxy.uris import address_of

_log = structlog.get_logger()

_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - it is compared with
_PORT: Final = 27017
LOOK_S: Final = 0.25
"""How long it is taken for granted who has the last word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """A database as repositories see it, and as whoever must see the stored documents sees it."""

    database: Database
    seen: Database


@asynccontextmanager
async def layered(
    settings: Settings, database: Database, *, uri: str, name: str, models: Path
) -> AsyncIterator[Layers]:
    """Put the cache before a database, where one is set."""
    given = settings.cache
    if not given.url:
        yield Layers(database=database, seen=database)
        return
    hidden: dict[str, frozenset[str]] = {}
    for model in models_of(models, database, name=name, adapted=adapted).values():
        collection = model.schema.collection
        hidden[collection] = hidden.get(collection, frozenset()) | hidden_paths(model)
    nothing: frozenset[str] = frozenset()
    async with RedisCache(given.url, prefix=given.prefix, within_s=given.within_s) as cache:
        cached = CachedDatabase(
            database,
            cache,
            ttl_s=given.ttl_s,
            is_used=usage_of(settings, uri, time.monotonic),
            is_kept=lambda operation: (
                not shows(operation, hidden.get(operation.collection, nothing))
            ),
        )
        yield Layers(database=cached, seen=PastCache(database, cached))


def usage_of(settings: Settings, uri: str, monotonic: Callable[[], float]) -> Callable[[], bool]:
    """Return what tells whether the cache is to be used now; it says in the log where that changes."""
    if not is_relay(settings, uri):
        return lambda: True
    if settings.cache.while_verifying:
        _log.warning(
            "cache_hides_reads", remedy="unset cache.while_verifying to have them verified"
        )
        return lambda: True
    return _Usage(settings.capture_directory, monotonic)


def is_relay(settings: Settings, uri: str) -> bool:
    """Return whether a database is the relay of these settings."""
    listen = address_of(settings.listen.address)
    # Rather one too many: what is no relay is then read without a cache, and the log says so.
    names = {listen.host, *_THIS_MACHINE} if listen.host in _THIS_MACHINE else {listen.host}
    everywhere = listen.host in _EVERYWHERE
    return uri.startswith("mongodb://") and any(
        port == listen.port and (everywhere or host in names) for host, port in _peers(uri)
    )


class _Usage:
    """Whether nothing is verified: PostgreSQL has the last word since a cut-over, and nothing is captured any more."""

    def __init__(self, capture: Path, monotonic: Callable[[], float]) -> None:
        self._capture = capture
        self._monotonic = monotonic
        self._looked_s = float("-inf")
        self._is_used: bool | None = None

    def __call__(self) -> bool:
        now_s = self._monotonic()
        if now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            self._tell(is_used=_is_through(self._capture))
        return bool(self._is_used)

    def _tell(self, *, is_used: bool) -> None:
        if is_used == self._is_used:
            return
        self._is_used = is_used
        if is_used:
            _log.info("cache_used", reason="PostgreSQL has the last word, and nothing is verified")
        else:
            _log.info("cache_bypassed", reason="what is read through the relay is being verified")


def _is_through(capture: Path) -> bool:
    try:
        return read_authority(capture).is_gateway
    except CorruptionError:
        # Nobody can tell: then as if it were verified.
        return False


def _peers(uri: str) -> Iterator[tuple[str, int]]:
    for peer in urlsplit(uri).netloc.rpartition("@")[2].split(","):
        parts = urlsplit(f"//{peer}")
        yield parts.hostname or "", parts.port or _PORT
