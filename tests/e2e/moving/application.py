"""An application that asserts what it may rely on with MongoDB alone: its own writes, their counts, and what others did before it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pymongo import AsyncMongoClient, ReturnDocument
from pymongo.errors import DuplicateKeyError

from proxy.embedded import EmbeddedMongo
from tests.e2e.both_sides import both_sides_become_equal
from tests.e2e.ledger import wrong_verdicts
from tests.e2e.moving.sidecar import Moving

Document = dict[str, Any]


@dataclass(slots=True)
class Application:
    """One user of a shared connection pool; `times` is how often its document was counted up."""

    client: AsyncMongoClient[Document]
    database: str
    number: int
    ended: asyncio.Event
    times: int = 0
    inserted: list[int] = field(default_factory=list)

    async def run(self) -> None:
        """Write and read until the end."""
        collection = self.client[self.database]["counters"]
        await collection.insert_one({"_id": self.number, "n": 0})
        while not self.ended.is_set():
            await self._count()
            await self._insert()
            await self._transact()

    async def _count(self) -> None:
        collection = self.client[self.database]["counters"]
        mine = {"_id": self.number}
        done = await collection.update_one(mine, {"$inc": {"n": 1}})
        self.times += 1
        assert (done.matched_count, done.modified_count) == (1, 1)
        assert await collection.find_one(mine) == {**mine, "n": self.times}
        found = await collection.find_one_and_update(
            mine, {"$inc": {"n": 1}}, return_document=ReturnDocument.AFTER
        )
        self.times += 1
        assert found == {**mine, "n": self.times}
        assert await collection.find_one(mine) == {**mine, "n": self.times}

    async def _insert(self) -> None:
        entries = self.client[self.database]["entries"]
        entry = {"_id": self.number * 1_000_000 + len(self.inserted), "by": self.number}
        assert (await entries.insert_one(entry)).inserted_id == entry["_id"]
        self.inserted.append(entry["_id"])
        assert await entries.count_documents({"by": self.number}) == len(self.inserted)
        try:
            await entries.insert_one(entry)
        except DuplicateKeyError as error:
            assert error.code == 11000  # noqa: PT017 - what the application acts upon
        else:
            raise AssertionError("inserted twice")

    async def _transact(self) -> None:
        database, mine = self.client[self.database], {"_id": self.number}
        async with self.client.start_session() as session:

            async def both(_: object) -> None:
                await database["counters"].update_one(mine, {"$inc": {"n": 1}}, session=session)
                await database["logs"].insert_one({"by": self.number}, session=session)

            await session.with_transaction(both)
        self.times += 1
        assert await database["counters"].find_one(mine) == {**mine, "n": self.times}

    def stands(self) -> Document:
        """Return the document that must be there at the end."""
        return {"_id": self.number, "n": self.times}


@asynccontextmanager
async def used(moving: Moving, database: str, users: int = 4) -> AsyncIterator[list[Application]]:
    """Have applications run on a database around the body; everything that they assert must hold."""
    ended = asyncio.Event()
    async with (
        AsyncMongoClient[Document](
            moving.uri, maxPoolSize=users, serverMonitoringMode="poll"
        ) as client,
        asyncio.TaskGroup() as tasks,
    ):
        applications = [Application(client, database, number, ended) for number in range(users)]
        for each in applications:
            tasks.create_task(each.run())
        try:
            yield applications
        finally:
            ended.set()


async def nothing_is_lost(
    moving: Moving, mongo: EmbeddedMongo, database: str, applications: Sequence[Application]
) -> None:
    """Assert that both sides hold every write that was acknowledged, once."""
    await moving.sidecar.drained()
    await both_sides_become_equal(mongo.uri, moving.gateway, database)
    async with AsyncMongoClient[Document](mongo.uri, serverMonitoringMode="poll") as legacy:
        counters = await legacy[database]["counters"].find().sort("_id").to_list()
        entries = await legacy[database]["entries"].distinct("_id")
    assert counters == [each.stands() for each in applications]
    assert entries == sorted(n for each in applications for n in each.inserted)
    evidence = await moving.sidecar.evidence()
    assert not wrong_verdicts(evidence, database)
    assert database not in str(moving.told("rolled_back"))
