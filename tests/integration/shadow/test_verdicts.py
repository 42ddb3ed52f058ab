"""What each kind of operation ends in: a match, a true mismatch, or a reason why neither can be said."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import AsyncMongoClient, InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from comparators.verdict import Verdict
from tests.eventually import eventually
from tests.integration.shadow.conftest import Bench

pytestmark = pytest.mark.timeout(120)


async def test_an_ordinary_session_matches_throughout(bench: Bench) -> None:
    users = bench.database.users
    await users.create_index("email", unique=True)
    await users.insert_many([{"_id": n, "email": f"{n}@example.org", "n": n} for n in range(20)])
    await users.update_one({"email": "3@example.org"}, {"$set": {"n": 30}, "$push": {"log": 1}})
    await users.find_one_and_update(
        {"_id": 4}, {"$inc": {"n": 1}}, return_document=ReturnDocument.AFTER
    )
    with pytest.raises(DuplicateKeyError):
        await users.insert_one({"_id": 99, "email": "3@example.org"})
    assert await users.count_documents({"n": {"$gte": 10}}) == 11
    assert len(await users.find({"n": {"$lt": 5}}).sort("n", -1).to_list()) == 3
    assert sorted(await users.distinct("n", {"_id": {"$in": [1, 2]}})) == [1, 2]
    await users.delete_many({"n": {"$gt": 15}})

    verdicts = await bench.verdicts("users")

    assert verdicts == {Verdict.MATCH: 9}
    assert await bench.differing() == {}


async def test_a_cursor_of_many_batches_is_one_result(bench: Bench) -> None:
    await bench.database.logs.insert_many([{"_id": n, "text": "x" * 50} for n in range(500)])

    found = await bench.database.logs.find({}, batch_size=60).to_list()

    assert len(found) == 500
    assert await bench.verdicts("logs") == {Verdict.MATCH: 2}


async def test_a_cursor_that_is_given_up_compares_as_far_as_it_was_read(bench: Bench) -> None:
    await bench.database.logs.insert_many([{"_id": n} for n in range(500)])
    async with bench.database.logs.find({}, batch_size=50).sort("_id", 1) as cursor:
        assert (await cursor.next())["_id"] == 0

    assert await bench.verdicts("logs") == {Verdict.MATCH: 2}


async def test_what_wrote_a_document_is_told_also_of_a_transaction(bench: Bench) -> None:
    things, before_ns = bench.database.things, time.time_ns()
    await things.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 1}])
    await bench.sidecar.drained()
    async with AsyncMongoClient[dict[str, Any]](bench.legacy_uri) as past:
        await past[things.database.name].things.update_many({}, {"$set": {"n": 7}})
    async with things.database.client.start_session() as session, await session.start_transaction():
        await things.update_one({"_id": 1}, {"$set": {"m": 1}}, session=session)
    await things.update_one({"_id": 2}, {"$set": {"p": 1}})

    found = {
        each.writer.shape: each.writer
        for each in (await bench.evidence()).divergent
        if each.namespace == f"{bench.database.name}.things" and each.writer is not None
    }

    assert [(shape, wrote.in_transaction) for shape, wrote in sorted(found.items())] == [
        ("things.update filter{_id:=} update{$set:{m}}", True),
        ("things.update filter{_id:=} update{$set:{p}}", False),
    ]
    for wrote in found.values():
        assert wrote.application.startswith("PyMongo")
        assert before_ns < wrote.at_ns < time.time_ns()
        assert wrote.position > 0


async def test_a_failed_bulk_write_matches_statement_by_statement(bench: Bench) -> None:
    requests: list[InsertOne[dict[str, Any]] | UpdateOne] = [
        InsertOne({"_id": 1}),
        InsertOne({"_id": 1}),
        InsertOne({"_id": 2}),
        UpdateOne({"_id": 2}, {"$set": {"a": 1}}),
        UpdateOne({"_id": 5}, {"$inc": {"a": 1}}, upsert=True),
    ]
    with pytest.raises(BulkWriteError):
        await bench.database.things.bulk_write(requests, ordered=False)

    assert await bench.verdicts("things") == {Verdict.MATCH: 2}
    assert await bench.differing() == {}


async def test_what_mongodb_refuses_the_gateway_refuses_alike(bench: Bench) -> None:
    await bench.database.things.insert_one({"_id": 1, "name": "text"})
    for change in ({"$inc": {"name": 1}}, {"$set": {"_id": 2}}, {"$push": {"name": 1}}):
        with pytest.raises(OperationFailure):
            await bench.database.things.update_one({"_id": 1}, change)
    with pytest.raises(OperationFailure):
        await bench.database.things.find_one({"name": {"$nonsense": 1}})

    assert await bench.verdicts("things") == {Verdict.MATCH: 5}


async def test_values_made_by_the_server_are_taken_over(bench: Bench) -> None:
    things = bench.database.things
    await things.insert_many([{"_id": 1}, {"_id": 2}])
    await things.update_one(
        {"_id": 1}, {"$currentDate": {"at": True, "ts": {"$type": "timestamp"}}}
    )
    await things.find_one({"_id": 1})
    await things.find_one_and_update({"_id": 1}, {"$set": {"seen": True}})
    await things.update_one({"_id": 2}, [{"$set": {"at": "$$NOW"}}])
    await things.find().to_list()
    await things.find_one_and_update(
        {"name": "new"}, {"$set": {"a": 1}}, upsert=True, return_document=ReturnDocument.AFTER
    )

    assert await bench.mismatches("things") == []
    await eventually_equal(bench)


async def test_a_transaction_counts_at_its_commit(bench: Bench) -> None:
    client, accounts = bench.database.client, bench.database.accounts
    await accounts.insert_many([{"_id": 1, "n": 10}, {"_id": 2, "n": 0}])
    async with client.start_session() as session, await session.start_transaction():
        await accounts.update_one({"_id": 1}, {"$inc": {"n": -3}}, session=session)
        await accounts.update_one({"_id": 2}, {"$inc": {"n": 3}}, session=session)
        assert (await accounts.find_one({"_id": 2}, session=session) or {})["n"] == 3
    async with client.start_session() as session:
        await session.start_transaction()
        await accounts.delete_many({}, session=session)
        await session.abort_transaction()

    verdicts = await bench.verdicts("accounts")

    assert verdicts == {Verdict.MATCH: 4, Verdict.NOT_COMPARABLE: 1}
    assert "its transaction was aborted" in await bench.reasons("accounts")
    assert await bench.differing() == {}


async def test_a_document_past_its_date_is_not_missed(bench: Bench) -> None:
    tokens = bench.database.tokens
    await tokens.create_index("expires", expireAfterSeconds=0)
    past = datetime.now(UTC) - timedelta(minutes=5)
    future = datetime.now(UTC) + timedelta(hours=1)
    await tokens.insert_many([{"_id": 1, "expires": past}, {"_id": 2, "expires": future}])
    await eventually(lambda: _is_gone(bench), within_s=20)
    await tokens.find().to_list()

    assert await bench.mismatches("tokens") == []
    await eventually_equal(bench)


async def test_a_wrong_count_is_found_beside_documents_past_their_date(bench: Bench) -> None:
    """Legacy does not get round to removing what has expired, so that the figure itself proves nothing."""
    tokens = bench.database.tokens
    async with AsyncMongoClient[dict[str, Any]](bench.legacy_uri) as legacy:
        await legacy.admin.command("setParameter", 1, ttlMonitorEnabled=False)
        try:
            await tokens.create_index("expires", expireAfterSeconds=0)
            past = datetime.now(UTC) - timedelta(minutes=5)
            future = datetime.now(UTC) + timedelta(hours=1)
            await tokens.insert_one({"_id": 1, "expires": past})
            await tokens.insert_many([{"_id": n, "expires": future} for n in (2, 3)])
            await bench.evidence()
            await bench.damage("DELETE FROM {schema}.tokens WHERE ctid = '(0,2)'")
            assert await tokens.count_documents({}) == 3
            assert await tokens.estimated_document_count() == 3

            groups = await bench.mismatches("tokens")
        finally:
            await legacy.admin.command("setParameter", 1, ttlMonitorEnabled=True)

    assert {group.kind for group in groups} == {"aggregate", "count"}


async def _is_gone(bench: Bench) -> bool:
    return await bench.database.tokens.find_one({"_id": 1}) is None


async def test_an_unsupported_read_is_named(bench: Bench) -> None:
    await bench.database.things.insert_one({"_id": 1})
    await bench.database.things.create_index([("place", "2dsphere")])
    near = {"near": {"type": "Point", "coordinates": [0, 0]}, "distanceField": "far"}
    await (await bench.database.things.aggregate([{"$geoNear": near}])).to_list()

    verdicts = await bench.verdicts("things")

    assert verdicts == {Verdict.MATCH: 2, Verdict.UNSUPPORTED: 1}
    assert any("$geoNear" in reason for reason in await bench.reasons("things"))


async def test_what_is_random_or_of_the_server_is_not_comparable(bench: Bench) -> None:
    things = bench.database.things
    await things.insert_many([{"_id": n} for n in range(50)])
    await (await things.aggregate([{"$sample": {"size": 1}}])).to_list()
    await (await things.aggregate([{"$indexStats": {}}])).to_list()
    await (await things.aggregate([{"$sample": {"size": 100}}])).to_list()

    assert await bench.mismatches("things") == []
    assert (await bench.verdicts("things"))[Verdict.MATCH] >= 2
    assert any(reason.startswith("$indexStats") for reason in await bench.reasons("things"))


async def test_sets_and_joins_are_compared_without_an_order(bench: Bench) -> None:
    things = bench.database.things
    await things.insert_many([{"_id": n, "k": n % 3, "t": [n, n + 1, n + 2]} for n in range(12)])
    group = {"_id": "$k", "all": {"$addToSet": "$_id"}, "n": {"$sum": 1}}
    join = {"from": "things", "localField": "t", "foreignField": "_id", "as": "found"}
    graph = {
        "from": "things",
        "startWith": "$k",
        "connectFromField": "t",
        "connectToField": "_id",
        "as": "reached",
    }
    pipelines: list[list[dict[str, Any]]] = [
        [{"$group": group}],
        [{"$group": group}, {"$project": {"size": {"$size": "$all"}}}],
        [{"$lookup": join}],
        [{"$graphLookup": graph}],
    ]
    for stages in pipelines:
        await (await things.aggregate(stages)).to_list()

    assert await bench.verdicts("things") == {Verdict.MATCH: 5}


async def test_an_unsupported_write_is_named_and_its_documents_are_read_again(bench: Bench) -> None:
    things = bench.database.things
    await things.insert_many([{"_id": 1, "name": "A"}, {"_id": 2, "name": "b"}])
    await things.update_many({"$where": "this.name == 'A'"}, {"$set": {"hit": True}})

    verdicts = await bench.verdicts("things")

    assert verdicts[Verdict.UNSUPPORTED] == 1
    await eventually_equal(bench)


async def test_a_lost_document_is_found_by_a_read(bench: Bench) -> None:
    await bench.database.things.insert_one({"_id": 1, "name": "right"})
    await bench.evidence()
    await bench.damage("DELETE FROM {schema}.things")
    await bench.database.things.find_one({"name": "right"})

    (group,) = await bench.mismatches("things")

    assert group.change == "document_missing"


async def test_a_lost_write_is_found_by_the_state_of_its_document(bench: Bench) -> None:
    """The upsert makes another document on the gateway, and answers so."""
    things = bench.database.things
    await things.insert_one({"_id": 1, "kept": True, "n": 1})
    await bench.evidence()
    await bench.damage("DELETE FROM {schema}.things")
    await things.update_one({"_id": 1}, {"$set": {"n": 2}}, upsert=True)

    groups = await bench.mismatches("things")

    assert {group.kind for group in groups} == {"state", "update"}


async def test_writes_that_meet_on_a_standalone_server_are_never_a_mismatch(
    standalone_bench: Bench,
) -> None:
    """Without an `operationTime` the order of overlapping writes is not known; the states still end equal."""
    bench = standalone_bench

    async def write(seed: int) -> None:
        for n in range(60):
            target = {"_id": (seed + n) % 4}
            await bench.database.hot.update_one(target, {"$set": {"by": seed, "n": n}}, upsert=True)

    async with asyncio.TaskGroup() as tasks:
        for seed in range(6):
            tasks.create_task(write(seed))

    assert await bench.mismatches("hot") == []
    await eventually_equal(bench)


async def eventually_equal(bench: Bench) -> None:
    async def is_equal() -> bool:
        await bench.evidence()
        found = await bench.differing()
        assert found == {}, f"the sides differ: {found}"
        return True

    await eventually(is_equal, within_s=20)


async def test_a_free_choice_of_the_server_is_no_mismatch(bench: Bench) -> None:
    """MongoDB takes the first match in an order of its own, here that of an index."""
    things = bench.database.things
    await things.create_index([("kind", 1), ("rank", -1)])
    await things.insert_many([{"_id": n, "kind": "a", "rank": n} for n in range(5)])
    await things.update_one({"kind": "a", "rank": {"$gt": 0}}, {"$set": {"chosen": True}})
    await things.find_one_and_update({"kind": "a"}, {"$set": {"named": True}})
    await things.delete_one({"kind": "a", "rank": {"$lt": 4}})

    assert await bench.mismatches("things") == []
    await eventually_equal(bench)


async def test_a_renamed_collection_is_followed(bench: Bench) -> None:
    await bench.database.old.insert_many([{"_id": n} for n in range(20)])
    await bench.database.old.rename("new")
    await bench.database.new.update_one({"_id": 3}, {"$set": {"a": 1}})

    assert await bench.mismatches("new") == []
    await eventually_equal(bench)
    assert await bench.database.new.count_documents({"a": 1}) == 1
    assert await bench.mismatches("new") == []


async def test_what_a_pipeline_stores_is_compared(bench: Bench) -> None:
    sales = bench.database.sales
    await sales.insert_many([{"_id": n, "n": n, "k": n % 2} for n in range(5)])
    totals = {"$group": {"_id": "$k", "sum": {"$sum": "$n"}}}
    add = [{"$set": {"sum": {"$add": ["$sum", "$$new.sum"]}}}]
    pipelines: list[list[dict[str, Any]]] = [
        [{"$match": {"n": {"$gt": 2}}}, {"$out": "big"}],
        [{"$merge": {"into": "all"}}],
        [totals, {"$merge": {"into": "totals"}}],
        [totals, {"$merge": {"into": "totals", "whenMatched": add}}],
    ]
    for stages in pipelines:
        await (await sales.aggregate(stages)).to_list()
    with pytest.raises(OperationFailure):
        await sales.aggregate([{"$merge": {"into": "all", "whenMatched": "fail"}}])

    assert len(await bench.database.big.find().to_list()) == 2
    assert await bench.database.totals.find_one({"_id": 0}) == {"_id": 0, "sum": 12}
    assert await bench.verdicts("sales") == {Verdict.MATCH: 6}
    for name in ("big", "all", "totals"):
        assert await bench.mismatches(name) == []
    assert await bench.differing() == {}


async def test_what_only_one_side_stores_of_a_pipeline_is_found(bench: Bench) -> None:
    await bench.database.sales.insert_many([{"_id": n} for n in range(3)])
    await bench.evidence()
    await bench.damage("DELETE FROM {schema}.sales WHERE body @> '{{\"_id\": 1}}'")
    await (await bench.database.sales.aggregate([{"$out": "copy"}])).to_list()

    (group,) = await bench.mismatches("copy")

    assert (group.kind, group.change) == ("state", "document_missing")


async def test_what_a_pipeline_stores_in_an_order_of_its_own_is_taken_over(bench: Bench) -> None:
    sales = bench.database.sales
    await sales.insert_many([{"_id": n, "t": str(n)} for n in range(40)])
    sets = {"$group": {"_id": None, "t": {"$addToSet": "$t"}}}
    await (await sales.aggregate([sets, {"$out": "tags"}])).to_list()
    made_up = {"$project": {"_id": 0, "t": 1}}
    await (await sales.aggregate([made_up, {"$out": "anonymous"}])).to_list()

    assert await bench.mismatches("tags") == []
    assert (await bench.verdicts("sales"))[Verdict.UNSUPPORTED] == 1
    await eventually_equal(bench)


async def test_what_is_random_or_about_the_server_is_not_comparable(bench: Bench) -> None:
    await bench.database.things.insert_one({"_id": 1})
    await bench.database.things.find_one({"$expr": {"$lt": [{"$rand": {}}, 2]}})
    await bench.database.things.update_one({"_id": 1}, [{"$set": {"drawn": {"$rand": {}}}}])

    verdicts = await bench.verdicts("things")

    assert verdicts == {Verdict.MATCH: 1, Verdict.NOT_COMPARABLE: 2}
    assert await bench.differing() == {}


async def test_timestamps_of_the_server_are_taken_over(bench: Bench) -> None:
    unset = Timestamp(0, 0)
    await bench.database.things.insert_one({"_id": 1, "at": unset, "inside": {"at": unset}})
    await bench.database.things.replace_one({"_id": 1}, {"at": unset})
    stamp = {"$currentDate": {"at": {"$type": "timestamp"}}}
    await bench.database.things.update_one({"_id": 2}, stamp, upsert=True)
    await bench.database.things.find_one_and_update({"_id": 2}, stamp, return_document=True)

    assert await bench.mismatches("things") == []
    await eventually_equal(bench)
