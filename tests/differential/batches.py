"""Many operations on a real server in few round trips, with the residual's answer to each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import HealthCheck, settings
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from adapters.query.failures import CommandFailure
from comparators.canonical import CODEC, encode
from comparators.errors import UnsupportedError

Document = dict[str, Any]
Database = AsyncDatabase[Document]
Answer = list[bytes] | int
"""Documents as BSON, or the code of a refusal."""

SEVERAL: Final = settings(
    # A test's database serves all its examples, each of which empties the collection first.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)


def collection_of(database: Database) -> AsyncCollection[Document]:
    """Return the one collection of a test."""
    return database.get_collection("cases", codec_options=CODEC)


async def stored(database: Database, documents: Sequence[Mapping[str, Any]]) -> list[Document]:
    """Store the documents with positions as `_id` where they have none; return them as stored."""
    collection = collection_of(database)
    await collection.delete_many({})
    if documents:
        await collection.insert_many([{"_id": n, **each} for n, each in enumerate(documents)])
    return await collection.find().to_list()


async def found(database: Database, **arguments: Any) -> Answer:
    """Return what the server's `find` gives."""
    try:
        reply = await database.command({"find": "cases", **arguments}, codec_options=CODEC)
    except OperationFailure as refused:
        return refused.code or 0
    return [encode(each) for each in reply["cursor"]["firstBatch"]]


def residual(answer: Callable[..., Sequence[Document]], *arguments: Any) -> Answer | None:
    """Return what the residual gives; None for what it does not support."""
    try:
        return [encode(each) for each in answer(*arguments)]
    except CommandFailure as refused:
        return refused.code
    except UnsupportedError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of an `update` command."""

    query: Mapping[str, Any]
    update: Any
    array_filters: Sequence[Mapping[str, Any]] | None = None
    upsert: bool = False

    def as_command(self) -> Document:
        """Return the statement as a server takes it."""
        statement: Document = {"q": self.query, "u": self.update, "upsert": self.upsert}
        if self.array_filters is not None:
            statement["arrayFilters"] = self.array_filters
        return statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """What a server made of a batch of statements."""

    errors: Mapping[int, int]
    """Codes by index of the statement."""
    modified: int
    upserted: Mapping[int, Any]
    documents: Sequence[Document]
    """What the collection then holds, in the order of `_id`."""


async def update_all(database: Database, statements: Sequence[Statement]) -> Updated:
    """Run the statements, each whatever becomes of the others."""
    reply = await database.command(
        {
            "update": "cases",
            "updates": [each.as_command() for each in statements],
            "ordered": False,
        },
        codec_options=CODEC,
    )
    documents = await collection_of(database).find().sort({"_id": 1}).to_list()
    return Updated(
        errors={each["index"]: each["code"] for each in reply.get("writeErrors", ())},
        modified=reply["nModified"],
        upserted={each["index"]: each["_id"] for each in reply.get("upserted", ())},
        documents=documents,
    )
