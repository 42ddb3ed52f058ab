"""PyMongo's asynchronous client through the sidecar and on PostgreSQL alone, with its default options unless a test says otherwise."""

from collections.abc import AsyncIterator
from typing import Any

import bson
import pytest
from pymongo import AsyncMongoClient, InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure
from pymongo.write_concern import WriteConcern

from tests.e2e.conftest import ONLY_MONGODB, Place
from tests.e2e.ledger import Expected
from tests.eventually import eventually

Document = dict[str, Any]


@pytest.fixture
async def client(served: Place) -> AsyncIterator[AsyncMongoClient[Document]]:
    async with AsyncMongoClient[Document](served.uri, serverMonitoringMode="poll") as connected:
        yield connected


@pytest.fixture
def database(watched: str, client: AsyncMongoClient[Document]) -> AsyncDatabase[Document]:
    return client[watched]


async def test_default_options_see_one_member(
    database: AsyncDatabase[Document], client: AsyncMongoClient[Document], served: Place
) -> None:
    await database["things"].insert_one({"_id": 1})

    assert await client.address == ("127.0.0.1", served.port)
    assert client.nodes == frozenset({("127.0.0.1", served.port)})
    assert client.topology_description.replica_set_name == "rs0"
    assert await database["things"].count_documents({}) == 1


async def test_inserted_documents_come_back(database: AsyncDatabase[Document]) -> None:
    inserted = await database["people"].insert_many([{"name": f"n{i}", "age": i} for i in range(5)])

    found = await database["people"].find({"age": {"$gte": 2}}).sort("age").to_list()

    assert [one["_id"] for one in found] == inserted.inserted_ids[2:]


async def test_duplicate_key_names_the_pattern(database: AsyncDatabase[Document]) -> None:
    people = database["people"]
    await people.create_index("email", unique=True)
    await people.insert_one({"email": "a@example.org"})

    with pytest.raises(DuplicateKeyError) as raised:
        await people.insert_one({"email": "a@example.org"})

    assert raised.value.details is not None
    assert raised.value.details["keyPattern"] == {"email": 1}


async def test_causally_consistent_session_reads_its_own_writes(
    database: AsyncDatabase[Document], client: AsyncMongoClient[Document]
) -> None:
    notes = database["notes"]
    async with client.start_session(causal_consistency=True) as session:
        for number in range(5):
            await notes.insert_one({"_id": number}, session=session)
            assert await notes.find_one({"_id": number}, session=session) == {"_id": number}
        assert session.operation_time is not None
        assert session.cluster_time is not None


async def test_committed_transaction_takes_effect_on_both_sides(
    database: AsyncDatabase[Document], client: AsyncMongoClient[Document]
) -> None:
    accounts = database["accounts"]
    await accounts.insert_many([{"_id": "a", "balance": 10}, {"_id": "b", "balance": 0}])

    async def transfer(session: AsyncClientSession) -> None:
        await accounts.update_one({"_id": "a"}, {"$inc": {"balance": -4}}, session=session)
        await accounts.update_one({"_id": "b"}, {"$inc": {"balance": 4}}, session=session)
        assert await accounts.find_one({"_id": "b"}, session=session) == {"_id": "b", "balance": 4}

    async with client.start_session() as session:
        await session.with_transaction(transfer)

    balances = await accounts.find().sort("_id").to_list()
    assert [one["balance"] for one in balances] == [6, 4]


async def test_aborted_transaction_leaves_nothing(
    database: AsyncDatabase[Document], client: AsyncMongoClient[Document], expected: Expected
) -> None:
    accounts = database["accounts"]
    expected.reasons.add("its transaction was aborted")
    await accounts.insert_one({"_id": "a", "balance": 10})

    async with client.start_session() as session:
        await session.start_transaction()
        await accounts.update_one({"_id": "a"}, {"$inc": {"balance": -4}}, session=session)
        await accounts.insert_one({"_id": "b"}, session=session)
        await session.abort_transaction()

    assert await accounts.find().to_list() == [{"_id": "a", "balance": 10}]


