"""The search of an entity: by a search engine where there is one, else by the database itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bson.regex import Regex

from adapters.gateway import Transaction
from proxy.http.entity import Entity
from proxy.http.problems import Code, ProblemError


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Documents, the best first, and who found them."""

    items: Sequence[Mapping[str, Any]]
    by: str


class Search(Protocol):
    """Finds documents by words; `filter` is MongoDB's, and what it leaves out is never found."""

    async def find(
        self,
        entity: Entity,
        query: str,
        filter: Mapping[str, Any],  # noqa: A002 - MongoDB's name
        *,
        limit: int,
        session: Transaction | None,
    ) -> Found:
        """Return at most so many documents."""


class DatabaseSearch:
    """The database itself: every word of the query is in one of the paths that are searched, in any case."""

    async def find(
        self,
        entity: Entity,
        query: str,
        filter: Mapping[str, Any],  # noqa: A002 - MongoDB's name
        *,
        limit: int,
        session: Transaction | None,
    ) -> Found:
        """Return the newest first."""
        words = query.split()
        if not words:
            raise ProblemError(Code.BAD_PARAMETER, "`query` has no word")
        if not entity.searched:
            raise ProblemError(Code.UNSUPPORTED, f"{entity.name} has no path that is searched")
        wanted = [{"$or": [{path: _with(word)} for path in entity.searched]} for word in words]
        items = await entity.repository.find(
            {"$and": [filter, *wanted]}, sort={"_id": -1}, limit=limit, session=session
        )
        return Found(items=items, by="database")


def _with(word: str) -> Regex[str]:
    return Regex(re.escape(word), "i")
