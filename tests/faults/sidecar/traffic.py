"""Traffic with conflicts, and what it must leave behind: the same documents on both sides."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from adapters.gateway import Generated
from adapters.postgresql.gateway import PostgresGateway
from comparators.operation import Kind, Operation
from comparators.outcome import Documents

Database = AsyncDatabase[dict[str, Any]]
Step = Callable[[Database, random.Random], Awaitable[object]]

HOT_DOCUMENTS = 15


async def _find(database: Database, chance: random.Random) -> object:
    return await database.users.find_one({"_id": chance.randrange(HOT_DOCUMENTS)})


async def _list(database: Database, chance: random.Random) -> object:
    cursor = database.users.find({"visits": {"$gt": chance.randrange(20)}})
    return await cursor.sort([("visits", -1), ("_id", 1)]).limit(5).to_list()


async def _count(database: Database, chance: random.Random) -> object:
    return await database.messages.count_documents({"user": chance.randrange(HOT_DOCUMENTS)})


async def _visit(database: Database, chance: random.Random) -> object:
    change = {"$inc": {"visits": 1}, "$push": {"last": {"$each": [chance.random()], "$slice": -3}}}
    return await database.users.update_one(
        {"_id": chance.randrange(HOT_DOCUMENTS)}, change, upsert=True
    )


async def _rename(database: Database, chance: random.Random) -> object:
    return await database.users.find_one_and_update(
        {"_id": chance.randrange(HOT_DOCUMENTS)},
        {"$set": {"name": f"name {chance.random()}"}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )


async def _write(database: Database, chance: random.Random) -> object:
    message = {"user": chance.randrange(HOT_DOCUMENTS), "text": "hello " * 20, "likes": 0}
    return await database.messages.insert_one(message)


async def _like_all(database: Database, chance: random.Random) -> object:
    return await database.messages.update_many(
        {"user": chance.randrange(HOT_DOCUMENTS)}, {"$inc": {"likes": 1}}
    )


async def _leave(database: Database, chance: random.Random) -> object:
    return await database.users.delete_one({"_id": chance.randrange(HOT_DOCUMENTS)})


async def _transfer(database: Database, chance: random.Random) -> object:
    """Move credit between two users in a transaction, which conflicts abort now and then."""
    giver, taker = chance.sample(range(HOT_DOCUMENTS), 2)

    async def move(session: Any) -> None:
        for user, amount in ((giver, -1), (taker, 1)):
            await database.users.update_one(
                {"_id": user}, {"$inc": {"credit": amount}}, upsert=True, session=session
            )

    async with database.client.start_session() as session:
        return await session.with_transaction(move)


STEPS: tuple[Step, ...] = (
    *(_find,) * 6,
    *(_visit,) * 4,
    *(_write,) * 3,
    *(_list, _count, _rename, _transfer) * 2,
    _like_all,
    _leave,
)


@dataclass(slots=True)
class Traffic:
    """What clients did and saw. `errors` counts the failures that reached the application."""

    done: int = 0
    errors: Counter[str] = field(default_factory=Counter)


async def drive(
    uri: str,
    database: str,
    *,
    until: asyncio.Event,
    clients: int = 6,
    pause_s: float = 0.002,
    traffic: Traffic | None = None,
) -> Traffic:
    """Run clients against a database until told to stop; `traffic` tells meanwhile how far they are."""
    traffic = traffic or Traffic()
    async with (
        AsyncMongoClient[dict[str, Any]](
            uri, serverMonitoringMode="poll", serverSelectionTimeoutMS=20_000
        ) as client,
        asyncio.TaskGroup() as tasks,
    ):
        for seed in range(clients):
            tasks.create_task(_client(client[database], seed, until, traffic, pause_s))
    return traffic


async def _client(
    database: Database, seed: int, until: asyncio.Event, traffic: Traffic, pause_s: float
) -> None:
    chance = random.Random(seed)
    while not until.is_set():
        step = chance.choice(STEPS)
        try:
            await step(database, chance)
        except PyMongoError as error:
            traffic.errors[f"{step.__name__}: {type(error).__name__}"] += 1
        traffic.done += 1
        await asyncio.sleep(pause_s)


async def differing(legacy_uri: str, gateway_dsn: str, database: str) -> dict[str, list[str]]:
    """Return, by collection, what only one side holds in this form; empty when both are equal.

    Fails when there is nothing to compare.
    """
    found: dict[str, list[str]] = {}
    async with (
        AsyncMongoClient[Any](legacy_uri, serverMonitoringMode="poll") as client,
        PostgresGateway(gateway_dsn) as gateway,
    ):
        names = await client[database].list_collection_names()
        assert names, f"MongoDB holds no collection in {database}: nothing was compared"
        for name in names:
            raw = CodecOptions(document_class=RawBSONDocument)
            collection = client[database].get_collection(name, codec_options=raw)
            legacy = {bytes(document.raw) async for document in collection.find()}
            everything = Operation(
                database=database, collection=name, kind=Kind.FIND, arguments={"filter": {}}
            )
            outcome = await gateway.run(everything, generated=Generated(now_ms=0))
            assert isinstance(outcome.result, Documents)
            gateway_side = set(outcome.result.documents)
            if legacy != gateway_side:
                found[name] = [
                    f"{side}: {RawBSONDocument(raw_bytes)['_id']!r}"
                    for side, only in (
                        ("legacy", legacy - gateway_side),
                        ("gateway", gateway_side - legacy),
                    )
                    for raw_bytes in sorted(only)[:5]
                ]
    return found