async def test_transaction_that_meets_a_write_conflict_is_retried(
    database: AsyncDatabase[Document], client: AsyncMongoClient[Document], expected: Expected
) -> None:
    accounts = database["accounts"]
    expected.reasons.add("its transaction was aborted")
    await accounts.insert_one({"_id": "a", "balance": 10})
    attempts = 0

    async def spend(session: AsyncClientSession) -> None:
        nonlocal attempts
        attempts += 1
        await accounts.find_one({"_id": "a"}, session=session)
        if attempts == 1:
            await accounts.update_one({"_id": "a"}, {"$inc": {"balance": 100}})
        await accounts.update_one({"_id": "a"}, {"$inc": {"balance": -1}}, session=session)

    async with client.start_session() as session:
        await session.with_transaction(spend)

    assert attempts == 2
    assert await accounts.find_one() == {"_id": "a", "balance": 109}


async def test_transaction_over_several_collections(
    database: AsyncDatabase[Document], client: AsyncMongoClient[Document]
) -> None:
    async def sign_up(session: AsyncClientSession) -> None:
        user = await database["users"].insert_one({"name": "ann"}, session=session)
        await database["wallets"].insert_one({"user": user.inserted_id, "n": 1}, session=session)
        await database["wallets"].update_one(
            {"user": user.inserted_id}, {"$push": {"log": "opened"}}, session=session
        )

    async with client.start_session() as session:
        await session.with_transaction(sign_up)

    assert await database["wallets"].count_documents({"log": "opened"}) == 1


async def test_cursor_reads_every_batch(database: AsyncDatabase[Document]) -> None:
    rows = database["rows"]
    await rows.insert_many([{"_id": number, "text": "x" * 50} for number in range(350)])

    seen = [one["_id"] async for one in rows.find().sort("_id").batch_size(40)]

    assert seen == list(range(350))


async def test_cursor_closed_early_is_compared_as_far_as_it_was_read(
    database: AsyncDatabase[Document],
) -> None:
    rows = database["rows"]
    await rows.insert_many([{"_id": number} for number in range(100)])

    async with rows.find().sort("_id").batch_size(10) as cursor:
        seen = [(await anext(cursor))["_id"] for _ in range(15)]

    assert seen == list(range(15))


async def test_raw_batches_concatenate_to_the_documents(
    database: AsyncDatabase[Document],
) -> None:
    rows = database["rows"]
    await rows.insert_many([{"_id": number} for number in range(30)])

    cursor: Any = rows.find_raw_batches(sort=[("_id", 1)], batch_size=10)
    batches = [batch async for batch in cursor]

    assert len(batches) == 3
    assert [one["_id"] for one in bson.decode_all(b"".join(batches))] == list(range(30))


