from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bson import encode
from pymongo import AsyncMongoClient

from proxy.embedded import EmbeddedMongo
from proxy.jobs.workload import CommandTally, Workload
from proxy.jobs.workload.indexes import INDEXES

BEGIN: Final = datetime.now(UTC).replace(microsecond=0)
"""Now, or the sessions that people open would expire while they are looked at."""

SERVER_MADE: Final[Mapping[str, str]] = {"balances": "_id"}
"""What MongoDB makes up: the `_id` of an upsert."""

Client = AsyncMongoClient[dict[str, Any]]


async def _run(
    mongo: EmbeddedMongo, client: Client, name: str, *, seed: int, steps: int
) -> tuple[CommandTally, dict[str, list[bytes]]]:
    tally = CommandTally()
    await client.drop_database(name)
    try:
        workload = Workload(uri=mongo.uri, users=3, seed=seed, begin=BEGIN, database=name)
        await workload.run(tally, steps=steps)
        return tally, await _content(client, name)
    finally:
        await client.drop_database(name)


async def _content(client: Client, name: str) -> dict[str, list[bytes]]:
    content = {}
    for collection in await client[name].list_collection_names():
        documents = await client[name][collection].find().to_list()
        for document in documents:
            document.pop(SERVER_MADE.get(collection, ""), None)
        content[collection] = sorted(map(encode, documents))
    return content


async def test_the_application_fills_every_collection_it_declares(
    mongo: EmbeddedMongo, mongo_client: Client
) -> None:
    tally, content = await _run(mongo, mongo_client, "workload_fills", seed=1, steps=150)

    filled = {name for name, documents in content.items() if documents}
    assert filled >= set(INDEXES) - {"tokens"}
    assert tally.answers["commitTransaction"] > 0
    assert tally.answers["abortTransaction"] > 0
    assert tally.answers["getMore"] > 0


async def test_the_same_seed_leaves_the_same_documents(
    mongo: EmbeddedMongo, mongo_client: Client
) -> None:
    _, first = await _run(mongo, mongo_client, "workload_first", seed=7, steps=60)
    _, again = await _run(mongo, mongo_client, "workload_again", seed=7, steps=60)

    assert first == again


async def test_another_seed_leaves_other_documents(
    mongo: EmbeddedMongo, mongo_client: Client
) -> None:
    _, first = await _run(mongo, mongo_client, "workload_seven", seed=7, steps=5)
    _, other = await _run(mongo, mongo_client, "workload_eight", seed=8, steps=5)

    assert first["users"] != other["users"]
