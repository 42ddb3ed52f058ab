"""What the gateway writes comes to MongoDB by its notes alone, whatever was in the way."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from adapters.gateway import Gateway, Generated, Mark
from adapters.postgresql.gateway import PostgresGateway
from adapters.postgresql.outbox import Outbox
from comparators.operation import Kind, Operation
from comparators.outcome import Failure, Outcome
from proxy.embedded import EmbeddedMongo
from proxy.mirror.mirror import Mirror
from proxy.mirror.target import Target
from proxy.serving.noting import noting
from tests.e2e.both_sides import both_sides_become_equal
from tests.eventually import eventually

Document = dict[str, Any]


class Written:
    """A gateway whose writes are noted, by short names."""

    def __init__(self, gateway: Gateway, database: str) -> None:
        self.gateway = noting(gateway)
        self.database = database

    async def run(
        self, kind: Kind, collection: str, mark: Mark | None = None, **arguments: Any
    ) -> Outcome:
        operation = Operation(
            database=self.database, collection=collection, kind=kind, arguments=arguments
        )
        outcome = await self.gateway.run(
            operation, generated=Generated(now_ms=time.time_ns() // 1_000_000), mark=mark
        )
        assert not isinstance(outcome.result, Failure), outcome.result
        return outcome

    async def insert(self, collection: str, *documents: Document) -> None:
        await self.run(Kind.INSERT, collection, documents=list(documents))

    async def update(self, collection: str, q: Document, u: Document, **more: Any) -> None:
        await self.run(Kind.UPDATE, collection, updates=[{"q": q, "u": u, **more}])

    async def delete(self, collection: str, q: Document) -> None:
        await self.run(Kind.DELETE, collection, deletes=[{"q": q, "limit": 0}])

    async def index(self, collection: str, key: str, **options: Any) -> None:
        index = {"key": {key: 1}, "name": f"{key}_1", **options}
        await self.run(Kind.CREATE_INDEXES, collection, indexes=[index])


@pytest.fixture
async def outbox(postgres_dsn: str) -> AsyncIterator[Outbox]:
    async with Outbox(postgres_dsn) as opened:
        await opened.prepare()
        yield opened


@pytest.fixture
async def written(
    postgres_dsn: str, outbox: Outbox, mongo_database: AsyncDatabase[Document]
) -> AsyncIterator[Written]:
    async with PostgresGateway(postgres_dsn) as gateway:
        yield Written(gateway, mongo_database.name)


@asynccontextmanager
async def mirroring(dsn: str, uri: str, outbox: Outbox) -> AsyncIterator[Mirror]:
    """Run a mirror with a catalog of its own."""
    async with (
        AsyncMongoClient[Document](uri, serverMonitoringMode="poll") as client,
        PostgresGateway(dsn, connections=2) as gateway,
        asyncio.TaskGroup() as tasks,
    ):
        mirror = Mirror(outbox, gateway, Target(client, where="here"))
        running = tasks.create_task(mirror.run())
        try:
            yield mirror
        finally:
            running.cancel()


async def is_mirrored(outbox: Outbox) -> bool:
    return (await outbox.pending()).notes == 0


async def test_everything_written_comes_to_mongodb(
    written: Written,
    outbox: Outbox,
    postgres_dsn: str,
    mongo: EmbeddedMongo,
    mongo_database: AsyncDatabase[Document],
) -> None:
    # As it was before the cut-over.
    await written.insert("people", *({"_id": n, "name": f"p{n}"} for n in range(6)))
    await written.index("people", "name", unique=True)
    await written.insert("other", {"_id": 1, "v": 1}, {"_id": 2})
    await written.insert("renamed", {"_id": 1}, {"_id": 2})
    await written.insert("again", {"_id": "old"})
    await written.insert("dropped", {"_id": 1})
    async with mirroring(postgres_dsn, mongo.uri, outbox):
        await eventually(lambda: is_mirrored(outbox), within_s=20)
    await both_sides_become_equal(mongo.uri, postgres_dsn, written.database)

    # A cycle of unique values, each in the way of the next.
    await written.update("people", {"_id": 0}, {"$set": {"name": "x"}})
    for n in range(5):
        await written.update("people", {"_id": n + 1}, {"$set": {"name": f"p{n}"}})
    await written.update("people", {"_id": 0}, {"$set": {"name": "p5"}})
    # The same `_id` in another type, and what a write without a mark of its own does.
    await written.delete("other", {"_id": 1})
    await written.insert("other", {"_id": Int64(1), "v": 2})
    await written.update("other", {}, {"$inc": {"v": 1}}, multi=True)
    await written.update("other", {"_id": "up"}, {"$set": {"v": 1}}, upsert=True)
    await written.run(Kind.RENAME_COLLECTION, "renamed", to=f"{written.database}.moved")
    await written.run(Kind.DROP, "again")
    await written.insert("again", {"_id": "new"})
    await written.run(Kind.DROP, "dropped")
    await written.run(
        Kind.CREATE, "made", validator={"v": {"$gt": 0}}, collation={"locale": "en", "strength": 2}
    )
    await written.index("made", "v", expireAfterSeconds=60)
    await written.run(Kind.COLL_MOD, "made", index={"name": "v_1", "expireAfterSeconds": 90})
    await written.insert("made", {"_id": "A", "v": 5})
    await written.run(Kind.DROP_INDEXES, "people", index="name_1")
    async with written.gateway.transaction(
        Mark(log="cutover/s", position=1), isolated=True
    ) as transaction:
        operation = Operation(
            database=written.database,
            collection="together",
            kind=Kind.INSERT,
            arguments={"documents": [{"_id": 1}]},
        )
        await transaction.run(operation, generated=Generated(now_ms=0))

    async with mirroring(postgres_dsn, mongo.uri, outbox):
        await eventually(lambda: is_mirrored(outbox), within_s=20)
    await both_sides_become_equal(mongo.uri, postgres_dsn, written.database)
    assert set(await mongo_database.list_collection_names()) == {
        "people",
        "other",
        "moved",
        "again",
        "made",
        "together",
    }
    assert list(await mongo_database["people"].index_information()) == ["_id_"]
    made = await mongo_database["made"].index_information()
    assert made["v_1"]["expireAfterSeconds"] == 90
    options = await mongo_database["made"].options()
    assert options["validator"] == {"v": {"$gt": 0}}
    assert options["collation"]["strength"] == 2


async def test_notes_are_left_once_and_only_after_what_was_done(
    written: Written, outbox: Outbox
) -> None:
    mark = Mark(log="cutover/s", position=7, namespace=f"{written.database}.c")
    for _ in range(3):
        await written.run(Kind.INSERT, "c", mark, documents=[{"_id": 1}])
    duplicate = await written.run(Kind.INSERT, "c", documents=[{"_id": 1}])

    notes = await outbox.notes(10)
    touched = [note.touched for note in notes if note.touched]

    assert duplicate.touched == ()
    assert touched == [{f"{written.database}.c": [1]}]


async def test_what_was_not_noted_is_made_up_for_by_copying_everything(
    written: Written,
    outbox: Outbox,
    postgres_dsn: str,
    mongo: EmbeddedMongo,
    mongo_database: AsyncDatabase[Document],
) -> None:
    await written.insert("kept", {"_id": 1})
    await mongo_database["stale"].insert_one({"_id": 1})
    await outbox.turn(on=False, who="me", why="a test")
    await written.insert("kept", {"_id": 2})
    off = await outbox.pending()
    await written.run(Kind.DROP_DATABASE, "")
    await written.insert("kept", {"_id": 3})
    await outbox.turn(on=True, who="me", why="a test")
    [note] = await outbox.notes(10)
    await outbox.done([note.position])
    # Of everything there is more on this server than of this test.
    await written.run(Kind.DROP_DATABASE, "")
    await written.insert("kept", {"_id": 4})

    async with mirroring(postgres_dsn, mongo.uri, outbox):
        await eventually(lambda: is_mirrored(outbox), within_s=20)

    assert (off.is_on, off.notes) == (False, 0)
    assert note.replaced == ["."]
    await both_sides_become_equal(mongo.uri, postgres_dsn, written.database)
    assert await mongo_database["kept"].find().to_list() == [{"_id": 4}]


async def test_what_mongodb_refuses_keeps_its_note_and_holds_nothing_else_up(
    written: Written,
    outbox: Outbox,
    postgres_dsn: str,
    mongo: EmbeddedMongo,
    mongo_database: AsyncDatabase[Document],
) -> None:
    await mongo_database["c"].create_index([("a", 1), ("b", 1)])
    await written.insert("c", {"_id": 1, "a": [1], "b": [1]})
    await written.insert("c", {"_id": 2})

    async with mirroring(postgres_dsn, mongo.uri, outbox) as mirror:

        async def is_there() -> bool:
            return await mongo_database["c"].count_documents({"_id": 2}) == 1

        await eventually(is_there, within_s=20)
        await eventually(lambda: bool(mirror.standing.refused), within_s=20)
        waiting = (await outbox.pending()).notes
        await mongo_database["c"].drop_indexes()
        await eventually(lambda: is_mirrored(outbox), within_s=20)

    assert waiting >= 1
    await both_sides_become_equal(mongo.uri, postgres_dsn, written.database)
