"""What SQLite does in its own way: one writer at a time, a file that several processes share, dates that pass."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64

from adapters.gateway import ConflictError, Generated, Transaction
from adapters.operations.ttl import Reaper
from adapters.sqlite.adapter import SqliteSettings, check
from adapters.sqlite.dialect import SQLITE
from adapters.tables.database import TablesDatabase
from comparators.canonical import decode
from comparators.errors import SettingsError, UnreachableError
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Answered, Count, Documents, Outcome

pytestmark = pytest.mark.timeout(60)
NOW_MS = 1_700_000_000_000


class _UndoneError(Exception):
    """Ends a transaction."""


async def ask(database: Transaction, kind: Kind, /, **arguments: Any) -> Outcome:
    operation = Operation(database="app", collection="things", kind=kind, arguments=arguments)
    return await database.run(operation, generated=Generated(now_ms=NOW_MS))


async def found(database: Transaction, query: Mapping[str, Any]) -> list[Any]:
    outcome = await ask(database, Kind.FIND, filter=query, sort={"_id": 1})
    assert isinstance(outcome.result, Documents)
    return [decode(each)["_id"] for each in outcome.result.documents]


async def increase(database: Transaction, identifier: int) -> Outcome:
    update = {"q": {"_id": identifier}, "u": {"$inc": {"n": 1}}, "upsert": True}
    return await ask(database, Kind.UPDATE, updates=[update])


@pytest.fixture
def url(tmp_path: Path) -> str:
    return SqliteSettings(path=tmp_path / "a name % with?marks.db").url()


@pytest.fixture
async def database(url: str) -> AsyncIterator[TablesDatabase]:
    async with TablesDatabase(url, SQLITE, connections=4) as opened:
        yield opened


async def test_what_was_written_is_there_when_the_file_is_opened_again(url: str) -> None:
    for expected in ([1], [1, 2]):
        async with TablesDatabase(url, SQLITE, connections=1) as opened:
            await increase(opened, expected[-1])
            assert await found(opened, {}) == expected


async def test_of_two_transactions_that_write_the_later_is_told_at_once(
    database: TablesDatabase,
) -> None:
    await increase(database, 1)

    async with database.transaction() as first:
        await increase(first, 1)
        with pytest.raises(ConflictError):
            async with database.transaction() as second:
                await increase(second, 2)

    assert await found(database, {"n": 2}) == [1]
    assert await found(database, {"_id": 2}) == []


async def test_a_transaction_that_read_before_another_wrote_cannot_write(
    database: TablesDatabase,
) -> None:
    await increase(database, 1)

    async with database.transaction() as transaction:
        assert await found(transaction, {"n": 1}) == [1]
        await increase(database, 1)
        assert await found(transaction, {"n": 1}) == [1]
        with pytest.raises(ConflictError):
            await increase(transaction, 1)

    assert await found(database, {"n": 2}) == [1]


async def test_a_write_waits_for_a_transaction_and_none_is_lost(
    url: str, database: TablesDatabase
) -> None:
    async with TablesDatabase(url, SQLITE, connections=4) as other, asyncio.TaskGroup() as tasks:
        async with database.transaction() as transaction:
            await increase(transaction, 1)
            waiting = [tasks.create_task(increase(each, 1)) for each in (database, other) * 10]
        del waiting

    assert await found(database, {"n": 21}) == [1]


async def test_what_another_process_defines_holds_at_once(
    url: str, database: TablesDatabase
) -> None:
    await increase(database, 1)
    index = {"key": {"n": 1}, "name": "n_1", "unique": True}
    async with TablesDatabase(url, SQLITE, connections=1) as other:
        await ask(other, Kind.CREATE_INDEXES, indexes=[index])

    outcome = await ask(database, Kind.INSERT, documents=[{"_id": 2, "n": 1}])

    assert isinstance(outcome.result, Acknowledgement)
    assert [each.code for each in outcome.result.errors] == [11000]


async def test_what_a_transaction_defined_goes_with_it(database: TablesDatabase) -> None:
    with suppress(_UndoneError):
        async with database.transaction() as transaction:
            await increase(transaction, 1)
            raise _UndoneError

    await increase(database, 2)

    assert await found(database, {}) == [2]


async def test_a_renamed_collection_keeps_documents_and_indexes(database: TablesDatabase) -> None:
    index = {"key": {"n": 1}, "name": "n_1", "unique": True}
    await ask(database, Kind.CREATE_INDEXES, indexes=[index])
    await increase(database, 1)

    await ask(database, Kind.RENAME_COLLECTION, to="app.others")

    assert await found(database, {}) == []
    insert = Operation(
        database="app",
        collection="others",
        kind=Kind.INSERT,
        arguments={"documents": [{"_id": 2, "n": 1}]},
    )
    outcome = await database.run(insert, generated=Generated(now_ms=NOW_MS))
    assert isinstance(outcome.result, Acknowledgement)
    assert [each.code for each in outcome.result.errors] == [11000]


async def test_what_is_past_its_date_is_reaped(database: TablesDatabase) -> None:
    index = {"key": {"at": 1}, "name": "at_1", "expireAfterSeconds": 60}
    await ask(database, Kind.CREATE_INDEXES, indexes=[index])
    documents = [{"_id": n, "at": DatetimeMS(NOW_MS - n * 60_000)} for n in range(4)]
    await ask(database, Kind.INSERT, documents=documents)

    assert await Reaper(database).reap(NOW_MS) == 3
    assert await found(database, {}) == [0]


NARROWED: list[tuple[dict[str, Any], list[int]]] = [
    ({"a.b": "x"}, [1, 4, 5]),
    ({"a": {"b": "x"}}, [1, 5]),
    ({"a.b": {"$gt": "w", "$lte": "x"}}, [1, 4, 5]),
    ({"n": 0.3}, []),
    ({"n": 0.1 + 0.2}, [1]),
    ({"n": {"$gte": 0.1 + 0.2, "$lt": 7}}, [1, 2]),
    ({"n": {"$in": [2**53 + 1, 6.5]}}, [2, 3]),
    ({"n": 2**53}, []),
    ({"$or": [{"a.b": "x", "n": {"$lt": 1}}, {"n": {"$gt": 100}}]}, [1, 3]),
]


async def test_sql_narrows_and_loses_nothing(database: TablesDatabase) -> None:
    documents = [
        {"_id": 1, "a": {"b": "x"}, "n": 0.1 + 0.2},
        {"_id": 2, "a": {"b": ["y"]}, "n": 6.5},
        {"_id": 3, "a": "x", "n": 2**53 + 1},
        {"_id": 4, "a": [{"b": "y"}, {"b": ["z", "x"]}]},
        {"_id": 5, "a": [1, {"b": "x"}], "n": None},
        {"_id": 6, "n": float("nan")},
    ]
    await ask(database, Kind.INSERT, documents=documents)

    for query, expected in NARROWED:
        assert (await ask(database, Kind.FIND, filter=query)).answered is Answered.NARROWED
        assert await found(database, query) == expected, query


async def test_unique_entries_find_documents(database: TablesDatabase) -> None:
    indexes = [
        {"key": {"a.b": 1}, "name": "a.b_1", "unique": True, "sparse": True},
        {
            "key": {"s": 1},
            "name": "s_1",
            "unique": True,
            "collation": {"locale": "en", "strength": 1},
        },
        {"key": {"p": 1}, "name": "p_1", "unique": True, "partialFilterExpression": {"n": 1}},
    ]
    documents = [
        {"_id": 1, "a": [{"b": [1, 2]}, {"b": 3}], "s": "x", "p": "x", "n": 1},
        {"_id": 2, "a": {"b": 4.0}, "s": "y", "p": "x"},
        {"_id": 3, "a": {"b": "t" * 3000}, "p": "x"},
    ]
    await ask(database, Kind.INSERT, documents=documents)
    await ask(database, Kind.CREATE_INDEXES, indexes=indexes)

    for value, expected in ((2, [1]), (3, [1]), (4, [2]), ("t" * 3000, [3]), (5, [])):
        assert await found(database, {"a.b": value}) == expected
    assert await found(database, {"a.b": {"$in": [1, Int64(4), "no"]}}) == [1, 2]
    assert await found(database, {"s": "X"}) == []
    assert await found(database, {"p": "x"}) == [1, 2, 3]

    change = {"q": {"a.b": 3}, "u": {"$set": {"a": {"b": 7}}}}
    await ask(database, Kind.UPDATE, updates=[change])
    assert await found(database, {"a.b": 3}) == []
    assert await found(database, {"a.b": 7}) == [1]
    await ask(database, Kind.DROP_INDEXES, index="*")
    assert await found(database, {"a.b": 7}) == [1]


async def test_more_keys_than_a_statement_has_parameters(database: TablesDatabase) -> None:
    numbers = list(range(1200))
    await ask(database, Kind.INSERT, documents=[{"_id": n} for n in numbers])

    outcome = await ask(database, Kind.COUNT, query={"_id": {"$in": numbers[1:]}})
    gone = await ask(database, Kind.DELETE, deletes=[{"q": {"_id": {"$in": numbers}}, "limit": 0}])

    assert outcome.result == Count(n=1199)
    assert gone.result == Acknowledgement(n=1200)


async def test_a_file_is_checked(url: str, tmp_path: Path) -> None:
    assert (await check(url)).version.startswith("3.")

    with pytest.raises(UnreachableError, match="unable to open"):
        await check(f"sqlite:///{tmp_path}/nowhere/x.db")


async def test_a_file_that_cannot_be_opened_is_unreachable(tmp_path: Path) -> None:
    async with TablesDatabase(f"sqlite:///{tmp_path}/nowhere/x.db", SQLITE, connections=1) as lost:
        with pytest.raises(UnreachableError):
            await increase(lost, 1)


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="needs a file"):
        TablesDatabase(address, SQLITE, connections=1)
