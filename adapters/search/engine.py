"""What a search engine does, whichever it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adapters.adapter import Health
from adapters.search.index import SearchIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for: words, in the documents of one owner, made in a span of milliseconds since the epoch.

    `fields` are values that filters of the index must have.
    """

    text: str
    owner: str
    since_ms: int | None = None
    until_ms: int | None = None
    fields: Mapping[str, str]
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Entries of an index as `SearchIndex.entry` makes them, the best first, and about how many there are in all."""

    entries: Sequence[Mapping[str, Any]]
    about: int


class SearchEngine(Protocol):
    """An engine that keeps indexes. Raises UnreachableError when it is away."""

    async def prepare(self, indexes: Sequence[SearchIndex]) -> None:
        """Have the indexes with their settings."""

    async def put(self, index: SearchIndex, entries: Sequence[Mapping[str, Any]]) -> None:
        """Keep entries; returns when they can be found."""

    async def drop(self, index: SearchIndex, ids: Sequence[str]) -> None:
        """Forget entries by their `id`; returns when they cannot be found any more."""

    async def search(self, index: SearchIndex, query: Query) -> Ranked:
        """Look for words."""

    async def count(self, index: SearchIndex) -> int:
        """Return how many entries an index has."""

    async def health(self) -> Health:
        """Return the version, and how long the answer took."""
