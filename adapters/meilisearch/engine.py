"""Meilisearch as a search engine. Its client blocks, so each call has a thread."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from meilisearch import Client
from meilisearch.errors import MeilisearchApiError, MeilisearchError

from adapters.adapter import Health
from adapters.connection import peer_of
from adapters.meilisearch.adapter import (
    DEFAULT_PORT,
    NOT_ITS_ANSWERS,
    another,
    check,
    client_of,
)
from adapters.search.engine import Query, Ranked
from adapters.search.index import SearchIndex, tag_of
from comparators.errors import RefusedError, UnreachableError

T = TypeVar("T")

ANSWERS_WITHIN_S: Final = 2
TASK_WITHIN_MS: Final = 30_000
"""How long a batch may take to be indexed."""
_TASK_LOOK_MS: Final = 20
_NOT_THERE: Final = "index_not_found"


class Meilisearch:
    """Indexes on one server, whose names begin with a prefix of their own."""

    def __init__(self, url: str, *, prefix: str = "") -> None:
        self._url = url
        self._prefix = prefix
        self._where = peer_of(url, DEFAULT_PORT)

    async def prepare(self, indexes: Sequence[SearchIndex]) -> None:
        """Have the indexes with their settings."""
        for index in indexes:
            settings = {
                "searchableAttributes": list(index.texts),
                "filterableAttributes": ["id", "owner", "at", *index.filters],
                "sortableAttributes": ["at"],
            }
            # An index that is not there comes with its settings.
            await self._done(partial(self._index(index).update_settings, settings))

    async def put(self, index: SearchIndex, entries: Sequence[Mapping[str, Any]]) -> None:
        """Keep entries; returns when they can be found."""
        given = [dict(each) for each in entries]
        await self._done(lambda: self._index(index).add_documents(given, "id"))

    async def drop(self, index: SearchIndex, ids: Sequence[str]) -> None:
        """Forget entries by their `id`; returns when they cannot be found any more."""
        await self._done(
            lambda: self._index(index).delete_documents(filter=f"id IN [{', '.join(ids)}]")
        )

    async def search(self, index: SearchIndex, query: Query) -> Ranked:
        """Look for words."""
        options = {
            "filter": list(_conditions(query)),
            "limit": query.limit,
            "offset": query.offset,
            "attributesToRetrieve": ["id", "key", index.title],
            "matchingStrategy": "all",
        }

        def ask() -> Ranked:
            answer = self._index(index).search(query.text, options)
            return Ranked(entries=list(answer["hits"]), about=int(answer["estimatedTotalHits"]))

        return await self._asked(ask)

    async def count(self, index: SearchIndex) -> int:
        """Return how many entries an index has."""
        return await self._asked(lambda: int(self._index(index).get_stats().number_of_documents))

    async def health(self) -> Health:
        """Return the version, and how long the answer took."""
        return await check(self._url)

    def _named(self, index: SearchIndex) -> str:
        return f"{self._prefix}{index.name}"

    @property
    def _client(self) -> Client:
        # One for each call: it keeps the headers of a request where another thread's would meet them.
        return client_of(self._url, within_s=ANSWERS_WITHIN_S)

    def _index(self, index: SearchIndex) -> Any:
        return self._client.index(self._named(index))

    async def _done(self, ask: Callable[[], Any]) -> None:
        """Ask for something that Meilisearch does later, and wait until it is done."""
        asked = await self._asked(ask)
        wait = self._client.wait_for_task
        task = await self._asked(
            lambda: wait(asked.task_uid, TASK_WITHIN_MS, _TASK_LOOK_MS),
        )
        if task.status != "succeeded":
            code = (task.error or {}).get("code", task.status)
            raise self._refusal(str(code))

    async def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(ask)
        except MeilisearchApiError as error:
            raise self._refusal(error.code or "") from error
        except MeilisearchError as error:
            raise UnreachableError(
                "Meilisearch does not answer", where=self._where, remedy="is it running there?"
            ) from error
        except NOT_ITS_ANSWERS as error:
            raise another(self._where) from error

    def _refusal(self, code: str) -> RefusedError:
        # Only its code: a message can quote what was searched for.
        remedy = (
            "make the indexes first"
            if code == _NOT_THERE
            else "see Meilisearch's list of errors for this code"
        )
        return RefusedError(f"Meilisearch refuses: {code}", where=self._where, remedy=remedy)


def _conditions(query: Query) -> list[str]:
    """Return the filter as Meilisearch's expressions, all of which must hold. Values are tags, which need no quoting."""
    conditions = [f"owner = {tag_of(query.owner)}"]
    conditions += [f"{field} = {tag_of(value)}" for field, value in query.fields.items()]
    if query.since_ms is not None:
        conditions.append(f"at >= {query.since_ms}")
    if query.until_ms is not None:
        conditions.append(f"at < {query.until_ms}")
    return conditions
