"""Many documents at once on a real PostgreSQL, in tables of each kind."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import asyncpg
import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp

from adapters.gateway import Generated, Staged
from adapters.postgresql.filler import Filler
from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import document_key, encode
from comparators.errors import RefusedError
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Documents, Outcome
from tests.differential.maps import STORAGES

UNUSUAL: list[Any] = [
    MinKey(),
    None,
    float("nan"),
    -0.0,
    1.5,
    Int64(2**60),
    Decimal128("2.50"),
    "",
    "a\0b",
    "\x01escape",
    "é" * 3000,
    {"a": 1},
    {},
    Binary(b"\0\1", 0),
    ObjectId(),
    False,
    DatetimeMS(-1),
    Timestamp(1, 2),
    MaxKey(),
]
DRIFTING: list[dict[str, Any]] = [
    {"a": 1, "b": ["x"], "c": {"a": 1.5, "b": "ab"}, "n": Int64(5)},
    {"a": "text", "b": "no array", "c": [1], "email": "far too long for it", "at": 5},
    {"c": {"a": None, "c": {}}, "extra": {"y": [1, {"z": float("inf")}]}, "a": Int64(7)},
    {"tags": ["abcd"], "v": Decimal128("NaN"), "ids": [ObjectId()], "dates": [DatetimeMS(0)]},
]


@pytest.fixture
async def filler(gateway: PostgresGateway, postgres_dsn: str) -> AsyncIterator[Filler]:
    await run(gateway, Kind.CREATE)
    async with Filler(postgres_dsn) as opened:
        yield opened


async def run(gateway: PostgresGateway, kind: Kind, **arguments: Any) -> Outcome:
    operation = Operation(database="shop", collection="users", kind=kind, arguments=arguments)
    return await gateway.run(operation, generated=Generated(now_ms=0))


async def held(gateway: PostgresGateway) -> list[bytes]:
    outcome = await run(gateway, Kind.FIND, filter={})
    assert isinstance(outcome.result, Documents)
    return sorted(outcome.result.documents)


async def staged(filler: Filler, documents: Iterable[dict[str, Any]], **bounds: Any) -> Staged:
    async def given() -> AsyncIterator[bytes]:
        for document in documents:
            yield encode(document)

    table, rows = await filler.stage("shop.users", given())
    raw = {name: encode({"_id": value}) for name, value in bounds.items()}
    return Staged(table=table, rows=rows, **raw)


async def test_documents_of_every_kind_come_back_byte_for_byte(
    gateway: PostgresGateway, filler: Filler
) -> None:
    documents = [
        {"_id": identifier, **DRIFTING[at % len(DRIFTING)]} for at, identifier in enumerate(UNUSUAL)
    ]

    assert await gateway.merge("shop.users", await staged(filler, documents))

    assert await held(gateway) == sorted(map(encode, documents))
    for document in documents:
        found = await gateway.images("shop.users", [document["_id"]])
        assert found == {document_key(document["_id"]): encode(document)}


async def test_elements_come_to_their_child_tables(postgres_dsn: str) -> None:
    maps = STORAGES["mapped with child tables"]
    documents: list[dict[str, Any]] = [
        {"_id": ObjectId(), "t": [{"x": n, "y": Int64(1)}, {"z": n}]} for n in range(3)
    ]
    documents.append({"_id": ObjectId(), "t": "no array"})
    async with PostgresGateway(postgres_dsn, connections=2, entities=maps) as gateway:
        await run(gateway, Kind.CREATE)
        before = [{"_id": each["_id"], "t": [{"x": 9}] * 5} for each in documents]
        await run(gateway, Kind.INSERT, documents=before)
        async with Filler(postgres_dsn) as filler:
            assert await gateway.merge("shop.users", await staged(filler, documents))

        assert await held(gateway) == sorted(map(encode, documents))


async def test_a_range_becomes_as_staged_and_the_rest_stays(
    gateway: PostgresGateway, filler: Filler
) -> None:
    ids: list[Any] = [ObjectId() for _ in range(8)]
    before = [{"_id": each, "n": 0} for each in ids] + [{"_id": 5, "n": 0}]
    await run(gateway, Kind.INSERT, documents=before)

    legacy = [{"_id": ids[2], "n": 1}, {"_id": ids[4], "n": 1}]
    of_range = await staged(filler, legacy, lower=ids[1], upper=ids[6])
    assert await gateway.merge("shop.users", of_range)

    expected = {0: 0, 2: 1, 4: 1, 6: 0, 7: 0}
    documents = [{"_id": ids[at], "n": n} for at, n in expected.items()] + [{"_id": 5, "n": 0}]
    assert await held(gateway) == sorted(map(encode, documents))


async def test_bounds_of_other_types_hold(gateway: PostgresGateway, filler: Filler) -> None:
    documents: list[dict[str, Any]] = [{"_id": "a"}, {"_id": "b"}, {"_id": ObjectId()}]
    await run(gateway, Kind.INSERT, documents=documents)

    of_numbers = await staged(filler, [{"_id": 1}], lower=None, upper="a")
    assert await gateway.merge("shop.users", of_numbers)
    of_dates = await staged(filler, [], lower=True)
    assert await gateway.merge("shop.users", of_dates)

    assert await held(gateway) == sorted(map(encode, [*documents, {"_id": 1}]))


async def test_unique_indexes_know_what_was_merged(
    gateway: PostgresGateway, filler: Filler
) -> None:
    index = {"key": {"email": 1}, "name": "email_1", "unique": True}
    await run(gateway, Kind.CREATE_INDEXES, indexes=[index])
    wrong = [{"_id": "old", "email": "a"}, {"_id": "gone", "email": "c"}]
    await run(gateway, Kind.INSERT, documents=wrong)

    documents = [{"_id": "new", "email": "a"}, {"_id": "old", "email": "b"}]
    assert await gateway.merge("shop.users", await staged(filler, documents))

    attempts = [{"_id": name, "email": name} for name in "abc"]
    outcome = await run(gateway, Kind.INSERT, documents=attempts, ordered=False)
    assert isinstance(outcome.result, Acknowledgement)
    assert [error.index for error in outcome.result.errors] == [0, 1]


async def test_rows_that_are_lost_are_not_taken_for_deleted(
    gateway: PostgresGateway, filler: Filler, postgres_dsn: str
) -> None:
    await run(gateway, Kind.INSERT, documents=[{"_id": 1}])
    found = await staged(filler, [{"_id": 1}])
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute(f'TRUNCATE parallax."{found.table}"')
    await connection.close()

    assert not await gateway.merge("shop.users", found)
    assert await held(gateway) == [encode({"_id": 1})]


async def test_a_stage_that_was_discarded_merges_nothing(
    gateway: PostgresGateway, filler: Filler
) -> None:
    one, other = await staged(filler, [{"_id": 1}]), await staged(filler, [{"_id": 2}])

    await filler.discard("shop.users", kept=[one.table])

    assert not await gateway.merge("shop.users", other)
    assert await gateway.merge("shop.users", one)
    assert await held(gateway) == [encode({"_id": 1})]


async def test_a_stage_that_fails_leaves_nothing(filler: Filler, postgres_dsn: str) -> None:
    async def torn() -> AsyncIterator[bytes]:
        yield encode({"_id": 1})
        raise RefusedError("torn", where="here", remedy="none")

    with pytest.raises(RefusedError):
        await filler.stage("shop.users", torn())

    connection = await asyncpg.connect(postgres_dsn)
    tables = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'staged~%'"
    assert await connection.fetchval(tables) == 0
    await connection.close()


async def test_indexes_are_taken_away_and_made_again(
    gateway: PostgresGateway, filler: Filler, postgres_dsn: str
) -> None:
    await run(gateway, Kind.CREATE_INDEXES, indexes=[{"key": {"a": 1}, "name": "a_1"}])
    connection = await asyncpg.connect(postgres_dsn)
    names = "SELECT array_agg(indexname::text ORDER BY indexname) FROM pg_indexes WHERE schemaname = 'shop'"
    before = await connection.fetchval(names)

    await filler.remove_indexes("shop.users")
    without = await connection.fetchval(names)
    await filler.make_indexes("shop.users")

    assert set(without) < set(before)
    assert await connection.fetchval(names) == before
    await connection.close()


async def test_a_collection_that_is_missing_is_named(filler: Filler) -> None:
    with pytest.raises(RefusedError, match=r"shop\.others"):
        await filler.make_indexes("shop.others")
