"""The search of the HTTP API: its engine, as settings or LibreChat's own variables name it, and who keeps its indexes."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol
from urllib.parse import quote, urlsplit

from adapters.database import Database
from adapters.meilisearch.engine import Meilisearch
from adapters.repositories.gateway import RepositoryGateway
from adapters.search.engine import SearchEngine
from adapters.search.indexed import IndexedDatabase
from adapters.search.searching import Found, Search, Wish
from adapters.search.syncing import Indexer
from comparators.errors import ParallaxError, SettingsError
from proxy.cli.cached import Layers
from proxy.fronts import FrontMetrics
from proxy.http.entity import entity_of
from proxy.http.searching import Searching, indexes_of
from proxy.http.traced import TracedDatabase
from proxy.ledger.entries import SearchComparison
from proxy.searches.comparing import Comparing, Judged
from proxy.settings import Settings

HOST_VARIABLE: Final = "MEILI_HOST"
KEY_VARIABLE: Final = "MEILI_MASTER_KEY"
_PORTS: Final = {"http": 80, "https": 443}


class Job(Protocol):
    """What goes on until it is cancelled."""

    async def run(self) -> None:
        """Go on."""


def engine_of(settings: Settings) -> SearchEngine | None:
    """Return the engine; None where none is to be used. SettingsError where its address is missing."""
    given = settings.search
    if not given.enabled:
        return None
    url = given.url or os.environ.get(HOST_VARIABLE, "")
    if not url:
        raise SettingsError(
            "searching with an engine is enabled, and no address says where it is",
            where="search.url",
            remedy=f"set it, or the variable {HOST_VARIABLE}",
        )
    return Meilisearch(
        engine_url(url, given.key or os.environ.get(KEY_VARIABLE, "")), prefix=given.prefix
    )


def engine_url(url: str, key: str) -> str:
    """Return the address of Meilisearch as its adapter has it, with the key; SettingsError for what is none."""
    parts = urlsplit(url)
    if parts.scheme == "meilisearch":
        return url
    if parts.scheme not in _PORTS or not parts.hostname:
        raise SettingsError(
            "the address of the search engine is none",
            where="search.url",
            remedy="it begins with http:// or https://, and names a host",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    secret = f":{quote(key, safe='')}@" if key else ""
    port = parts.port or _PORTS[parts.scheme]
    tls = "?tls=verified" if parts.scheme == "https" else ""
    return f"meilisearch://{secret}{host}:{port}/{tls}"


def indexer_of(
    settings: Settings, engine: SearchEngine | None, seen: Database, name: str
) -> Indexer | None:
    """Return what keeps the indexes; None where this process does not."""
    if engine is None or not settings.search.sync:
        return None
    return Indexer(seen, name, engine, every_s=settings.search.sync_every_s)


def marking(layers: Layers, engine: SearchEngine | None, indexer: Indexer | None) -> Database:
    """Return a database whose writes are marked for the indexes; also where another process keeps them."""
    if engine is None:
        return layers.database
    changed: Callable[[], None] = _nothing if indexer is None else indexer.wake
    return IndexedDatabase(layers.database, changed=changed, seen=layers.seen)


def search_of(
    settings: Settings,
    gateway: RepositoryGateway,
    traced: TracedDatabase,
    engine: SearchEngine | None,
    *,
    name: str,
) -> Search:
    """Return the search over the entities that there are, without what they hide."""
    entities = {each: entity_of(gateway.repository(each)) for each in gateway.names}
    return Search(
        traced,
        name,
        engine,
        indexes=indexes_of(entities),
        hidden={each: entity.hidden for each, entity in entities.items()},
        within_s=settings.search.within_s,
    )


def counted(metrics: FrontMetrics) -> Judged:
    """Return what adds comparisons to the metrics."""

    def count(comparison: SearchComparison) -> None:
        metrics.search(comparison.namespace.partition(".")[2], comparison.verdict)

    return count


def comparing_of(
    settings: Settings, search: Search, judged: Sequence[Judged], *, name: str, ranks: bool
) -> Comparing | None:
    """Return what compares the searches of engine and database; None where there is but one of them.

    `ranks` says whether the database is asked how a text index of its ranks.
    """
    given = settings.search
    if search.engine is None or not given.compared:
        return None

    def tell(comparison: SearchComparison) -> None:
        for each in judged:
            each(comparison)

    return Comparing(
        search,
        name=name,
        share=given.compared,
        rank_tolerance=given.rank_tolerance if ranks else None,
        judged=tell,
    )


def searching_of(search: Search, indexer: Indexer | None, comparing: Comparing | None) -> Searching:
    """Return what the API searches with."""
    if comparing is None:
        return Searching(search=search, indexer=indexer, answered=_nobody, compared=dict)
    return Searching(
        search=search,
        indexer=indexer,
        answered=comparing.answered,
        compared=comparing.totals,
    )


@asynccontextmanager
async def beside(*jobs: Job | None) -> AsyncIterator[None]:
    """Run jobs beside a block, and end them with it. One that fails ends the block."""
    failed: ParallaxError | None = None
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(job.run(), name=type(job).__name__) for job in jobs if job is not None
        ]
        try:
            yield
        except ParallaxError as error:
            # As itself, not in a group: it is told in three lines.
            failed = error
        finally:
            for task in running:
                task.cancel()
    if failed is not None:
        raise failed


def _nobody(_: Wish, __: Found) -> None:
    """Have a search compared with nothing."""


def _nothing() -> None:
    """Have nobody woken: who keeps the indexes looks by itself."""
