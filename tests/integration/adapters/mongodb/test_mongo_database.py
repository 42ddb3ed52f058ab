"""MongoDB behind repositories: each kind of operation on a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from adapters.gateway import ConflictError, Generated
from adapters.mongodb.database import MongoDatabase
from comparators.canonical import decode
from comparators.errors import UnreachableError, UnsupportedError
from comparators.operation import Kind, Operation
from comparators.outcome import (
    Acknowledgement,
    Count,
    Documents,
    Done,
    Failure,
    Modified,
    Result,
    Values,
)
from proxy.embedded import EmbeddedMongo

NOW = Generated(now_ms=1_700_000_000_000)


@pytest.fixture
async def database(mongo: EmbeddedMongo) -> AsyncIterator[MongoDatabase]:
    async with MongoDatabase(mongo.uri) as database:
        yield database


@pytest.fixture
def name(mongo_database: Any) -> str:
    return str(mongo_database.name)


def _operation(name: str, kind: Kind, collection: str = "c", **arguments: Any) -> Operation:
    return Operation(database=name, collection=collection, kind=kind, arguments=arguments)


async def _ask(runner: Any, name: str, kind: Kind, collection: str = "c", **arguments: Any) -> Any:
    operation = _operation(name, kind, collection, **arguments)
    return (await runner.run(operation, generated=NOW)).result


def _documents(result: Result) -> list[dict[str, Any]]:
    assert isinstance(result, Documents)
    return [decode(raw) for raw in result.documents]


async def test_every_kind_of_operation_is_answered(database: MongoDatabase, name: str) -> None:
    rows = [{"_id": n, "a": n % 2} for n in range(4)]

    assert await _ask(database, name, Kind.CREATE) == Done()
    assert await _ask(database, name, Kind.INSERT, documents=rows) == Acknowledgement(n=4)
    found = await _ask(database, name, Kind.FIND, filter={"a": 1}, sort={"_id": 1})
    assert _documents(found) == [{"_id": 1, "a": 1}, {"_id": 3, "a": 1}]
    assert await _ask(database, name, Kind.COUNT, query={"a": 0}) == Count(n=2)
    assert await _ask(database, name, Kind.DISTINCT, key="a") == Values(values=(0, 1))
    update = {"q": {"_id": 9}, "u": {"$set": {"a": 7}}, "upsert": True}
    told = await _ask(database, name, Kind.UPDATE, updates=[update])
    assert told == Acknowledgement(n=1, modified=0, upserted=((0, 9),))
    modified = await _ask(
        database, name, Kind.FIND_AND_MODIFY, query={"_id": 9}, update={"$inc": {"a": 1}}, new=True
    )
    assert isinstance(modified, Modified)
    assert modified.document is not None
    assert decode(modified.document) == {"_id": 9, "a": 8}
    total = [{"$group": {"_id": None, "n": {"$sum": "$a"}}}]
    summed = await _ask(database, name, Kind.AGGREGATE, pipeline=total, cursor={})
    assert _documents(summed) == [{"_id": None, "n": 10}]
    gone = [{"q": {"a": 8}, "limit": 1}]
    assert await _ask(database, name, Kind.DELETE, deletes=gone) == Acknowledgement(n=1)
    index = {"key": {"a": 1}, "name": "a_1"}
    assert await _ask(database, name, Kind.CREATE_INDEXES, indexes=[index]) == Done()
    indexes = _documents(await _ask(database, name, Kind.LIST_INDEXES))
    assert [each["name"] for each in indexes] == ["_id_", "a_1"]
    assert await _ask(database, name, Kind.COLL_MOD, validationLevel="strict") == Done()
    assert await _ask(database, name, Kind.DROP_INDEXES, index="a_1") == Done()
    assert await _ask(database, name, Kind.RENAME_COLLECTION, to=f"{name}.d") == Done()
    listed = _documents(await _ask(database, name, Kind.LIST_COLLECTIONS, collection=""))
    assert [each["name"] for each in listed] == ["d"]
    assert await _ask(database, name, Kind.DROP, collection="d") == Done()
    assert await _ask(database, name, Kind.DROP_DATABASE, collection="") == Done()


async def test_a_cursor_is_read_to_its_end_beside_others(
    database: MongoDatabase, name: str
) -> None:
    rows = [{"_id": n, "text": "x" * 100} for n in range(450)]
    await _ask(database, name, Kind.INSERT, documents=rows)

    async with asyncio.TaskGroup() as tasks:
        reads = [tasks.create_task(_ask(database, name, Kind.FIND, filter={})) for _ in range(8)]

    assert [len(_documents(each.result())) for each in reads] == [450] * 8


async def test_few_documents_may_be_more_than_a_reply_holds(
    database: MongoDatabase, name: str
) -> None:
    for n in range(2):
        await _ask(database, name, Kind.INSERT, documents=[{"_id": n, "text": "x" * 9_000_000}])
    sizes: dict[str, Any] = {"filter": {}, "limit": 2}

    found = await _ask(database, name, Kind.FIND, **sizes)
    async with database.transaction() as transaction:
        inside = await _ask(transaction, name, Kind.FIND, **sizes)

    assert len(found.documents) == len(inside.documents) == 2


async def test_refusals_are_outcomes(database: MongoDatabase, name: str) -> None:
    await _ask(database, name, Kind.INSERT, documents=[{"_id": 1}])

    again = await _ask(database, name, Kind.INSERT, documents=[{"_id": 1}, {"_id": 2}])
    wrong = await _ask(database, name, Kind.FIND, filter={"$nowhere": 1})
    large = await _ask(database, name, Kind.INSERT, documents=[{"_id": 3, "x": "x" * 17_000_000}])

    assert again.n == 0
    assert [(each.index, each.code) for each in again.errors] == [(0, 11000)]
    assert "dup key" in again.errors[0].message
    assert wrong == Failure(code=2, code_name="BadValue")
    assert large == Failure(code=10334, code_name="BSONObjectTooLarge")


async def test_what_is_no_operation_is_unsupported(database: MongoDatabase, name: str) -> None:
    with pytest.raises(UnsupportedError, match="serverStatus"):
        await _ask(database, name, Kind.OTHER, serverStatus=1)


async def test_a_transaction_takes_effect_as_a_whole(database: MongoDatabase, name: str) -> None:
    await _ask(database, name, Kind.CREATE)

    async with database.transaction() as transaction:
        await _ask(transaction, name, Kind.INSERT, documents=[{"_id": 1}])
        await _ask(transaction, name, Kind.INSERT, documents=[{"_id": 2}])
        assert _documents(await _ask(database, name, Kind.FIND)) == []
        inside = _documents(await _ask(transaction, name, Kind.FIND, filter={}))
    with suppress(ZeroDivisionError):
        async with database.transaction() as transaction:
            await _ask(transaction, name, Kind.INSERT, documents=[{"_id": 3}])
            raise ZeroDivisionError

    assert inside == [{"_id": 1}, {"_id": 2}]
    assert _documents(await _ask(database, name, Kind.FIND)) == [{"_id": 1}, {"_id": 2}]


async def test_two_transactions_on_one_document_are_a_conflict(
    database: MongoDatabase, name: str
) -> None:
    await _ask(database, name, Kind.INSERT, documents=[{"_id": 1, "n": 0}])
    more = [{"q": {"_id": 1}, "u": {"$inc": {"n": 1}}}]

    async with database.transaction() as first:
        await _ask(first, name, Kind.UPDATE, updates=more)
        with pytest.raises(ConflictError):
            async with database.transaction() as second:
                await _ask(second, name, Kind.UPDATE, updates=more)

    assert _documents(await _ask(database, name, Kind.FIND)) == [{"_id": 1, "n": 1}]


async def test_an_absent_server_is_unreachable() -> None:
    async with MongoDatabase("mongodb://127.0.0.1:1", wait_s=0.2) as database:
        with pytest.raises(UnreachableError):
            await database.reachable()
        with pytest.raises(UnreachableError):
            await _ask(database, "d", Kind.FIND, filter={})
        with pytest.raises(UnreachableError):
            async with database.transaction() as transaction:
                await _ask(transaction, "d", Kind.FIND, filter={})


async def test_a_server_that_answers_is_reachable(database: MongoDatabase) -> None:
    await database.reachable()
