"""`comparators.order` against the order of a real server."""

from itertools import product
from typing import Any

import pytest
from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp
from pymongo.asynchronous.database import AsyncDatabase

from comparators.canonical import CODEC, MISSING
from comparators.order import compare, sort_key

VALUES: list[Any] = [
    MinKey(),
    None,
    float("nan"),
    float("-inf"),
    -(2**31),
    Int64(-(2**63)),
    -0.0,
    0,
    0.1,
    Decimal128("0.1"),
    Decimal128("1E-6000"),
    Decimal128("NaN"),
    1,
    1.0,
    Int64(1),
    Decimal128("1.0"),
    Int64(2**53 + 1),
    float(2**53),
    Decimal128("9007199254740993"),
    Int64(2**63 - 1),
    float(2**63),
    Decimal128("9E+6144"),
    float("inf"),
    Decimal128("Infinity"),
    "",
    "A",
    "a",
    "a\x00b",
    "ab",
    "z",
    "é",
    "\uffff",
    "\U0001f600",
    {},
    {"a": 1},
    {"a": 1.0},
    {"a": 1, "b": 1},
    {"a": "x"},
    {"b": 0},
    {"b": None},
    {"a": None, "b": 1},
    {"a": float("nan")},
    {"a": [1, 2]},
    b"",
    b"\x01",
    b"\x02\x00",
    Binary(b"\x01", 5),
    Binary(b"\xff", 0),
    Binary(b"\x00" * 16, 4),
    ObjectId("0" * 24),
    ObjectId("f" * 24),
    False,
    True,
    DatetimeMS(-1),
    DatetimeMS(0),
    DatetimeMS(2**62),
    Timestamp(1, 2),
    Timestamp(2, 1),
    Timestamp(4294967295, 1),
    Regex("a", "i"),
    Regex("a", "im"),
    Regex("a", 0),
    Regex("b", "x"),
    Code("f()"),
    Code("f()", {"x": 1}),
    Code("a()", {"x": 2}),
    MaxKey(),
]

ARRAYS: list[Any] = [
    [],
    [[]],
    [None],
    [1],
    [1, 2],
    [2],
    [1.0],
    ["a"],
    [[1]],
    [[1], 2],
    [{"b": 1}],
    [{"b": 2}, {"b": 0}],
    [{"b": []}],
    [{"b": [3, 1]}, {"b": [0, 9]}],
    [{}],
    [{"b": None}],
    [{"c": 1}],
    [{"b": 1}, 5],
    [[{"b": 1}]],
    {"b": 1},
    {"b": [2, 0]},
    {"b": []},
    {"0": 7},
    {"0": {"b": 5}},
]

COMPOUND: list[dict[str, Any]] = [
    {"a": [{"x": x1, "y": y1}, {"x": x2, "y": y2}], "z": z}
    for x1, y1, x2, y2, z in product((1, 2), (5, 0), (1, 3), (2, 0), (1, 2))
] + [
    {"a": [], "z": 1},
    {"a": {"x": 1, "y": 3}, "z": 0},
    {"a": [{"x": [4, 1], "y": 1}], "z": 0},
    {"a": [{"x": 1}, {"y": -1}], "z": 0},
    {"z": 1},
]

Database = AsyncDatabase[dict[str, Any]]


async def sorted_by_server(
    database: Database, documents: list[dict[str, Any]], sort: dict[str, int]
) -> list[dict[str, Any]]:
    collection = database.get_collection("ordered", codec_options=CODEC)
    await collection.delete_many({})
    await collection.insert_many([{"_id": n, **each} for n, each in enumerate(documents)])
    return await collection.find().sort({**sort, "_id": 1}).to_list()


def ids(documents: list[dict[str, Any]]) -> list[Any]:
    return [document["_id"] for document in documents]


async def test_values_of_all_types_compare_as_on_the_server(mongo_database: Database) -> None:
    pairs = list(product(VALUES + ARRAYS, repeat=2))
    collection = mongo_database.get_collection("pairs", codec_options=CODEC)
    await collection.insert_many(
        [{"_id": n, "pair": [left, right]} for n, (left, right) in enumerate(pairs)]
    )

    cursor = await collection.aggregate(
        [
            {"$sort": {"_id": 1}},
            {
                "$project": {
                    "order": {
                        "$cmp": [{"$arrayElemAt": ["$pair", 0]}, {"$arrayElemAt": ["$pair", 1]}]
                    }
                }
            },
        ]
    )
    server = {each["_id"]: each["order"] async for each in cursor}

    wrong = [
        (left, right, server[n])
        for n, (left, right) in enumerate(pairs)
        if compare(left, right) != server[n]
    ]
    assert wrong == []


async def test_missing_is_below_null_in_expressions(mongo_database: Database) -> None:
    await mongo_database["one"].insert_one({"null": None})

    cursor = await mongo_database["one"].aggregate(
        [{"$project": {"order": {"$cmp": ["$missing", "$null"]}}}]
    )
    (answer,) = await cursor.to_list()

    assert answer["order"] == compare(MISSING, None, missing_first=True) == -1


@pytest.mark.parametrize("path", ["a", "a.b", "a.0", "a.0.b", "a.b.0", "a.1"])
@pytest.mark.parametrize("direction", [1, -1])
async def test_documents_sort_as_on_the_server(
    mongo_database: Database, path: str, direction: int
) -> None:
    documents: list[dict[str, Any]] = [{}] + [{"a": value} for value in VALUES + ARRAYS]
    sort = {path: direction}

    server = await sorted_by_server(mongo_database, documents, sort)

    ours = sorted(server, key=lambda document: (sort_key(document, sort), document["_id"]))
    assert ids(ours) == ids(server)


@pytest.mark.parametrize(
    "sort",
    [
        {"a.x": 1, "a.y": 1},
        {"a.x": -1, "a.y": 1},
        {"a.y": -1, "z": 1},
        {"z": -1, "a.x": 1, "a.y": -1},
        {"a": 1, "a.x": -1},
        {"a.0.x": 1, "a.1.y": -1},
    ],
    ids=str,
)
async def test_compound_sorts_take_their_keys_from_one_element(
    mongo_database: Database, sort: dict[str, int]
) -> None:
    server = await sorted_by_server(mongo_database, COMPOUND, sort)

    ours = sorted(server, key=lambda document: (sort_key(document, sort), document["_id"]))
    assert ids(ours) == ids(server)
