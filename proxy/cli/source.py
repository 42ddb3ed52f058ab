"""A live collection of MongoDB, to look at."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from comparators.canonical import CODEC
from comparators.errors import SettingsError, UnreachableError
from proxy.uris import redacted_uri

TIMEOUT_MS: Final = 5_000


class Source:
    """One collection."""

    def __init__(self, collection: AsyncCollection[dict[str, Any]]) -> None:
        self._collection = collection

    async def sample(self, size: int) -> AsyncIterator[dict[str, Any]]:
        """Yield up to `size` documents, chosen at random."""
        async with await self._collection.aggregate([{"$sample": {"size": size}}]) as cursor:
            async for document in cursor:
                yield document

    async def indexes(self) -> list[Mapping[str, Any]]:
        """Return the specifications of the indexes."""
        return [dict(each) async for each in await self._collection.list_indexes()]


@asynccontextmanager
async def source_of(uri: str, namespace: str) -> AsyncIterator[Source]:
    """Open a collection, as `database.collection`; UnreachableError while MongoDB does not answer."""
    database, dot, collection = namespace.partition(".")
    if not dot or not database or not collection:
        raise SettingsError(
            f"{namespace!r} is no collection",
            where="COLLECTION",
            remedy="write the database, a dot and the collection, as in shop.orders",
        )
    try:
        async with AsyncMongoClient[dict[str, Any]](
            uri, serverSelectionTimeoutMS=TIMEOUT_MS, appname="parallax-map"
        ) as client:
            yield Source(client[database].get_collection(collection, codec_options=CODEC))
    except PyMongoError as error:
        raise UnreachableError(
            f"the collection cannot be read ({type(error).__name__})",
            where=f"{namespace} at {redacted_uri(uri)}",
            remedy="check that MongoDB runs and that the user in legacy.uri may read it",
        ) from error
