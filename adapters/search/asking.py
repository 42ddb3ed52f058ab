"""The operations that search and sync need of a database, on any that can answer as MongoDB."""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bson import Regex

from adapters.database import Database
from adapters.gateway import Generated
from comparators.canonical import decode
from comparators.errors import RefusedError
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Count, Documents, Failure, Result


class Asker:
    """Operations on the collections of one database."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name

    async def find(self, collection: str, /, **arguments: Any) -> list[dict[str, Any]]:
        """Return documents; `arguments` are those of the command."""
        result = await self._ask(collection, Kind.FIND, arguments)
        return [decode(each) for each in result.documents] if isinstance(result, Documents) else []

    async def count(self, collection: str, condition: Mapping[str, Any]) -> int:
        """Return how many documents a filter selects."""
        result = await self._ask(collection, Kind.COUNT, {"query": dict(condition)})
        return result.n if isinstance(result, Count) else 0

    async def update(self, collection: str, *updates: Mapping[str, Any]) -> None:
        """Change documents; `updates` are those of the command."""
        await self._ask(collection, Kind.UPDATE, {"updates": list(updates), "ordered": False})

    async def delete(self, collection: str, identifiers: Sequence[Any]) -> None:
        """Delete documents by their `_id`."""
        deletes = [{"q": {"_id": {"$in": list(identifiers)}}, "limit": 0}]
        await self._ask(collection, Kind.DELETE, {"deletes": deletes})

    async def _ask(self, collection: str, kind: Kind, arguments: Mapping[str, Any]) -> Result:
        operation = Operation(
            database=self._name, collection=collection, kind=kind, arguments=arguments
        )
        now = Generated(now_ms=time.time_ns() // 1_000_000)
        result = (await self._database.run(operation, generated=now)).result
        if code := _refusal(result):
            raise RefusedError(
                f"the database refuses {kind} with code {code}",
                where=f"{self._name}.{collection}",
                remedy="see MongoDB's list of error codes",
            )
        return result


def containing(text: str) -> Regex[str]:
    """Return a pattern for texts that hold a word, whatever its case."""
    return Regex(re.escape(text), "i")


def beginning(text: str) -> Regex[str]:
    """Return a pattern for texts that begin so, whatever the case."""
    return Regex("^" + re.escape(text), "i")


def _refusal(result: Result) -> int | None:
    if isinstance(result, Acknowledgement):
        return result.errors[0].code if result.errors else None
    return result.code if isinstance(result, Failure) else None
