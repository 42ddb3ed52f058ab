from typing import Any

import bson
import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from pymongo.asynchronous.database import AsyncDatabase

from comparators.canonical import CODEC, decode
from comparators.errors import UnreachableError
from proxy.embedded import EmbeddedMongo
from proxy.jobs.ranges import (
    Collection,
    Range,
    collection_of,
    documents_in,
    ranges_of,
    raw_batches,
    split,
)

Database = AsyncDatabase[dict[str, Any]]

UNUSUAL: list[Any] = [
    MinKey(),
    None,
    float("nan"),
    float("-inf"),
    -(2**62),
    -0.0,
    1.5,
    Decimal128("2.50"),
    Int64(2**60),
    "",
    "a\0b",
    "\x01escape",
    "é" * 1500,
    {"a": 1},
    {"$ref": "c", "$id": 1},
    {},
    Binary(b"\0\1", 0),
    Binary(b"\2" * 16, 4),
    ObjectId(),
    False,
    True,
    DatetimeMS(-1),
    Timestamp(1, 2),
    MaxKey(),
]


async def _filled(database: Database, identifiers: list[Any]) -> list[bytes]:
    documents = [{"_id": each, "n": n} for n, each in enumerate(identifiers)]
    await database.things.insert_many(documents)
    return [each.raw for each in await _raw(database).find().to_list()]


def _raw(database: Database) -> Collection:
    options: Any = bson.codec_options.CodecOptions(document_class=bson.raw_bson.RawBSONDocument)
    return database.get_collection("things", codec_options=options)


async def _read(collection: Collection, ranges: list[Range], batch_size: int = 0) -> list[bytes]:
    return [
        document
        for each in ranges
        async for batch in raw_batches(collection, each, batch_size=batch_size)
        for document in documents_in(batch)
    ]


@pytest.fixture
async def mixed(mongo_database: Database) -> tuple[Collection, list[bytes]]:
    """Fill a collection with every kind of `_id`, and with many of the usual kinds."""
    usual: list[Any] = [*range(300), *(f"user {n}" for n in range(300))]
    usual += [ObjectId() for _ in range(300)]
    return _raw(mongo_database), await _filled(mongo_database, [*UNUSUAL, *usual[1:]])


async def test_each_document_lies_in_exactly_one_range(
    mixed: tuple[Collection, list[bytes]],
) -> None:
    collection, stored = mixed

    ranges = await ranges_of(collection, documents=50)

    found = await _read(collection, ranges, batch_size=7)
    assert len(ranges) > 10
    assert sorted(found) == sorted(stored)


async def test_ranges_are_in_the_order_of_the_server(
    mixed: tuple[Collection, list[bytes]],
) -> None:
    collection, _stored = mixed
    ranges = await ranges_of(collection, documents=50)

    found = [decode(each)["n"] for each in await _read(collection, ranges)]

    in_order = await collection.find().sort("_id", 1).to_list()
    assert found == [each["n"] for each in in_order]


async def test_a_range_is_split_down_to_single_documents(
    mixed: tuple[Collection, list[bytes]],
) -> None:
    collection, stored = mixed

    parts = await split(collection, Range(), parts=2000)

    sizes = [len(await _read(collection, [each])) for each in parts]
    assert sum(sizes) == len(stored)
    assert max(sizes) <= 4, "bounds that are unusable join a few"


async def test_a_collection_with_a_collation_is_one_range(mongo_database: Database) -> None:
    await mongo_database.create_collection("things", collation={"locale": "en", "strength": 2})
    await _filled(mongo_database, [f"user {n}" for n in range(100)])

    assert await ranges_of(_raw(mongo_database), documents=10) == [Range()]


async def test_a_missing_collection_is_one_empty_range(mongo_database: Database) -> None:
    collection = _raw(mongo_database)

    ranges = await ranges_of(collection, documents=10)

    assert await _read(collection, ranges) == []


# PyMongo leaves a socket unclosed when a client is closed while its monitor is connecting to a server that is away.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_a_server_that_is_away_is_named(mongo: EmbeddedMongo) -> None:
    gone = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"

    with pytest.raises(UnreachableError, match="does not answer"):
        async with collection_of(gone, "a.b", application="test") as collection:
            await ranges_of(collection, documents=10)


def test_values_of_an_id_survive_as_bounds() -> None:
    for value in UNUSUAL:
        raw = bson.encode({"_id": value}, codec_options=CODEC)

        assert bson.encode({"_id": decode(raw)["_id"]}, codec_options=CODEC) == raw
