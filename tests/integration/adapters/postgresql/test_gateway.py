"""The gateway on a real PostgreSQL: documents, marks and images."""

import asyncio
from typing import Any

import asyncpg
from bson.objectid import ObjectId

from adapters.gateway import Generated, Mark
from adapters.postgresql.gateway import PostgresGateway
from adapters.postgresql.statements import MOST_APART
from comparators.canonical import document_key, encode
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Count, Documents, Outcome, WriteError
from tests.eventually import eventually

GENERATED = Generated(now_ms=1_700_000_000_000)


def operation(kind: Kind, **arguments: Any) -> Operation:
    return Operation(database="shop", collection="users", kind=kind, arguments=arguments)


def insert(*documents: dict[str, Any], ordered: bool = True) -> Operation:
    return operation(Kind.INSERT, documents=list(documents), ordered=ordered)


async def run(gateway: PostgresGateway, asked: Operation, mark: Mark | None = None) -> Outcome:
    return await gateway.run(asked, generated=GENERATED, mark=mark)


async def found(gateway: PostgresGateway, **query: Any) -> tuple[bytes, ...]:
    outcome = await run(gateway, operation(Kind.FIND, **query))
    assert isinstance(outcome.result, Documents)
    return outcome.result.documents


async def test_an_absent_collection_is_empty(gateway: PostgresGateway) -> None:
    assert await found(gateway, filter={"_id": 1}) == ()
    assert await found(gateway, filter={"a": 1}) == ()
    assert (await run(gateway, operation(Kind.COUNT, query={}))).result == Count(n=0)


async def test_a_document_comes_back_byte_for_byte(gateway: PostgresGateway) -> None:
    document = {
        "_id": ObjectId(),
        "": 1,
        "b": -0.0,
        "a": [None, {"x\u00e9": "nul \0"}],
        "c": float("nan"),
    }

    outcome = await run(gateway, insert(document))

    assert outcome.result == Acknowledgement(n=1)
    assert outcome.touched == (document["_id"],)
    assert await found(gateway, filter={"_id": document["_id"]}) == (encode(document),)


async def test_a_filter_is_narrowed_and_finished(gateway: PostgresGateway) -> None:
    documents = [{"_id": n, "tags": ["odd" if n % 2 else "even"], "n": n} for n in range(10)]
    await run(gateway, insert(*documents))

    odd = await found(gateway, filter={"tags": "odd", "n": {"$gt": 3}})

    assert odd == tuple(encode(document) for document in documents if document["n"] in {5, 7, 9})


async def test_an_ordered_insert_stops_at_a_duplicate(gateway: PostgresGateway) -> None:
    await run(gateway, insert({"_id": 2}))

    outcome = await run(gateway, insert({"_id": 1}, {"_id": 2.0}, {"_id": 3}))

    assert outcome.result == Acknowledgement(
        n=1,
        errors=(WriteError(index=1, code=11000, key_pattern={"_id": 1}, key_value={"_id": 2.0}),),
    )
    assert await found(gateway, filter={"_id": 3}) == ()


async def test_a_marked_write_is_applied_once(gateway: PostgresGateway) -> None:
    mark = Mark(log="log", position=7)

    first = await run(gateway, insert({"_id": 1}), mark)
    again = await run(gateway, insert({"_id": 1}), mark)
    deleted = Mark(log="log", position=8)
    gone = await run(
        gateway, operation(Kind.DELETE, deletes=[{"q": {"_id": 1}, "limit": 1}]), deleted
    )
    await run(gateway, insert({"_id": 1}))
    repeated = await run(
        gateway, operation(Kind.DELETE, deletes=[{"q": {"_id": 1}, "limit": 1}]), deleted
    )

    assert first.result == again.result == Acknowledgement(n=1)
    assert gone.result == repeated.result == Acknowledgement(n=1)
    assert await found(gateway, filter={"_id": 1}) == (encode({"_id": 1}),)
    assert await gateway.applied(mark)
    await gateway.forget_marks("log", below=8)
    assert not await gateway.applied(mark)
    assert await gateway.applied(deleted)


async def test_images_are_put_and_read(gateway: PostgresGateway) -> None:
    image = encode({"_id": 1, "a": 1})

    await gateway.put_images("shop.users", {document_key(1): (1, image)})

    assert await gateway.images("shop.users", [1, 2]) == {document_key(1): image}
    await gateway.put_images("shop.users", {document_key(1): (1, None)})
    assert await gateway.images("shop.users", [1]) == {}


