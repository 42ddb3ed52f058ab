"""A driver greets, inserts and finds."""

from typing import Any

from pymongo import AsyncMongoClient


async def test_a_driver_finds_what_it_inserted(client: AsyncMongoClient[dict[str, Any]]) -> None:
    rows = client["shop"]["rows"]

    await rows.insert_many([{"_id": number} for number in range(250)])

    assert [row["_id"] async for row in rows.find().sort("_id").batch_size(40)] == list(range(250))
    assert client.topology_description.replica_set_name == "rs0"
