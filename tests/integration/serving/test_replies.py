"""The same raw commands to mongod and to what is served: whole reply documents are compared, field for field in their order.

Left out is what no two servers share (clocks, elections, identifiers) and the texts of errors, but for those of duplicate keys.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest
from bson import SON, Int64, ObjectId, Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession

from proxy.embedded import EmbeddedMongo

Client = AsyncMongoClient[dict[str, Any]]

GOSSIP: Final = frozenset({"$clusterTime", "operationTime", "electionId", "opTime", "uuid"})
UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OPTIONS: Final = CodecOptions(
    document_class=SON[str, Any], datetime_conversion=DatetimeConversion.DATETIME_MS
)
INDEX: Final = {"key": {"k": 1}, "name": "k_1", "unique": True}
ID: Final = ObjectId("5f0000000000000000000001")

COMMANDS: Final[list[dict[str, Any]]] = [
    {"ping": 1},
    {"nonsense": 1},
    {"insert": "a", "documents": [{"_id": n, "n": n} for n in range(6)]},
    {"insert": "a", "documents": [{"_id": 7}, {"_id": 1}, {"_id": 8}]},
    {"insert": "a", "documents": [{"_id": 7}, {"_id": 1}, {"_id": 8}], "ordered": False},
    {"insert": "a", "documents": []},
    {"insert": "a", "documents": [{"_id": [1]}]},
    {"insert": "b", "documents": [{"_id": 1}], "writeConcern": {"w": 3, "wtimeout": 1}},
    {"insert": "b", "documents": [{"_id": 2}], "writeConcern": {"w": "nowhere"}},
    {"find": "a", "sort": {"_id": 1}},
    {"find": "a", "filter": {"n": {"$gt": 2}}, "projection": {"_id": 0}, "sort": {"n": -1}},
    {"find": "a", "sort": {"_id": 1}, "batchSize": 2, "singleBatch": True},
    {"find": "a", "sort": {"_id": 1}, "batchSize": 0},
    {"find": "a", "batchSize": -1},
    {"find": "absent"},
    {"find": 1},
    {"find": "a", "filter": {"$bad": 1}},
    {"find": "a", "maxTimeMS": -1},
    {"find": "a", "readConcern": {"level": "nowhere"}},
    {"getMore": Int64(99), "collection": "a"},
    {"killCursors": "a", "cursors": [Int64(7)]},
    {"count": "a"},
    {"count": "a", "query": {"n": {"$gte": 3}}, "limit": 2},
    {"distinct": "a", "key": "n"},
    {"aggregate": "a", "pipeline": [{"$group": {"_id": None, "n": {"$sum": "$n"}}}], "cursor": {}},
    {"aggregate": "a", "pipeline": []},
    {"aggregate": "a", "pipeline": [{"$bad": 1}], "cursor": {}},
    {"aggregate": "a", "pipeline": [{"$match": {"n": 1}}, {"$out": "c"}], "cursor": {}},
    {
        "update": "a",
        "updates": [
            {"q": {"_id": 1}, "u": {"$set": {"t": "x"}}},
            {"q": {"_id": "new"}, "u": {"$set": {"n": 1}}, "upsert": True},
            {"q": {"n": {"$gt": 2}}, "u": {"$inc": {"n": 1}}, "multi": True},
        ],
    },
    {"update": "a", "updates": [{"q": {"_id": 1}, "u": {"$inc": {"t": 1}}}]},
    {"delete": "a", "deletes": [{"q": {"n": 0}, "limit": 1}, {"q": {"n": 99}, "limit": 0}]},
    {"findAndModify": "a", "query": {"_id": 1}, "update": {"$set": {"z": 1}}},
    {"findAndModify": "a", "query": {"_id": ID}, "update": {"$set": {"z": 1}}, "upsert": True},
    {"findAndModify": "a", "query": {"_id": 78}, "update": {"z": 1}, "upsert": True, "new": True},
    {"findAndModify": "a", "query": {"_id": 79}, "update": {"$set": {"z": 1}}},
    {"findAndModify": "a", "query": {"_id": 79}, "remove": True},
    {"findAndModify": "a", "query": {"_id": 78}, "remove": True},
    {"create": "d"},
    {"create": "d"},
    {"collMod": "d", "validator": {"x": 1}},
    {"listCollections": 1, "filter": {"name": "d"}},
    {"listCollections": 1, "filter": {"name": "d"}, "nameOnly": True},
    {"createIndexes": "d", "indexes": [INDEX]},
    {"createIndexes": "d", "indexes": [INDEX]},
    {"createIndexes": "fresh", "indexes": [INDEX]},
    {"listIndexes": "d"},
    {"listIndexes": "absent"},
    {
        "insert": "fresh",
        "documents": [{"_id": n, "k": key} for n, key in enumerate(["a", 1.5, True, {"x": 1}])],
    },
    {
        "insert": "fresh",
        "documents": [
            {"_id": 100 + n, "k": key} for n, key in enumerate(["a", 1.5, True, {"x": 1}])
        ],
        "ordered": False,
    },
    {"findAndModify": "fresh", "query": {"_id": 0}, "update": {"$set": {"k": 1.5}}},
    {"insert": "doubles", "documents": [{"_id": 1, "k": 1}, {"_id": 2, "k": 1}]},
    {"createIndexes": "doubles", "indexes": [INDEX]},
    {"dropIndexes": "fresh", "index": "k_1"},
    {"dropIndexes": "fresh", "index": "*"},
    {"dropIndexes": "fresh", "index": "absent"},
    {"dropIndexes": "absent", "index": "*"},
    {"drop": "d"},
    {"drop": "d"},
    {"renameCollection": "x.y", "to": "x.z"},
    {"commitTransaction": 1},
    {"dropDatabase": 1},
]
"""In this order, on one database."""


@pytest.fixture
async def direct(mongo: EmbeddedMongo) -> AsyncIterator[Client]:
    async with Client(mongo.uri, serverMonitoringMode="poll") as connected:
        yield connected
        await connected.drop_database("replies")


async def test_replies_are_the_same_documents(direct: Client, client: Client) -> None:
    differences = []
    for command in COMMANDS:
        legacy, ours = [shown(await reply(each, command)) for each in (direct, client)]
        if ours != legacy:
            differences.append((command, legacy, ours))

    assert not differences, "\n".join(map(str, differences))


async def test_a_cursor_gives_the_same_batches(direct: Client, client: Client) -> None:
    batches = []
    for each in (direct, client):
        await reply(each, {"insert": "rows", "documents": [{"_id": n} for n in range(250)]})
        async with each.start_session() as session:
            first = await reply(each, {"find": "rows", "sort": {"_id": 1}}, session)
            number = first["cursor"]["id"]
            again = await reply(
                each, {"getMore": number, "collection": "rows", "batchSize": 100}, session
            )
            last = await reply(each, {"getMore": number, "collection": "rows"}, session)
            gone = await reply(each, {"getMore": number, "collection": "rows"}, session)
        batches.append([shown(one) for one in (first, again, last)] + [gone["code"]])

    assert batches[1] == batches[0]


async def test_transactions_are_refused_alike(direct: Client, client: Client) -> None:
    told = [await transactions(each) for each in (direct, client)]

    assert told[1] == told[0]


async def transactions(client: Client) -> list[Any]:
    """Return what a client is told in transactions that go wrong."""
    seen: list[Any] = []
    await reply(client, {"insert": "rows", "documents": [{"_id": 1}]})
    async with client.start_session() as one, client.start_session() as other:
        await one.start_transaction()
        seen += [
            await reply(client, {"insert": "rows", "documents": [document]}, one)
            for document in ({"_id": 2}, {"_id": 1}, {"_id": 3})
        ]
        await one.abort_transaction()

        await one.start_transaction()
        await other.start_transaction()
        for session in (one, other):
            change = {"q": {"_id": 1}, "u": {"$inc": {"n": 1}}}
            seen.append(await reply(client, {"update": "rows", "updates": [change]}, session))
        await one.commit_transaction()
        await other.abort_transaction()

        for command in ({"count": "rows"}, {"drop": "rows"}, {"listCollections": 1}):
            await one.start_transaction()
            seen.append(await reply(client, command, one))
            await one.abort_transaction()
    seen.append(await reply(client, {"find": "rows", "sort": {"_id": 1}}))
    return [shown(each) for each in seen]


async def test_a_retried_write_is_done_once(direct: Client, client: Client) -> None:
    told = []
    for each in (direct, client):
        await reply(each, {"insert": "tally", "documents": [{"_id": 1, "n": 0}]})
        async with each.start_session() as session:
            change = {"q": {"_id": 1}, "u": {"$inc": {"n": 1}}}
            write = {"update": "tally", "updates": [change], "txnNumber": Int64(5)}
            once, twice = [await reply(each, write, session) for _ in range(2)]
            twice.pop("retriedStmtIds", None)
            older = await reply(each, {**write, "txnNumber": Int64(4)}, session)
        found = await reply(each, {"find": "tally"})
        told.append([shown(once), shown(twice), older["code"], shown(found)])

    assert told[1] == told[0]


async def test_clocks_increase_and_take_over_what_clients_bring(client: Client) -> None:
    times = [(await reply(client, {"ping": 1}))["operationTime"] for _ in range(3)]
    ahead = Timestamp(times[-1].time + 60, 1)

    async with client.start_session() as session:
        session.advance_cluster_time({"clusterTime": ahead, "signature": {}})
        told = await reply(client, {"ping": 1}, session)

    assert times == sorted(set(times))
    assert told["operationTime"] > ahead


@pytest.mark.parametrize(
    ("command", "code", "named"),
    [
        (
            {"aggregate": "a", "pipeline": [{"$changeStream": {}}], "cursor": {}},
            238,
            "$changeStream",
        ),
        ({"find": "a", "filter": {"$where": "true"}}, 238, "$where"),
        ({"find": "a", "readConcern": {"level": "snapshot"}}, 115, "read concern snapshot"),
        ({"explain": {"find": "a"}}, 115, "command explain"),
        ({"mapReduce": "a"}, 115, "command mapReduce"),
    ],
)
async def test_what_is_not_covered_is_refused_by_name(
    command: dict[str, Any], code: int, named: str, client: Client
) -> None:
    told = await reply(client, command)

    assert (told["ok"], told["code"]) == (0.0, code)
    assert named in told["errmsg"]


async def reply(
    client: Client, command: Mapping[str, Any], session: AsyncClientSession | None = None
) -> dict[str, Any]:
    return await client["replies"].command(
        SON(command), check=False, session=session, codec_options=OPTIONS
    )


def shown(value: Any) -> Any:
    """Return a reply as pairs in their order, without what no two servers share."""
    if isinstance(value, Mapping) and "ns" in value and "id" in value:
        # MongoDB gives the parts of a cursor in another order where it has made none.
        return {name: bool(item) if name == "id" else shown(item) for name, item in value.items()}
    if isinstance(value, Mapping):
        is_error = "code" in value and value["code"] != 11000
        return [
            (name, shown(item))
            for name, item in value.items()
            if name not in GOSSIP and not (is_error and name in {"errmsg", "errInfo"})
        ]
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, str):
        return UUID.sub("<uuid>", value)
    return (type(value).__name__, value)
