"""The verifier's own reads on MongoDB: images of documents, and operations asked once more.

They use the verifier's connection and credentials, never the application's.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from bson.timestamp import Timestamp
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from adapters.mongodb.asking import RAW, ask
from comparators.canonical import CODEC, decode, document_key
from comparators.errors import UnreachableError
from comparators.operation import Kind, Operation
from comparators.outcome import Outcome

_IMAGES_AT_ONCE: Final = 500
INTERNAL: Final = frozenset({"admin", "config", "local"})


class Legacy:
    """MongoDB as the verifier sees it. Every method raises UnreachableError when it is away."""

    def __init__(self, client: AsyncMongoClient[Any], *, where: str) -> None:
        self._client = client
        self._where = where

    async def cluster(self) -> str | None:
        """Return what names the replica set, None for a server without a clock."""
        with self._reachable():
            answer = await self._client.admin.command("hello")
        name = answer.get("setName")
        return None if name is None else f"{name} {' '.join(sorted(answer['hosts']))}"

    async def version(self) -> str:
        """Return the version of the server."""
        with self._reachable():
            answer = await self._client.admin.command("buildInfo")
        return str(answer["version"])

    async def clock(self) -> int:
        """Return MongoDB's clock: what was acknowledged before lies at or below it, what begins later behind it."""
        with self._reachable():
            answer = await self._client.admin.command("ping")
        stamp: Timestamp = answer["operationTime"]
        return (stamp.time << 32) + stamp.inc

    async def images(self, namespace: str, ids: Sequence[Any]) -> dict[bytes, bytes]:
        """Return the documents with these `_id`s as raw BSON by document key."""
        database, _, collection = namespace.partition(".")
        found: dict[bytes, bytes] = {}
        with self._reachable():
            source = self._client[database].get_collection(collection, codec_options=RAW)
            for first in range(0, len(ids), _IMAGES_AT_ONCE):
                wanted = list(ids[first : first + _IMAGES_AT_ONCE])
                async for document in source.find({"_id": {"$in": wanted}}):
                    image = bytes(document.raw)
                    # Not the raw document's own `_id`: a nested one would not show its numbers as such.
                    found[document_key(decode(image)["_id"])] = image
        return found

    async def matching_ids(self, operation: Operation) -> list[Any]:
        """Return the `_id`s that the filters of a write select on MongoDB now."""
        found: list[Any] = []
        with self._reachable():
            database = self._client[operation.database]
            collection = database.get_collection(operation.collection, codec_options=CODEC)
            for condition in filters_of(operation):
                try:
                    found += [d["_id"] async for d in collection.find(condition, {"_id": 1})]
                except OperationFailure:
                    # A filter that MongoDB refuses selects nothing.
                    continue
        return found

    async def filled(self) -> list[str]:
        """Return the ordinary collections that hold documents, as far as the user may look."""
        found: list[str] = []
        with self._reachable():
            for name in await self._client.list_database_names():
                if name not in INTERNAL:
                    found += [f"{name}.{each}" for each in await self._ordinary(self._client[name])]
        return [namespace for namespace in found if await self.oldest(namespace, 1)]

    async def _ordinary(self, database: AsyncDatabase[Any]) -> list[str]:
        try:
            kinds = await database.list_collection_names(filter={"type": "collection"})
        except OperationFailure:
            # Dropped meanwhile, or not for this user: then nothing of it can be read anyhow.
            return []
        return [name for name in kinds if not name.startswith("system.")]

    async def oldest(self, namespace: str, n: int) -> list[Any]:
        """Return the `_id`s of the documents that were inserted first."""
        database, _, name = namespace.partition(".")
        collection = self._client[database].get_collection(name, codec_options=CODEC)
        with self._reachable():
            try:
                found = collection.find({}, {"_id": 1}).sort("$natural", 1).limit(n)
                return [each["_id"] async for each in found]
            except OperationFailure:
                return []

    async def run(self, operation: Operation) -> Outcome:
        """Ask MongoDB a read once more and return its whole answer."""
        with self._reachable():
            return await ask(self._client, operation)

    async def explain(self, database: str, command: Mapping[str, Any]) -> Mapping[str, Any] | int:
        """Return how MongoDB would run a read, without running it; the code of its refusal where it does not say."""
        with self._reachable():
            try:
                return await self._client[database].command(
                    {"explain": command, "verbosity": "queryPlanner"}
                )
            except OperationFailure as error:
                return error.code or 0

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except (ConnectionFailure, PyMongoError) as error:
            if isinstance(error, OperationFailure) and not isinstance(error, ConnectionFailure):
                raise self._refused(error) from error
            raise UnreachableError(
                f"MongoDB does not answer the verifier: {type(error).__name__}",
                where=self._where,
                remedy="check that the legacy URI reaches the primary and may read",
            ) from error

    def _refused(self, error: OperationFailure) -> UnreachableError:
        return UnreachableError(
            f"MongoDB refuses a read of the verifier with code {error.code}",
            where=self._where,
            remedy="give the user in the legacy URI the role `readAnyDatabase`",
        )


def filters_of(operation: Operation) -> list[Mapping[str, Any]]:
    """Return the filters by which a write selects documents; for inserts, their `_id`s."""
    arguments = operation.arguments
    match operation.kind:
        case Kind.INSERT:
            documents = arguments.get("documents", ())
            return [{"_id": {"$in": [d["_id"] for d in documents if "_id" in d]}}]
        case Kind.UPDATE:
            return [statement["q"] for statement in arguments.get("updates", ())]
        case Kind.DELETE:
            return [statement["q"] for statement in arguments.get("deletes", ())]
        case Kind.FIND_AND_MODIFY:
            return [arguments.get("query") or {}]
        case _:
            return []