async def test_aggregate_through_several_batches(database: AsyncDatabase[Document]) -> None:
    rows = database["rows"]
    await rows.insert_many([{"_id": number, "kind": number % 60} for number in range(240)])

    grouped = await rows.aggregate(
        [{"$group": {"_id": "$kind", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}], batchSize=7
    )

    assert [one async for one in grouped] == [{"_id": kind, "n": 4} for kind in range(60)]


@ONLY_MONGODB
async def test_change_stream_shows_the_writes(
    database: AsyncDatabase[Document], expected: Expected
) -> None:
    expected.reasons.add("a tailable cursor or change stream")
    things = database["things"]
    await things.insert_one({"_id": 0})
    async with await things.watch(full_document="updateLookup") as changes:
        await things.insert_one({"_id": 1, "n": 1})
        await things.update_one({"_id": 1}, {"$inc": {"n": 1}})
        seen = [await anext(changes) for _ in range(2)]
        await things.delete_one({"_id": 1})
        seen.append(await anext(changes))

    assert [one["operationType"] for one in seen] == ["insert", "update", "delete"]
    assert seen[1]["fullDocument"] == {"_id": 1, "n": 2}


@ONLY_MONGODB
async def test_change_stream_resumes_where_it_was_left(
    database: AsyncDatabase[Document], expected: Expected
) -> None:
    expected.reasons.add("a tailable cursor or change stream")
    things = database["things"]
    await things.insert_one({"_id": 0})
    async with await things.watch() as changes:
        await things.insert_many([{"_id": 1}, {"_id": 2}])
        await anext(changes)
        token = changes.resume_token

    async with await things.watch(resume_after=token) as changes:
        assert (await anext(changes))["documentKey"] == {"_id": 2}


async def test_unacknowledged_writes_reach_both_sides(
    database: AsyncDatabase[Document], expected: Expected
) -> None:
    expected.reasons.add("no answer was seen")
    acknowledged = database["things"]
    await acknowledged.insert_one({"_id": 0})
    silent = acknowledged.with_options(write_concern=WriteConcern(w=0))

    await silent.insert_many([{"_id": number} for number in range(1, 20)])
    await silent.update_many({"_id": {"$gt": 10}}, {"$set": {"late": True}})
    await silent.delete_one({"_id": 0})

    async def all_done() -> bool:
        late = await acknowledged.count_documents({"late": True})
        return late == 9 and await acknowledged.find_one({"_id": 0}) is None

    await eventually(all_done)


async def test_bulk_of_more_than_a_thousand_operations(database: AsyncDatabase[Document]) -> None:
    rows = database["rows"]
    await rows.bulk_write([InsertOne({"_id": number, "n": 0}) for number in range(1500)])

    changed = await rows.bulk_write(
        [
            *[UpdateOne({"_id": number}, {"$inc": {"n": number}}) for number in range(1100)],
            ReplaceOne({"_id": 1499}, {"replaced": True}),
            UpdateOne({"_id": "new"}, {"$set": {"n": 1}}, upsert=True),
        ]
    )

    assert changed.matched_count == 1101
    assert changed.upserted_ids == {1101: "new"}
    assert await rows.estimated_document_count() == 1501


async def test_unordered_bulk_goes_on_behind_a_duplicate(
    database: AsyncDatabase[Document],
) -> None:
    rows = database["rows"]
    await rows.insert_one({"_id": 2})

    with pytest.raises(BulkWriteError) as raised:
        await rows.insert_many([{"_id": number} for number in range(5)], ordered=False)

    assert raised.value.details["nInserted"] == 4
    assert [one["index"] for one in raised.value.details["writeErrors"]] == [2]


async def test_ordered_bulk_stops_at_a_duplicate(database: AsyncDatabase[Document]) -> None:
    rows = database["rows"]
    await rows.insert_one({"_id": 2})

    with pytest.raises(BulkWriteError) as raised:
        await rows.insert_many([{"_id": number} for number in range(5)])

    assert raised.value.details["nInserted"] == 2
    assert await rows.count_documents({}) == 3


async def test_documents_of_several_megabytes(database: AsyncDatabase[Document]) -> None:
    files = database["files"]
    content = bytes(range(256)) * 4096 * 6
    await files.insert_one({"_id": "big", "content": content, "pages": ["y" * 1000] * 2000})
    await files.update_one({"_id": "big"}, {"$set": {"seen": True}})

    found = await files.find_one({"_id": "big"})

    assert found is not None
    assert found["content"] == content
    assert found["seen"] is True


async def test_refused_command_is_the_same_error(database: AsyncDatabase[Document]) -> None:
    things = database["things"]
    await things.insert_one({"_id": 1, "text": "word"})

    with pytest.raises(OperationFailure) as raised:
        await things.update_one({"_id": 1}, {"$inc": {"text": 1}})

    assert raised.value.code == 14


async def test_what_pipelines_store_is_verified(database: AsyncDatabase[Document]) -> None:
    orders = database["orders"]
    await orders.insert_many([{"_id": n, "of": "ab"[n % 2], "sum": n} for n in range(6)])
    totals = {"$group": {"_id": "$of", "sum": {"$sum": "$sum"}}}
    merge = {"into": "totals", "whenMatched": "merge", "whenNotMatched": "insert"}

    await database["totals"].insert_one({"_id": "a", "kept": True})
    await (await orders.aggregate([totals, {"$merge": merge}])).to_list()
    await orders.insert_one({"_id": 6, "of": "c", "sum": 1})
    added = [{"$set": {"sum": {"$add": ["$sum", "$$new.sum"]}}}]
    await (
        await orders.aggregate(
            [totals, {"$merge": {"into": "totals", "on": "_id", "whenMatched": added}}]
        )
    ).to_list()
    await (await orders.aggregate([{"$match": {"sum": {"$gt": 3}}}, {"$out": "large"}])).to_list()
    await (await orders.aggregate([{"$match": {"sum": 5}}, {"$out": "large"}])).to_list()
    failing = {"into": "totals", "whenMatched": "fail"}
    with pytest.raises(OperationFailure):
        await orders.aggregate([totals, {"$merge": failing}])

    assert await database["totals"].find().sort("_id").to_list() == [
        {"_id": "a", "kept": True, "sum": 12},
        {"_id": "b", "sum": 18},
        {"_id": "c", "sum": 1},
    ]
    assert await database["large"].find().to_list() == [{"_id": 5, "of": "b", "sum": 5}]
