"""What the benchmarks send: documents of 1 KB, finds of them by `_id`, and a mix as applications send it.

Everything goes through PyMongo, so that requests carry what real ones do: sessions, cluster time, transaction numbers.
The sequence is the same in each run.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from pymongo import AsyncMongoClient, ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

DATABASE: Final = "bench"
COLLECTION: Final = "docs"
DOCUMENTS: Final = 10_000
OWNERS: Final = 500
CLIENTS: Final = 8
FIRST_NEW: Final = 1_000_000
"""Inserted documents have `_id`s from here on."""

Client = AsyncMongoClient[dict[str, Any]]
Documents = AsyncCollection[dict[str, Any]]
Send = Callable[[Documents, random.Random, int], Awaitable[object]]


def document(number: int) -> dict[str, Any]:
    """Return a document of 1 KB."""
    return {
        "_id": number,
        "owner": number % OWNERS,
        "title": f"document {number}",
        "at": DatetimeMS(1_700_000_000_000 + number * 1000),
        "revision": 1,
        "tags": ["alpha", "beta"] if number % 3 else ["gamma"],
        "usage": {"read": 0, "cost": number / 8},
        "text": "x" * 830,
    }


async def fill(client: Client) -> None:
    """Store the documents, and index what the mix searches for."""
    documents = client[DATABASE][COLLECTION]
    await documents.create_index([("owner", 1), ("at", -1)])
    await documents.insert_many([document(number) for number in range(DOCUMENTS)])


async def send(client: Client, kinds: Mapping[Send, int], count: int) -> None:
    """Send `count` operations from several clients at once, drawn by the weights of their kinds."""
    documents = client[DATABASE][COLLECTION]

    async def work(worker: int) -> None:
        chance = random.Random(worker)
        for number in range(worker, count, CLIENTS):
            (kind,) = chance.choices(tuple(kinds), weights=tuple(kinds.values()))
            await kind(documents, chance, number)

    async with asyncio.TaskGroup() as tasks:
        for worker in range(CLIENTS):
            tasks.create_task(work(worker), name=f"client {worker}")


async def pace(client: Client, kinds: Mapping[Send, int], *, per_s: int, seconds: float) -> None:
    """Send at a fixed rate, drawn as in `send`; a client that is late catches up."""
    documents = client[DATABASE][COLLECTION]
    began_s = time.monotonic()
    each = int(per_s * seconds) // CLIENTS

    async def work(worker: int) -> None:
        chance = random.Random(worker)
        for number in range(each):
            due_s = began_s + (number * CLIENTS + worker) / per_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            (kind,) = chance.choices(tuple(kinds), weights=tuple(kinds.values()))
            await kind(documents, chance, number * CLIENTS + worker)

    async with asyncio.TaskGroup() as tasks:
        for worker in range(CLIENTS):
            tasks.create_task(work(worker), name=f"client {worker}")


async def find_by_id(documents: Documents, chance: random.Random, _: int) -> object:
    return await documents.find_one({"_id": chance.randrange(DOCUMENTS)})


async def find_sorted(documents: Documents, chance: random.Random, _: int) -> object:
    cursor = documents.find({"owner": chance.randrange(OWNERS)}).sort("at", -1).limit(10)
    return await cursor.to_list()


async def insert(documents: Documents, _: random.Random, number: int) -> object:
    return await documents.insert_one(document(FIRST_NEW + number))


async def update(documents: Documents, chance: random.Random, number: int) -> object:
    return await documents.update_one(
        {"_id": chance.randrange(DOCUMENTS)},
        {"$set": {"title": f"revised {number}"}, "$inc": {"revision": 1}},
    )


async def find_and_modify(documents: Documents, chance: random.Random, _: int) -> object:
    return await documents.find_one_and_update(
        {"_id": chance.randrange(DOCUMENTS)},
        {"$inc": {"usage.read": 1}},
        return_document=ReturnDocument.AFTER,
    )


FINDS: Final[Mapping[Send, int]] = {find_by_id: 1}
MIX: Final[Mapping[Send, int]] = {
    find_by_id: 50,
    find_sorted: 20,
    insert: 10,
    update: 15,
    find_and_modify: 5,
}
"""Weights in percent, about those of a chat application."""
