"""Arrays of documents in tables of their own: what PostgreSQL holds of them, and what comes back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import asyncpg
import pytest
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from adapters.entities.entity import Child, Column, ColumnType, EntityMap, Identity, IdentityType
from adapters.gateway import Generated
from adapters.postgresql.asking import explained
from adapters.postgresql.gateway import PostgresGateway
from adapters.query.paths import split_path
from comparators.canonical import decode, document_key, encode
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Documents, Modified, Result
from tests.eventually import eventually

GENERATED: Final = Generated(now_ms=1_700_000_000_000)
ID: Final = ObjectId(b"twelve bytes")
OTHER: Final = ObjectId(b"other twelve")


def column(path: str, kind: ColumnType, **more: Any) -> Column:
    return Column(name=path.replace(".", "_"), path=split_path(path), type=kind, **more)


ORDERS: Final = EntityMap(
    collection="orders",
    table="orders",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(column("code", ColumnType.TEXT), column("total", ColumnType.INTEGER)),
    children=(
        Child(
            table="order_lines",
            path=("lines",),
            parent="order_id",
            position="place",
            columns=(
                column("product", ColumnType.TEXT),
                column("n", ColumnType.INTEGER),
                column("price", ColumnType.NUMERIC),
                column("at", ColumnType.TIMESTAMPTZ),
                column("by", ColumnType.OBJECTID),
                column("tags", ColumnType.TEXT, array=True),
                column("days", ColumnType.TIMESTAMPTZ, array=True),
                column("ids", ColumnType.OBJECTID, array=True),
                column("sums", ColumnType.NUMERIC, array=True),
                column("flags", ColumnType.BOOLEAN, array=True),
                column("longs", ColumnType.BIGINT, array=True),
                column("doubles", ColumnType.DOUBLE, array=True),
                column("more", ColumnType.JSONB),
            ),
        ),
    ),
)
FULL: Final = {
    "product": "pen",
    "n": 2,
    "price": Decimal128("1.50"),
    "at": DatetimeMS(1_700_000_000_123),
    "by": OTHER,
    "tags": ["a", 'b{\\"}'],
    "days": [DatetimeMS(0)],
    "ids": [ID, OTHER],
    "sums": [Decimal128("1.10")],
    "flags": [True, False],
    "longs": [Int64(5)],
    "doubles": [1, 2.5],
    "more": {"a": [1, "x"]},
}


@pytest.fixture
async def gateway(postgres_dsn: str) -> AsyncIterator[PostgresGateway]:
    async with PostgresGateway(postgres_dsn, connections=4, entities={"orders": ORDERS}) as opened:
        yield opened


async def run(gateway: PostgresGateway, kind: Kind, **arguments: Any) -> Result:
    operation = Operation(database="shop", collection="orders", kind=kind, arguments=arguments)
    return (await gateway.run(operation, generated=GENERATED)).result


async def insert(gateway: PostgresGateway, *documents: dict[str, Any]) -> None:
    done = await run(gateway, Kind.INSERT, documents=list(documents))
    assert done == Acknowledgement(n=len(documents))


async def update(gateway: PostgresGateway, query: Any, change: Any, **more: Any) -> Result:
    return await run(gateway, Kind.UPDATE, updates=[{"q": query, "u": change, **more}])


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


async def lines(dsn: str) -> Sequence[tuple[Any, ...]]:
    return await rows(
        dsn, "SELECT place, product, n FROM shop.order_lines ORDER BY order_id, place"
    )


async def test_an_element_as_the_map_expects_it_lies_in_columns_alone(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    document = {"_id": ID, "code": "x", "total": 1, "lines": [FULL]}
    await insert(gateway, document)

    [row] = await rows(
        postgres_dsn,
        "SELECT order_id, place, product, n, price::text, tags, more::text,"
        " _layout, _overflow, _nulls, _drift FROM shop.order_lines",
    )
    assert row[:7] == (ID.binary, 0, "pen", 2, "1.50", FULL["tags"], '{"a": [1, "x"]}')
    assert row[7:] == (None,) * 4
    [parent] = await rows(postgres_dsn, "SELECT _layout, _nulls, _drift FROM shop.orders")
    assert parent == (None, None, None)
    assert encode((await found(gateway, {"_id": ID}))[0]) == encode(document)


async def test_many_documents_keep_their_elements_apart(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    documents = [
        {"_id": ObjectId(bytes([at]) * 12), "lines": [{"product": f"{at} {n}"} for n in range(at)]}
        for at in range(5)
    ]
    await insert(gateway, *documents)

    assert await found(gateway, {}) == documents
    [[count]] = await rows(postgres_dsn, "SELECT count(*) FROM shop.order_lines")
    assert count == 10


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(
    ("change", "after"),
    [
        ({"$push": {"lines": {"product": "c"}}}, ["a", "b", "c"]),
        ({"$pull": {"lines": {"product": "a"}}}, ["b"]),
        ({"$pop": {"lines": 1}}, ["a"]),
        ({"$set": {"lines.1.product": "z"}}, ["a", "z"]),
        ({"$set": {"lines": []}}, []),
        ({"$unset": {"lines": 1}}, None),
        ({"$set": {"code": "y"}}, ["a", "b"]),
    ],
)
async def test_an_update_changes_the_rows(
    gateway: PostgresGateway,
    postgres_dsn: str,
    change: dict[str, Any],
    after: list[str] | None,
    *,
    many: bool,
) -> None:
    await insert(
        gateway,
        {"_id": ID, "code": "x", "lines": [{"product": "a"}, {"product": "b"}]},
        {"_id": OTHER, "code": "other", "lines": [{"product": "d"}]},
    )

    query = {"code": {"$ne": "other"}} if many else {"_id": ID}
    done = await update(gateway, query, change, multi=many)

    assert done == Acknowledgement(n=1, modified=1)
    [document, other] = await found(gateway, {})
    shown = None if after is None else [{"product": each} for each in after]
    assert document.get("lines") == shown
    assert other["lines"] == [{"product": "d"}]
    expected = [(0, "d", None), *((at, each, None) for at, each in enumerate(after or []))]
    assert await lines(postgres_dsn) == expected


async def test_elements_that_stay_as_they_are_are_not_written(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    await insert(gateway, {"_id": ID, "lines": [FULL, {"product": "b"}]})
    versions = "SELECT xmin::text FROM shop.order_lines ORDER BY place"
    before = await rows(postgres_dsn, versions)

    await update(gateway, {"_id": ID}, {"$push": {"lines": {"product": "c"}}})
    after = await rows(postgres_dsn, versions)

    assert after[:2] == before
    assert len(after) == 3


async def test_an_index_on_elements_serves_filters_on_them(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    documents = [
        {"_id": ObjectId(at.to_bytes(12)), "lines": [{"product": f"{at} {n}"} for n in range(3)]}
        for at in range(2_000)
    ]
    await insert(gateway, *documents)
    index = {"key": {"lines.product": 1}, "name": "product"}
    await run(gateway, Kind.CREATE_INDEXES, indexes=[index])
    await rows(postgres_dsn, "ANALYZE shop.orders, shop.order_lines")
    asked = {"lines": {"$elemMatch": {"product": "7 1", "n": None}}}
    operation = Operation(
        database="shop", collection="orders", kind=Kind.FIND, arguments={"filter": asked}
    )

    [plan] = explained(operation, ORDERS)
    told = await rows(postgres_dsn, f"EXPLAIN {plan.sql}", "7 1")

    assert plan.plan.splitlines()[1] == "residual: nothing"
    assert any("order_lines~by_product" in line for [line] in told)
    assert not any("Seq Scan" in line for [line] in told)
    assert await found(gateway, asked) == documents[7:8]
    long = [{"product": "x" * 5_000}]
    await insert(gateway, {"_id": ID, "lines": long})
    assert await found(gateway, {"lines.product": "x" * 5_000}) == [{"_id": ID, "lines": long}]


async def test_a_deleted_document_takes_its_elements_with_it(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    await insert(gateway, {"_id": ID, "lines": [{"n": 1}]}, {"_id": OTHER, "lines": [{"n": 2}]})

    await run(gateway, Kind.DELETE, deletes=[{"q": {"_id": ID}, "limit": 1}])

    assert await lines(postgres_dsn) == [(0, None, 2)]


async def test_find_and_modify_gives_the_elements_after(gateway: PostgresGateway) -> None:
    await insert(gateway, {"_id": ID, "code": "x", "total": 1, "lines": [{"n": 1}]})

    done = await run(
        gateway,
        Kind.FIND_AND_MODIFY,
        query={"_id": ID},
        update={"$inc": {"total": 1}},
        new=True,
    )

    assert isinstance(done, Modified)
    assert decode(done.document or b"") == {"_id": ID, "code": "x", "total": 2, "lines": [{"n": 1}]}


async def test_images_are_put_with_their_elements(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    await insert(gateway, {"_id": ID, "lines": [{"n": 1}, {"n": 2}, "odd"]})
    images = {
        document_key(ID): (ID, encode({"_id": ID, "lines": [{"n": 3}]})),
        document_key(OTHER): (OTHER, encode({"_id": OTHER, "lines": [{"n": 4}, {"n": Int64(5)}]})),
    }

    await gateway.put_images("shop.orders", images)

    assert await lines(postgres_dsn) == [(0, None, 4), (1, None, 5), (0, None, 3)]
    assert await gateway.images("shop.orders", [ID, OTHER]) == {
        key: image for key, (_identifier, image) in images.items()
    }


async def test_what_sql_does_to_the_rows_is_part_of_the_document(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    await insert(gateway, {"_id": ID, "code": "x", "lines": [{"n": 1}, {"n": 2}]}, {"_id": OTHER})
    await rows(postgres_dsn, "DELETE FROM shop.order_lines WHERE n = 1")
    for key in (ID, OTHER):
        await rows(
            postgres_dsn,
            "INSERT INTO shop.order_lines (order_id, place, product) VALUES ($1, 7, 'by SQL')",
            key.binary,
        )

    assert await found(gateway, {}) == [
        {"_id": ID, "code": "x", "lines": [{"n": 2}, {"product": "by SQL"}]},
        {"_id": OTHER, "lines": [{"product": "by SQL"}]},
    ]
    await update(gateway, {"_id": ID}, {"$push": {"lines": {"n": 3}}})
    assert await lines(postgres_dsn) == [
        (7, "by SQL", None),
        (0, None, 2),
        (1, "by SQL", None),
        (2, None, 3),
    ]


PUSHED: Final = {"$push": {"lines": {"product": "mine"}}}
BY_KEY: Final = {"query": {"_id": ID}, "new": True}


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        # The filter is no key: this goes by locked rows.
        (Kind.UPDATE, {"updates": [{"q": {"code": "x"}, "u": PUSHED, "multi": True}]}),
        (Kind.UPDATE, {"updates": [{"q": {"_id": ID}, "u": PUSHED}]}),
        (Kind.FIND_AND_MODIFY, {**BY_KEY, "update": PUSHED}),
        (Kind.FIND_AND_MODIFY, {**BY_KEY, "update": {"$inc": {"total": 1}}}),
    ],
)
async def test_who_waited_for_a_lock_sees_the_elements_as_they_are_now(
    gateway: PostgresGateway, postgres_dsn: str, kind: Kind, arguments: dict[str, Any]
) -> None:
    await insert(gateway, {"_id": ID, "code": "x", "total": 0, "lines": []})
    holder = await asyncpg.connect(postgres_dsn)
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("UPDATE shop.orders SET total = 1")
        await holder.execute(
            "INSERT INTO shop.order_lines (order_id, place, product) VALUES ($1, 0, 'other')",
            ID.binary,
        )
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(run(gateway, kind, **arguments))
            tasks.create_task(_let_go(transaction, postgres_dsn))
    finally:
        await holder.close()

    [document] = await found(gateway, {})
    mine = [] if "$inc" in arguments.get("update", {}) else [{"product": "mine"}]
    assert document["total"] == (1 if mine else 2)
    assert document["lines"] == [{"product": "other"}, *mine]
    result = waiting.result()
    if isinstance(result, Modified):
        assert decode(result.document or b"") == document
    else:
        assert result == Acknowledgement(n=1, modified=1)


async def _let_go(transaction: Any, dsn: str) -> None:
    """Commit once somebody waits for it."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"

    async def is_waiting() -> bool:
        return bool((await rows(dsn, waiting))[0][0])

    await eventually(is_waiting, within_s=10)
    await transaction.commit()