async def test_images_are_put_although_another_write_stands_crosswise(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    """Each waits for a document of the other: PostgreSQL ends the images, which are then put again."""
    await run(gateway, insert({"_id": 1}, {"_id": 2}))
    held = "SELECT FROM shop.users ORDER BY ctid {} LIMIT 1 FOR UPDATE"
    other = await asyncpg.connect(postgres_dsn)
    try:
        await other.execute("SET deadlock_timeout = '60s'")
        async with asyncio.TaskGroup() as tasks, other.transaction():
            await other.execute(held.format("DESC"))
            images = {document_key(n): (n, encode({"_id": n, "image": True})) for n in (1, 2)}
            putting = tasks.create_task(gateway.put_images("shop.users", images))
            await eventually(lambda: waits(other))
            # It has the first already, and is in the way until it is ended.
            await other.execute(held.format("ASC"))
            assert not putting.done()
    finally:
        await other.close()

    assert await found(gateway, filter={"image": True}) == tuple(
        image for _identifier, image in images.values()
    )


async def waits(connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
    """Return whether some other connection waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return bool(await connection.fetchval(waiting))


async def test_matching_ids_are_those_a_write_would_touch(gateway: PostgresGateway) -> None:
    await run(gateway, insert(*({"_id": n, "n": n % 2} for n in range(4))))
    updates = [{"q": {"n": 1}, "u": {"$set": {"a": 1}}}, {"q": {"_id": 9}, "u": {}, "upsert": True}]

    assert await gateway.matching_ids(operation(Kind.UPDATE, updates=updates)) == [1, 3]
    assert await gateway.matching_ids(insert({"_id": 1})) == []


async def test_an_image_takes_unique_values_from_documents_that_are_wrong(
    gateway: PostgresGateway,
) -> None:
    index = {"key": {"email": 1}, "name": "email_1", "unique": True}
    await run(gateway, operation(Kind.CREATE_INDEXES, indexes=[index]))
    await run(gateway, insert({"_id": 1, "email": "a"}))

    await gateway.put_images("shop.users", {document_key(2): (2, encode({"_id": 2, "email": "a"}))})

    refused = await run(gateway, insert({"_id": 3, "email": "a"}))
    assert isinstance(refused.result, Acknowledgement)
    assert [error.code for error in refused.result.errors] == [11000]
    await run(gateway, operation(Kind.DELETE, deletes=[{"q": {"_id": 1}, "limit": 1}]))
    assert (await run(gateway, insert({"_id": 3, "email": "a"}))).result == refused.result


async def test_a_document_takes_many_unique_values_as_few(gateway: PostgresGateway) -> None:
    index = {"key": {"tags": 1}, "name": "tags_1", "unique": True}
    await run(gateway, operation(Kind.CREATE_INDEXES, indexes=[index]))
    few, many = ["a", "b"], [f"tag {n}" for n in range(MOST_APART + 1)]
    mark = Mark(log="log", position=1, namespace="shop.users")

    await run(gateway, insert({"_id": 1, "tags": few}), mark)
    await run(gateway, insert({"_id": 2, "tags": many}))
    larger = {"q": {"_id": 1}, "u": {"_id": 1, "tags": [*few, "c", "d"]}}
    await run(gateway, operation(Kind.UPDATE, updates=[larger]))

    for taken in ("b", "d", many[-1]):
        refused = await run(gateway, insert({"_id": 3, "tags": ["z", taken]}))
        assert isinstance(refused.result, Acknowledgement)
        assert [error.code for error in refused.result.errors] == [11000]
    assert (await run(gateway, insert({"_id": 3, "tags": ["z"]}))).result == Acknowledgement(n=1)


async def test_a_delete_makes_no_collection(gateway: PostgresGateway) -> None:
    await run(gateway, operation(Kind.DELETE, deletes=[{"q": {"_id": 1}, "limit": 1}]))

    listed = await run(gateway, operation(Kind.LIST_COLLECTIONS, nameOnly=True))

    assert listed.result == Documents(documents=())


async def test_another_gateway_finds_collections_and_indexes(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    index = {"key": {"email": 1}, "name": "email_1", "unique": True}
    await run(gateway, operation(Kind.CREATE_INDEXES, indexes=[index]))
    await run(gateway, insert({"_id": 1, "email": "a"}))

    async with PostgresGateway(postgres_dsn) as other:
        refused = await run(other, insert({"_id": 2, "email": "a"}))

    assert isinstance(refused.result, Acknowledgement)
    assert refused.result.errors == (
        WriteError(index=0, code=11000, key_pattern={"email": 1}, key_value={"email": "a"}),
    )
