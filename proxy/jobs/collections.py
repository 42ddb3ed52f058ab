"""Which collections there are on both sides, and which of them cannot be compared."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from comparators.errors import SettingsError, UnreachableError

UNSEEN_DATABASES: Final = frozenset({"admin", "config", "local"})
"""What the relay does not capture."""

TIMEOUT_MS: Final = 5_000


async def collections_on(client: AsyncMongoClient[Any]) -> dict[str, str]:
    """Return the collections of MongoDB, each with why it is not compared; empty where it is."""
    found = {}
    for database in await client.list_database_names():
        if database in UNSEEN_DATABASES:
            continue
        async for each in await client[database].list_collections():
            found[f"{database}.{each['name']}"] = _objection(each)
    return found


def _objection(listed: Mapping[str, Any]) -> str:
    if listed["type"] != "collection":
        return f"a {listed['type']}"
    if listed["name"].startswith("system."):
        return "of MongoDB's own"
    if "clusteredIndex" in listed["options"]:
        return "clustered"
    return "capped" if listed["options"].get("capped") else ""


def chosen(known: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Return the collections that are wanted, all where none is named; SettingsError for one that is on no side."""
    among, named = set(known), list(dict.fromkeys(wanted))
    unknown = [each for each in named if each not in among]
    if unknown:
        raise SettingsError(
            f"there is no collection {unknown[0]}",
            where="COLLECTION",
            remedy="write the database, a dot and the collection, as in shop.orders",
        )
    return named or sorted(among)


@asynccontextmanager
async def legacy_client(uri: str, *, application: str) -> AsyncIterator[AsyncMongoClient[Any]]:
    """Give a client of MongoDB; UnreachableError when it is away."""
    client: AsyncMongoClient[Any] = AsyncMongoClient(
        uri,
        serverSelectionTimeoutMS=TIMEOUT_MS,
        serverMonitoringMode="poll",
        appname=application,
    )
    try:
        async with client:
            yield client
    except OperationFailure as error:
        raise _unreachable(f"MongoDB refuses to be read with code {error.code}") from error
    except PyMongoError as error:
        raise _unreachable(f"MongoDB does not answer ({type(error).__name__})") from error


def _unreachable(what: str) -> UnreachableError:
    return UnreachableError(
        what,
        where="legacy.uri",
        remedy="check that the legacy URI reaches the primary, and may read every collection",
    )
