"""Drivers with their default options work through the relay, and see nothing behind it."""

from typing import Any

from pymongo import AsyncMongoClient

from proxy.embedded import EmbeddedMongo
from tests.peers.relaying import relaying


async def test_insert_and_find_pass_and_are_captured(mongo: EmbeddedMongo) -> None:
    async with (
        relaying(mongo.uri) as relay,
        AsyncMongoClient[dict[str, Any]](relay.uri) as client,
    ):
        await client["wire"]["first"].insert_one({"_id": 1, "text": "hello"})
        found = await client["wire"]["first"].find_one({"_id": 1})
        await client.drop_database("wire")

        assert found == {"_id": 1, "text": "hello"}
        assert await client.address == relay.address
        assert [noted.kind for noted in relay.capture.noted[:3]] == ["intent", "reply", "exchange"]
        assert relay.capture.noted[0].collection == "wire.first"
