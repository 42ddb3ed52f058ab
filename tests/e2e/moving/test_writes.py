"""Writes whose acknowledgement waits for the gateway: what the application is given, and when."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
import pytest
from bson import Int64
from pymongo import AsyncMongoClient, WriteConcern
from sqlalchemy import func, select, table

from proxy.flags.document import Said, said, with_flag
from proxy.flags.file import read_flags, write_flags
from proxy.flags.phases import Direction, Phase
from tests.e2e.moving.conftest import DATABASE, Document
from tests.e2e.moving.sidecar import Moving
from tests.eventually import eventually

GOSSIP = {"$clusterTime", "operationTime", "electionId", "opTime"}


@pytest.mark.parametrize(
    ("phase", "writing"),
    [(Phase.DUAL, "confirmed"), (Phase.CANARY, "served"), (Phase.GATEWAY, "served")],
)
async def test_a_write_is_acknowledged_once_the_gateway_has_it(
    phase: Phase, writing: str, moving: Moving, client: AsyncMongoClient[Document]
) -> None:
    collection = client[DATABASE][f"in_{phase}"]
    await collection.insert_one({"_id": "before"})
    await moving.sidecar.drained()
    await moving.says(writes=Said(phase=phase))
    before = await moving.writes()
    stored = str(select(func.count()).select_from(table(collection.name, schema=DATABASE)))
    connection = await asyncpg.connect(moving.gateway)

    for n in range(20):
        acknowledged = await collection.insert_one({"_id": n})
        assert acknowledged.inserted_id == n
        assert await connection.fetchval(stored) == n + 2, "not there at the acknowledgement"

    await connection.close()
    assert await moving.writes() - before == Counter({writing: 20})


UPSERT = {"q": {"_id": 9}, "u": {"$set": {"v": 1}}, "upsert": True}
COMMANDS: tuple[Mapping[str, Any], ...] = (
    {"insert": "c", "documents": [{"_id": n, "v": n % 3, "t": [1, 2]} for n in range(6)]},
    {"insert": "c", "documents": [{"_id": 6}, {"_id": 1}, {"_id": 7}], "ordered": True},
    {"insert": "c", "documents": [{"_id": 1}, {"_id": 7}, {"_id": 2}], "ordered": False},
    {"update": "c", "updates": [UPSERT, {"q": {"v": 1}, "u": {"$inc": {"n": 1}}, "multi": True}]},
    {"update": "c", "updates": [{"q": {"_id": 0}, "u": {"$set": {"v": 0}}}]},
    {"update": "c", "updates": [{"q": {"_id": 0}, "u": {"$inc": {"t": 1}}}]},
    {"update": "c", "updates": [{"q": {"_id": 0}, "u": {"$nope": {"t": 1}}}]},
    {"update": "c", "updates": [{"q": {"_id": 0}, "u": [{"$set": {"v": {"$add": ["$v", 2]}}}]}]},
    {"delete": "c", "deletes": [{"q": {"_id": 7}, "limit": 1}, {"q": {"_id": 70}, "limit": 0}]},
    {"findAndModify": "c", "query": {"_id": 2}, "update": {"$set": {"a": Int64(1)}}},
    {"findAndModify": "c", "query": {"_id": 2}, "update": {"$inc": {"a": 1}}, "new": True},
    {"findAndModify": "c", "query": {"_id": 8}, "update": {"$set": {"a": 1}}, "upsert": True},
    {"findAndModify": "c", "query": {"_id": 8}, "remove": True, "fields": {"a": 1}},
    {"findAndModify": "c", "query": {"_id": 80}, "remove": True},
    {
        "createIndexes": "c",
        "indexes": [{"key": {"u": 1}, "name": "u", "unique": True, "sparse": True}],
    },
    {"insert": "c", "documents": [{"_id": 20, "u": 1}, {"_id": 21, "u": 1}]},
    {"findAndModify": "c", "query": {"_id": 3}, "update": {"$set": {"u": 1}}},
    {"update": "c", "updates": [{"q": {"_id": 3}, "u": {"$set": {"u": 1}}}]},
    {"aggregate": "c", "pipeline": [{"$match": {"v": 1}}, {"$out": "copied"}], "cursor": {}},
    {"update": "c", "updates": [], "writeConcern": {"w": 1}},
    {"drop": "copied"},
    {"drop": "nothing"},
)


def told(reply: Mapping[str, Any]) -> Any:
    """Return what a reply says, without the clocks of the cluster and without texts, which are each side's own."""
    errors = [
        {name: value for name, value in error.items() if name != "errmsg"}
        for error in reply.get("writeErrors", ())
    ]
    kept = {name: value for name, value in reply.items() if name not in GOSSIP | {"errmsg"}}
    return {**kept, "writeErrors": errors, "ns": None, "cursor": None}


