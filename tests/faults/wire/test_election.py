"""Through an election clients see what they would see without the relay, and never a hang."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from proxy.embedded import EmbeddedMongo, Mongod, embedded_mongo
from tests.eventually import eventually
from tests.peers.relaying import relaying

Client = AsyncMongoClient[dict[str, Any]]


@pytest.fixture
async def three(server_directory: Path, tmp_path: Path) -> AsyncIterator[EmbeddedMongo]:
    """Run a replica set of three that the test may damage."""
    async with embedded_mongo(server_directory / tmp_path.name, member_count=3) as servers:
        yield servers


async def new_primary(servers: EmbeddedMongo, old: Mongod) -> Mongod:
    async def other() -> Mongod | None:
        primary = await servers.primary()
        return primary if primary is not None and primary is not old else None

    return await eventually(other, within_s=30)


async def test_a_killed_primary_is_followed_by_the_next(three: EmbeddedMongo) -> None:
    old = three.members[0]
    async with (
        relaying(three.uri) as relay,
        Client(relay.uri, serverSelectionTimeoutMS=30_000) as client,
    ):
        await client["wire"]["election"].insert_one({"_id": 0})

        await old.kill()
        # Retryable writes: the driver waits for a primary and sends the write again by itself.
        async with asyncio.timeout(45):
            for number in range(1, 6):
                await client["wire"]["election"].insert_one({"_id": number})

        primary = await new_primary(three, old)
        assert relay.listener.snapshot().primary == primary.address
        assert await client["wire"]["election"].count_documents({}) == 6


async def test_a_primary_that_steps_down_loses_its_clients_to_the_next(
    three: EmbeddedMongo,
) -> None:
    old = three.members[0]
    async with (
        relaying(three.uri) as relay,
        Client(relay.uri, serverSelectionTimeoutMS=30_000) as client,
    ):
        await client["wire"]["election"].insert_one({"_id": 0})

        await old.ask({"replSetStepDown": 60, "force": True})
        async with asyncio.timeout(45):
            for number in range(1, 6):
                await client["wire"]["election"].insert_one({"_id": number})

        primary = await new_primary(three, old)
        assert relay.listener.snapshot().primary == primary.address
        assert await client["wire"]["election"].count_documents({}) == 6


async def test_without_a_majority_writes_fail_in_time_and_recover(three: EmbeddedMongo) -> None:
    """Without a majority there is no primary: an error within the driver's own limit, then recovery."""
    async with (
        relaying(three.uri) as relay,
        Client(relay.uri, serverSelectionTimeoutMS=3000) as client,
    ):
        await client["wire"]["election"].insert_one({"_id": 0})
        for member in three.members[1:]:
            await member.stop()

        await eventually(lambda: relay.listener.snapshot().primary is None, within_s=20)
        with pytest.raises(PyMongoError):
            async with asyncio.timeout(15):
                await client["wire"]["election"].insert_one({"_id": 1})

        for member in three.members[1:]:
            await member.start()
        await eventually(lambda: relay.listener.snapshot().primary, within_s=30)

        async def written() -> bool:
            try:
                await client["wire"]["election"].insert_one({"_id": 2})
            except PyMongoError:
                return False
            return True

        await eventually(written, within_s=30)
