"""A database that has data already is filled while the application writes to the very documents being copied."""

import asyncio
import random
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import AsyncMongoClient
from pymongo.errors import DuplicateKeyError

from comparators.verdict import Verdict
from proxy.embedded import EmbeddedMongo
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from tests.eventually import eventually
from tests.faults.sidecar.traffic import Database, differing
from tests.integration.cli.command import parallax

DOCUMENTS = 3000
CHUNK = 200
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
async def database(mongo: EmbeddedMongo, tmp_path: Path) -> AsyncIterator[str]:
    """Name a MongoDB database, and drop it afterwards."""
    name = f"fill_{tmp_path.name[-20:]}".replace("-", "_")
    yield name
    await mongo.members[0].ask({"dropDatabase": 1, "$db": name})


def _document(identifier: Any, chance: random.Random) -> dict[str, Any]:
    return {
        "_id": identifier,
        "n": 0,
        "group": chance.randrange(300),
        "email": f"{identifier}@example.org",
        "text": "x" * 300,
    }


async def load_people(mongo: EmbeddedMongo, name: str) -> list[Any]:
    chance = random.Random(1)
    identifiers: list[Any] = [ObjectId() for _ in range(DOCUMENTS // 3)]
    identifiers += [f"user {n}" for n in range(DOCUMENTS // 3)]
    identifiers += list(range(DOCUMENTS // 3))
    async with AsyncMongoClient[Any](mongo.uri, serverMonitoringMode="poll") as client:
        people = client[name].people
        await people.insert_many([_document(each, chance) for each in identifiers])
        await people.create_index("email", unique=True)
        await people.create_index([("group", 1), ("n", -1)])
    return identifiers


async def change_people(
    database: Database,
    identifiers: list[Any],
    seed: int,
    until: asyncio.Event,
    *,
    pause_s: float = 0.03,
) -> None:
    """Change documents by `_id` and by other fields, take them away and put them back."""
    chance = random.Random(seed)
    people = database.people
    while not until.is_set():
        identifier = chance.choice(identifiers)
        match chance.randrange(8):
            case 0 | 1 | 2:
                await people.update_one({"_id": identifier}, {"$inc": {"n": 1}})
            case 3:
                await people.update_many({"group": chance.randrange(300)}, {"$inc": {"n": 1}})
            case 4:
                await people.delete_one({"_id": identifier})
            case 5:
                try:
                    await people.insert_one(_document(identifier, chance))
                except DuplicateKeyError:
                    await people.update_one({"_id": identifier}, {"$set": {"group": 7}})
            case 6:
                change = {
                    "$inc": {"n": 1},
                    "$set": {"s": "é"},
                    "$setOnInsert": {"email": f"{identifier}@example.org", "group": 3},
                }
                await people.update_one({"_id": identifier}, change, upsert=True)
            case _:
                await people.find({"group": chance.randrange(300)}).sort("_id", 1).to_list()
        await asyncio.sleep(pause_s)


async def test_writes_race_with_the_copying_of_their_documents(
    mongo: EmbeddedMongo, postgres_dsn: str, database: str, tmp_path: Path
) -> None:
    identifiers = await load_people(mongo, database)
    settings = {"PARALLAX_VERIFIER_NICE": "0"}
    async with embedded_sidecar(
        tmp_path / "sidecar", legacy=mongo.uri, gateway=postgres_dsn, settings=settings
    ) as sidecar:
        await eventually(partial(_is_heard_of, sidecar), within_s=40)
        ended = asyncio.Event()
        async with (
            AsyncMongoClient[Any](sidecar.uri, serverMonitoringMode="poll") as client,
            asyncio.TaskGroup() as tasks,
        ):
            for seed in range(4):
                tasks.create_task(change_people(client[database], identifiers, seed, ended))
            try:
                filled = await _backfill(sidecar, mongo, postgres_dsn, f"{database}.people")
                await asyncio.sleep(1)
            finally:
                ended.set()
        await sidecar.drained(within_s=60)
        assert f"{database}.people: " in filled
        assert "2 indexes" in filled
        assert await differing(mongo.uri, postgres_dsn, database) == {}
        evidence = await sidecar.evidence()
        assert [group for group in evidence.groups if group.verdict is Verdict.MISMATCH] == []


async def _is_heard_of(sidecar: EmbeddedSidecar) -> bool:
    """Return whether a verifier works: until then commands say that none does."""
    status = await sidecar.status()
    return status is not None and bool(status.heartbeats)


async def _backfill(
    sidecar: EmbeddedSidecar, mongo: EmbeddedMongo, gateway: str, *arguments: str
) -> str:
    environment = _environment(sidecar, mongo, gateway)
    ran = await parallax("backfill", *arguments, directory=sidecar.data, environment=environment)
    assert ran.code == 0, ran.printed
    return ran.printed


def _environment(sidecar: EmbeddedSidecar, mongo: EmbeddedMongo, gateway: str) -> dict[str, str]:
    return {
        "PARALLAX_LEGACY_URI": mongo.uri,
        "PARALLAX_GATEWAY_URI": gateway,
        "PARALLAX_DATA_DIRECTORY": str(sidecar.data),
        "PARALLAX_BACKFILL_DOCUMENTS_PER_CHUNK": str(CHUNK),
    }
