"""MongoDB as the mirror writes it: durable at a majority, and with errors that are ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, ConnectionFailure, PyMongoError

from comparators.canonical import CODEC
from comparators.errors import ParallaxError, UnreachableError

DURABLE: Final = WriteConcern("majority", j=True)
INTERNAL: Final = frozenset({"admin", "config", "local"})
AWAY: Final = frozenset({11600, 91, 189, 10107, 13435, 13436, 11602, 64})
"""Codes of a server that is going, is no primary, or has lost its majority."""


class MirrorRefusedError(ParallaxError):
    """MongoDB does not take what the gateway holds."""


class Target:
    """One MongoDB. Every method raises UnreachableError when it is away."""

    def __init__(self, client: AsyncMongoClient[Any], *, where: str) -> None:
        self._client = client
        self.where: Final = where

    def collection(self, namespace: str) -> AsyncCollection[dict[str, Any]]:
        """Return a collection to read values from."""
        database, _, name = namespace.partition(".")
        return self.database(database).get_collection(name)

    def images(self, namespace: str) -> AsyncCollection[RawBSONDocument]:
        """Return a collection of raw documents."""
        database, _, name = namespace.partition(".")
        options = CODEC.with_options(document_class=RawBSONDocument)
        return self._client[database].get_collection(
            name, codec_options=options, write_concern=DURABLE
        )

    def database(self, name: str) -> AsyncDatabase[dict[str, Any]]:
        """Return a database."""
        return self._client.get_database(name, codec_options=CODEC, write_concern=DURABLE)

    async def databases(self) -> list[str]:
        """Return the names of the databases of applications."""
        with self.reachable():
            names = await self._client.list_database_names()
        return [name for name in names if name not in INTERNAL]

    async def collections(self, database: str) -> list[str]:
        """Return the names of the ordinary collections of a database."""
        with self.reachable():
            found = await self.database(database).list_collection_names(
                filter={"type": "collection"}
            )
        return [name for name in found if not name.startswith("system.")]

    @contextmanager
    def reachable(self) -> Iterator[None]:
        """Turn errors into ours, but for those of single documents."""
        try:
            yield
        except BulkWriteError as error:
            if not error.details.get("writeErrors"):
                # Done, and not known to be durable.
                raise self._away(error) from error
            raise
        except PyMongoError as error:
            code = getattr(error, "code", None)
            if isinstance(error, ConnectionFailure) or code in AWAY:
                raise self._away(error) from error
            raise MirrorRefusedError(
                f"MongoDB refuses what the gateway holds: {type(error).__name__}, code {code}",
                where=self.where,
                remedy="give the user in the legacy URI the roles readWriteAnyDatabase and dbAdminAnyDatabase",
            ) from error

    def _away(self, error: Exception) -> UnreachableError:
        return UnreachableError(
            f"MongoDB does not answer the mirror: {type(error).__name__}",
            where=self.where,
            remedy="nothing: what is missing there is copied when it is back",
        )