async def test_the_gateways_answer_to_every_command_is_mongodbs(
    moving: Moving, client: AsyncMongoClient[Document], mongo_client: AsyncMongoClient[Document]
) -> None:
    await moving.says(writes=Said(phase=Phase.GATEWAY))
    before = await moving.writes()
    through, alone = client["moving_commands"], mongo_client["moving_commands_alone"]

    for command in COMMANDS:
        given = await through.command(dict(command), check=False)
        wanted = await alone.command(dict(command), check=False)
        assert told(given) == told(wanted), command
        assert given.keys() == wanted.keys(), command

    counts = await moving.writes() - before
    plain = sum(not {"createIndexes", "aggregate", "drop"} & command.keys() for command in COMMANDS)
    refused_by_mongodb = 2  # An operator that is none, and no statements: nothing to be done there.
    assert counts["served"] >= plain - refused_by_mongodb - 1, counts
    assert counts["confirmed"] == len(COMMANDS) - plain
    assert set(counts) <= {"served", "confirmed", "refused"}, counts


async def test_a_transaction_waits_at_its_commit(
    moving: Moving, client: AsyncMongoClient[Document]
) -> None:
    collection = client[DATABASE]["transacted"]
    await collection.insert_one({"_id": 0, "n": 0})
    await moving.says(reads=Said(phase=Phase.GATEWAY), writes=Said(phase=Phase.GATEWAY))
    before = await moving.writes()

    for n in range(5):
        async with client.start_session() as session, await session.start_transaction():
            await collection.update_one({"_id": 0}, {"$inc": {"n": 1}}, session=session)
            await collection.insert_one({"_id": n + 1}, session=session)
        assert await collection.find_one({"_id": 0}) == {"_id": 0, "n": n + 1}
    async with client.start_session() as session:
        await session.start_transaction()
        await collection.insert_one({"_id": "never"}, session=session)
        await session.abort_transaction()
    assert await collection.count_documents({}) == 6

    assert await moving.writes() - before == Counter(unfit=11, confirmed=5)


async def test_an_unacknowledged_write_waits_for_nothing(
    moving: Moving, client: AsyncMongoClient[Document]
) -> None:
    await moving.says(writes=Said(phase=Phase.DUAL))
    before = await moving.writes()
    silent = client[DATABASE].get_collection("silent", write_concern=WriteConcern(w=0))

    await silent.insert_one({"_id": 1})

    async def is_there() -> bool:
        return await client[DATABASE]["silent"].find_one() == {"_id": 1}

    await eventually(is_there, within_s=10)
    assert not await moving.writes() - before


async def test_a_percentage_of_connections_waits(moving: Moving) -> None:
    before = await moving.writes()
    await moving.says(writes=Said(phase=Phase.CANARY, percent=50))

    for n in range(24):
        async with AsyncMongoClient[Document](
            moving.uri, maxPoolSize=1, serverMonitoringMode="poll", directConnection=True
        ) as client:
            await client[DATABASE]["halved"].insert_one({"_id": n})

    assert 2 < (await moving.writes() - before)["served"] < 22


async def test_a_write_that_differs_is_mongodbs_and_sends_both_directions_back(
    moving: Moving, client: AsyncMongoClient[Document], mongo_client: AsyncMongoClient[Document]
) -> None:
    name, collection = f"{DATABASE}.damaged", client[DATABASE]["damaged"]
    await collection.insert_many([{"_id": n, "v": n} for n in range(5)])
    await moving.sidecar.drained()
    document = read_flags(moving.file)
    for direction in Direction:
        for namespace in (name, f"{DATABASE}.sound"):
            document = with_flag(document, direction, namespace, Said(phase=Phase.GATEWAY))
    read = len(moving.told("flags_read"))
    write_flags(moving.file, document)
    await eventually(lambda: len(moving.told("flags_read")) > read, within_s=10)
    await collection.update_one({"_id": 2}, {"$set": {"v": "both know"}})
    before, since = await moving.writes(), len(moving.told("mismatch_confirmed"))

    # Round the proxy: the gateway cannot know of it, and finds nothing to change.
    await mongo_client[DATABASE]["damaged"].update_one({"_id": 1}, {"$set": {"v": "changed"}})
    result = await collection.update_one({"v": "changed"}, {"$set": {"v": "again"}})
    found = [await collection.find_one({"_id": 1}) for _ in range(3)]

    assert (result.matched_count, result.modified_count) == (1, 1), "MongoDB decides"
    assert found[-1] == {"_id": 1, "v": "again"}
    await eventually(lambda: len(moving.told("rolled_back")) == 2, within_s=60)
    mismatch = moving.told("mismatch_confirmed")[since]
    took = [
        datetime.fromisoformat(each["timestamp"]) - datetime.fromisoformat(mismatch["timestamp"])
        for each in moving.told("rolled_back")
    ]
    assert max(took).total_seconds() < 1
    assert (await moving.writes() - before)["refused"] == 1
    document = read_flags(moving.file)
    for direction in Direction:
        assert str(said(document, direction, name)) == "shadow"
        assert str(said(document, direction, f"{DATABASE}.sound")) == "gateway"
