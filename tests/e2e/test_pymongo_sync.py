"""PyMongo's synchronous client through the sidecar and on PostgreSQL alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import bson
import pytest
from bson import DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import Binary, UuidRepresentation
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from pymongo import ASCENDING, DESCENDING, MongoClient, UpdateOne
from pymongo.collation import Collation
from pymongo.database import Database
from pymongo.errors import BulkWriteError, ExecutionTimeout, OperationFailure
from pymongo.read_concern import ReadConcern

from tests.e2e.conftest import ONLY_MONGODB, Place
from tests.e2e.ledger import Expected

Document = dict[str, Any]

EVERY_TYPE: Document = {
    "int32": -5,
    "int64": Int64(7),
    "beyond_int32": 1 << 40,
    "double": 2.0,
    "minus_zero": -0.0,
    "nan": float("nan"),
    "infinity": float("-inf"),
    "decimal": Decimal128("0.10"),
    "text": "añ\x00\U0001f600",
    "true": True,
    "none": None,
    "id": ObjectId("5f0000000000000000000001"),
    "date": DatetimeMS(-1),
    "far_date": DatetimeMS(2**60),
    "regex": Regex("^a", "i"),
    "bytes": b"\x00\xff",
    "custom": Binary(b"x", 128),
    "uuid": Binary.from_uuid(
        UUID("0b1c9f2e-7a51-1c1e-9d3f-3e5a6b7c8d9e"), UuidRepresentation.STANDARD
    ),
    "stamp": Timestamp(7, 8),
    "min": MinKey(),
    "max": MaxKey(),
    "js": Code("f()"),
    "scoped": Code("f()", {"x": 1}),
    "ref": DBRef("other", ObjectId("5f0000000000000000000002")),
    "list": [1, [2, [], {}], {"b": 1, "a": 2}],
    "nested": {"": {"z": 1, "a": 2}},
}


@pytest.fixture
def database(watched: str, served: Place) -> Iterator[Database[Document]]:
    with MongoClient[Document](served.uri) as client:
        yield client[watched]


def test_every_type_comes_back_as_it_was(database: Database[Document]) -> None:
    values = database["values"]
    raw = bson.encode({"_id": 1, **EVERY_TYPE})
    values.insert_one({"_id": 1, **EVERY_TYPE})
    values.insert_many([{"_id": f"{name}", "v": value} for name, value in EVERY_TYPE.items()])

    batches: list[Any] = list(values.find_raw_batches({"_id": 1}))

    assert batches == [raw]
    for value in EVERY_TYPE.values():
        assert values.count_documents({"v": value}) >= 1


@ONLY_MONGODB
def test_collation_is_exact_or_named_as_unsupported(
    database: Database[Document], expected: Expected
) -> None:
    expected.reasons.add("collation in da")
    words = database["words"]
    words.insert_many([{"_id": number, "w": word} for number, word in enumerate(["b", "A", "a"])])

    plain = words.find(collation=Collation("simple")).sort("w", ASCENDING)
    folded = words.find({"w": "a"}, collation=Collation("en", strength=2)).sort("_id")
    unproven = words.find(collation=Collation("da")).sort("w", ASCENDING)

    assert [one["w"] for one in plain] == ["A", "a", "b"]
    assert [one["_id"] for one in folded] == [1, 2]
    assert len(list(unproven)) == 3


def test_hint_time_limit_and_comment_change_no_answer(database: Database[Document]) -> None:
    rows = database["rows"]
    rows.create_index([("n", DESCENDING)], name="by_n")
    rows.insert_many([{"_id": number, "n": number % 3} for number in range(9)])

    found = rows.find({"n": 1}, hint="by_n", max_time_ms=10_000, comment="why").sort("_id")

    assert [one["_id"] for one in found] == [1, 4, 7]
    assert rows.update_many({"n": 2}, {"$inc": {"n": 1}}, hint="by_n").modified_count == 3
    assert rows.delete_many({"n": 3}, hint=[("n", -1)]).deleted_count == 3


@ONLY_MONGODB
def test_operation_that_runs_out_of_time_is_not_compared(
    database: Database[Document], expected: Expected
) -> None:
    rows = database["rows"]
    rows.insert_many([{"_id": number} for number in range(300)])
    expected.reasons.add("MongoDB refused with code 50")
    slow = {"$where": "sleep(50) || false"}

    with pytest.raises(ExecutionTimeout):
        rows.find_one(slow, max_time_ms=100)


def test_read_concerns_are_no_difference(database: Database[Document]) -> None:
    rows = database["rows"]
    rows.insert_one({"_id": 1})

    for level in ("local", "majority", "available", "linearizable"):
        assert rows.with_options(read_concern=ReadConcern(level)).find_one() == {"_id": 1}


@ONLY_MONGODB
def test_sessions_snapshot_reads_the_past(database: Database[Document], expected: Expected) -> None:
    rows = database["rows"]
    rows.insert_one({"_id": 1, "n": 1})
    with database.client.start_session(snapshot=True) as session:
        assert rows.find_one({"_id": 1}, session=session) == {"_id": 1, "n": 1}
        rows.update_one({"_id": 1}, {"$set": {"n": 2}})

        seen = rows.find_one({"_id": 1}, session=session)

    assert seen == {"_id": 1, "n": 1}
    assert rows.find_one() == {"_id": 1, "n": 2}
    expected.maybe.add("a read of a past snapshot")


def test_bulk_errors_name_each_statement(database: Database[Document]) -> None:
    rows = database["rows"]
    rows.create_index("k", unique=True)
    rows.insert_many([{"_id": 1, "k": "a"}, {"_id": 2, "k": "b"}])

    with pytest.raises(BulkWriteError) as raised:
        rows.bulk_write(
            [
                UpdateOne({"_id": 1}, {"$set": {"k": "b"}}),
                UpdateOne({"_id": 2}, {"$set": {"n": 1}}),
                UpdateOne({"_id": 2}, {"$inc": {"k": 1}}),
            ],
            ordered=False,
        )

    assert [one["code"] for one in raised.value.details["writeErrors"]] == [11000, 14]


def test_dates_of_the_server_are_taken_over(database: Database[Document]) -> None:
    rows = database["rows"]
    rows.insert_one({"_id": 1})
    rows.update_one({"_id": 1}, {"$currentDate": {"at": True, "again": {"$type": "date"}}})
    rows.update_one({"_id": 1}, [{"$set": {"now": "$$NOW"}}])

    found = rows.find_one()

    assert found is not None
    assert found["now"].replace(tzinfo=UTC) <= datetime.now(UTC)


def test_threads_that_share_documents_end_equal_on_both_sides(
    database: Database[Document], expected: Expected
) -> None:
    shared = database["shared"]
    expected.maybe |= {"written at the same time by several clients"}
    shared.insert_many([{"_id": number, "n": 0, "log": []} for number in range(3)])

    def hammer(worker: int) -> None:
        for step in range(40):
            shared.update_one(
                {"_id": step % 3}, {"$inc": {"n": 1}, "$push": {"log": worker * 100 + step}}
            )
            shared.find_one({"_id": (step + 1) % 3})
            if step % 10 == 0:
                shared.update_many({}, {"$inc": {"seen": 1}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hammer, range(8)))

    assert sum(one["n"] for one in shared.find()) == 8 * 40


def test_command_that_does_not_exist_is_refused_as_by_mongod(
    database: Database[Document], expected: Expected
) -> None:
    database["rows"].insert_one({"_id": 1})
    expected.reasons.add("command nonsense")

    with pytest.raises(OperationFailure) as raised:
        database.command("nonsense")

    assert raised.value.code == 59
