"""Collections in mapped tables: what PostgreSQL holds of them, and what several gateways see."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from bson.objectid import ObjectId

from adapters.entities.entity import Column, ColumnType, EntityMap, Identity, IdentityType
from adapters.gateway import Generated, Mark
from adapters.postgresql.gateway import PostgresGateway
from adapters.query.paths import split_path
from comparators.canonical import decode, document_key, encode
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Count, Documents, Modified, Result

GENERATED = Generated(now_ms=1_700_000_000_000)
ID = ObjectId(b"twelve bytes")


def column(path: str, kind: ColumnType, **more: Any) -> Column:
    return Column(name=path.replace(".", "_"), path=split_path(path), type=kind, **more)


USERS = EntityMap(
    collection="users",
    table="people",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(
        column("name", ColumnType.TEXT),
        column("age", ColumnType.INTEGER),
        column("score", ColumnType.DOUBLE),
        column("at", ColumnType.TIMESTAMPTZ),
        column("tags", ColumnType.TEXT, array=True),
        column("place.city", ColumnType.TEXT),
    ),
)
ENTITIES = {"users": USERS}


@pytest.fixture
async def mapped(postgres_dsn: str) -> AsyncIterator[PostgresGateway]:
    async with PostgresGateway(postgres_dsn, connections=4, entities=ENTITIES) as opened:
        yield opened


async def run(gateway: PostgresGateway, kind: Kind, **arguments: Any) -> Result:
    operation = Operation(database="shop", collection="users", kind=kind, arguments=arguments)
    return (await gateway.run(operation, generated=GENERATED)).result


async def insert(gateway: PostgresGateway, *documents: dict[str, Any]) -> None:
    done = await run(gateway, Kind.INSERT, documents=list(documents))
    assert done == Acknowledgement(n=len(documents))


async def update(gateway: PostgresGateway, query: Any, change: Any) -> Result:
    return await run(gateway, Kind.UPDATE, updates=[{"q": query, "u": change}])


async def found(gateway: PostgresGateway, query: Any, **options: Any) -> list[dict[str, Any]]:
    result = await run(gateway, Kind.FIND, filter=query, **options)
    assert isinstance(result, Documents)
    return [decode(each) for each in result.documents]


async def rows(dsn: str, text: str, *arguments: Any) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(text, *arguments)]
    finally:
        await connection.close()


async def test_a_document_as_the_map_expects_it_lies_in_columns_alone(
    mapped: PostgresGateway, postgres_dsn: str
) -> None:
    await insert(
        mapped,
        {"_id": ID, "name": "Ann", "age": 7, "tags": ["a"], "place": {"city": "Rome"}},
    )

    text = "SELECT name, age, tags, place_city, _layout, _overflow, _nulls, _drift FROM shop.people"
    assert await rows(postgres_dsn, text) == [("Ann", 7, ["a"], "Rome", None, None, None, None)]


async def test_who_inserts_by_sql_is_read_as_documents(
    mapped: PostgresGateway, postgres_dsn: str
) -> None:
    await insert(mapped, {"_id": ObjectId(), "name": "Ann"})
    await rows(
        postgres_dsn,
        "INSERT INTO shop.people (id, name, score, at, place_city) "
        "VALUES ($1, 'Bob', 1, 'epoch', 'Rome')",
        ID.binary,
    )

    expected = {
        "_id": ID,
        "name": "Bob",
        "score": 1,
        "at": DatetimeMS(0),
        "place": {"city": "Rome"},
    }
    assert await found(mapped, {"name": "Bob"}) == [expected]
    assert await found(mapped, {"_id": ID}) == [expected]


async def test_layouts_of_one_gateway_are_read_by_another(
    mapped: PostgresGateway, postgres_dsn: str
) -> None:
    documents = [
        {"_id": ID, "later": 1, "age": Int64(2), "name": None},
        {"_id": ObjectId(), "age": "drifts", "place": {}},
    ]
    await insert(mapped, *documents)

    async with PostgresGateway(postgres_dsn, connections=1) as other:
        assert await found(other, {"_id": ID}) == documents[:1]
        assert await found(other, {}) == documents
        assert await update(other, {"_id": ID}, {"$set": {"age": 3}}) == Acknowledgement(
            n=1, modified=1
        )

    assert await found(mapped, {"age": 3}) == [{**documents[0], "age": 3}]


async def test_a_layout_outlives_the_transaction_that_made_it(
    mapped: PostgresGateway, postgres_dsn: str
) -> None:
    await insert(mapped, {"_id": ObjectId()})
    operation = Operation(
        database="shop",
        collection="users",
        kind=Kind.INSERT,
        arguments={"documents": [{"_id": ID, "z": 1, "name": "Ann"}]},
    )
    with suppress(ZeroDivisionError):
        async with mapped.transaction() as transaction:
            await transaction.run(operation, generated=GENERATED)
            raise ZeroDivisionError

    await mapped.run(operation, generated=GENERATED)

    async with PostgresGateway(postgres_dsn, connections=1) as other:
        assert await found(other, {"_id": ID}) == [{"_id": ID, "z": 1, "name": "Ann"}]


async def test_drift_is_found_whatever_is_asked(mapped: PostgresGateway) -> None:
    for at in range(20):
        await insert(mapped, {"_id": ObjectId(), "age": at, "name": f"n{at:02}"})
    odd = {"_id": ID, "age": Int64(2**40), "name": "n05x", "score": "text"}
    await insert(mapped, odd)

    assert await found(mapped, {"age": {"$gt": 100}}) == [odd]
    assert await found(mapped, {}, sort={"age": -1}, limit=1) == [odd]
    by_age = await found(mapped, {}, sort={"age": 1}, skip=19, limit=5)
    assert [each["age"] for each in by_age] == [19, 2**40]
    assert await run(mapped, Kind.COUNT, query={"age": {"$gte": 10}}) == Count(n=11)
    assert await update(mapped, {"age": 2**40}, {"$inc": {"age": 1}}) == Acknowledgement(
        n=1, modified=1
    )
    [changed] = await found(mapped, {"_id": ID})
    assert changed["age"] == 2**40 + 1


async def test_a_value_too_long_for_an_index_is_kept_all_the_same(
    mapped: PostgresGateway, postgres_dsn: str
) -> None:
    long = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(4000))
    async with PostgresGateway(postgres_dsn, connections=1) as unaware:
        await insert(unaware, {"_id": ObjectId()})
        await unaware.ready()
        index = {"key": {"name": 1, "tags": 1}, "name": "one"}
        other = {"key": {"name": 1}, "name": "two"}
        many = {"key": {"tags": 1}, "name": "many"}
        await run(mapped, Kind.CREATE_INDEXES, indexes=[index, other, many])

        await insert(unaware, {"_id": ID, "name": long, "tags": [long]})
        await update(unaware, {"_id": ID}, {"$set": {"name": long + "!"}})
        await update(mapped, {"_id": ID}, {"$set": {"name": long}})

    assert await found(mapped, {"name": long}) == [{"_id": ID, "name": long, "tags": [long]}]
    assert await found(mapped, {"tags": long}) == [{"_id": ID, "name": long, "tags": [long]}]


async def test_an_index_is_made_and_dropped_with_that_of_mongodb(
    mapped: PostgresGateway, postgres_dsn: str
) -> None:
    text = "SELECT indexname FROM pg_indexes WHERE tablename = 'people' AND indexname ~ 'by_'"
    indexes = [
        {"key": {"name": 1}, "name": "one"},
        {"key": {"name": 1}, "name": "sparse", "sparse": True},
        {"key": {"name": 1, "at": -1}, "name": "two"},
    ]
    await run(mapped, Kind.CREATE_INDEXES, indexes=indexes)
    made = {name for [name] in await rows(postgres_dsn, text)}

    await run(mapped, Kind.DROP_INDEXES, index=["two", "sparse"])

    assert made == {"people~by_name", "people~by_name_at_desc"}
    assert {name for [name] in await rows(postgres_dsn, text)} == {"people~by_name"}


async def test_no_change_of_two_writers_is_lost(mapped: PostgresGateway) -> None:
    await insert(mapped, {"_id": ID, "age": 0, "score": 0, "tags": []})
    changes: list[Any] = [
        {"$inc": {"age": 1}},
        {"$inc": {"score": 1, "new": 1}},
        {"$push": {"tags": "x"}},
        [{"$set": {"age": {"$add": ["$age", 1]}}}],
    ]

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            for change in changes:
                group.create_task(update(mapped, {"_id": ID}, change))

    assert await found(mapped, {"_id": ID}) == [
        {"_id": ID, "age": 16, "score": 8, "tags": ["x"] * 8, "new": 8}
    ]


async def test_a_marked_change_without_reading_is_applied_once(mapped: PostgresGateway) -> None:
    await insert(mapped, {"_id": ID, "age": 0})
    operation = Operation(
        database="shop",
        collection="users",
        kind=Kind.UPDATE,
        arguments={"updates": [{"q": {"_id": ID}, "u": {"$inc": {"age": 1}}}]},
    )
    mark = Mark(log="log", position=1, namespace="shop.users")

    first = await mapped.run(operation, generated=GENERATED, mark=mark)
    second = await mapped.run(operation, generated=GENERATED, mark=mark)

    assert first.result == second.result == Acknowledgement(n=1, modified=1)
    assert first.touched == second.touched == (ID,)
    assert await found(mapped, {}) == [{"_id": ID, "age": 1}]


async def test_a_document_is_shown_as_its_change_left_it(mapped: PostgresGateway) -> None:
    await insert(mapped, {"_id": ID, "age": 0, "other": 1})

    result = await run(
        mapped,
        Kind.FIND_AND_MODIFY,
        query={"_id": ID},
        update={"$inc": {"age": 1}},
        new=True,
        fields={"age": 1},
    )

    assert result == Modified(document=encode({"_id": ID, "age": 1}), n=1, updated_existing=True)


async def test_images_of_drifted_documents_come_back(mapped: PostgresGateway) -> None:
    document = {"_id": 5, "age": None, "name": 7, "tags": [1, "a"]}
    key = document_key(5)

    await mapped.put_images("shop.users", {key: (5, encode(document))})

    assert await mapped.images("shop.users", [5, ID]) == {key: encode(document)}
