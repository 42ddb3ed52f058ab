"""Documents on a real MariaDB: what its keys, its JSON and its transactions might get wrong."""

import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from adapters.database import Database
from adapters.gateway import ConflictError, Generated, Transaction
from adapters.mysql.adapter import ADAPTER
from comparators.canonical import decode
from comparators.errors import CapacityError, SettingsError, UnreachableError, UnsupportedError
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Documents, Outcome
from tests.peers.mariadb_server import RunningMariadb


def opened(url: str) -> AbstractAsyncContextManager[Database]:
    assert ADAPTER.open is not None
    return ADAPTER.open(url, 4)


@pytest.fixture
async def database(mysql_url: str) -> AsyncIterator[Database]:
    async with opened(mysql_url) as made:
        yield made


async def ask(
    place: Transaction, kind: Kind, collection: str = "c", /, **arguments: Any
) -> Outcome:
    operation = Operation(database="d", collection=collection, kind=kind, arguments=arguments)
    return await place.run(operation, generated=Generated(now_ms=0))


async def found(place: Transaction, query: Mapping[str, Any], **arguments: Any) -> list[Any]:
    outcome = await ask(place, Kind.FIND, filter=query, **arguments)
    assert isinstance(outcome.result, Documents)
    return [decode(each)["_id"] for each in outcome.result.documents]


async def put(place: Transaction, *documents: Mapping[str, Any]) -> None:
    outcome = await ask(place, Kind.INSERT, documents=list(documents))
    assert outcome.result == Acknowledgement(n=len(documents))


async def increment(place: Transaction, query: Mapping[str, Any]) -> Outcome:
    return await ask(place, Kind.UPDATE, updates=[{"q": query, "u": {"$inc": {"n": 1}}}])


async def test_strings_are_equal_byte_by_byte(database: Database) -> None:
    texts = ["a", "A", "a ", "ä", "a\u0308", "a\0", "", " ", "ß", "ss", "\U0001f642"]
    await put(database, *({"_id": each, "v": each} for each in texts))

    for each in texts:
        assert await found(database, {"_id": each}) == [each]
        assert await found(database, {"v": each}) == [each]
    assert await found(database, {}, sort={"_id": 1}) == sorted(texts, key=str.encode)


@pytest.mark.parametrize("depth", [30, 31, 60])
async def test_a_document_is_found_however_deep_it_is(database: Database, depth: int) -> None:
    inner: Any = 1
    for _ in range(depth):
        inner = {"d": inner}
    path = ".".join(["d"] * depth)
    await put(database, {"_id": 1, "a": "x", **inner, "z": "y", "l": [[[[1]]]]}, {"_id": 2})

    assert await found(database, {"a": "x", "z": "y"}) == [1]
    assert await found(database, {path: 1}) == [1]
    assert await found(database, {path: 2}) == []


async def test_numbers_are_compared_as_numbers_and_nothing_else_is(database: Database) -> None:
    values = [1, 1.0, "1", True, None, [1], {"n": 1}, float("inf"), float("nan"), 2**62, -0.0]
    await put(database, *({"_id": at, "v": each} for at, each in enumerate(values)))

    assert await found(database, {"v": 1}, sort={"_id": 1}) == [0, 1, 5]
    assert await found(database, {"v": {"$gt": 1}}, sort={"_id": 1}) == [7, 9]
    assert await found(database, {"v": {"$lte": 0}}) == [10]
    assert await found(database, {"v": 2**62}) == [9]


async def test_long_keys_stay_apart(database: Database) -> None:
    unique = {"key": {"v": 1}, "name": "v_1", "unique": True}
    await ask(database, Kind.CREATE_INDEXES, indexes=[unique])
    texts = ["x" * 5000 + end for end in "ab"]

    await put(database, *({"_id": each, "v": each} for each in texts))
    again = (await ask(database, Kind.INSERT, documents=[{"_id": 1, "v": texts[0]}])).result

    assert await found(database, {"_id": texts[1]}) == [texts[1]]
    assert isinstance(again, Acknowledgement)
    assert [each.code for each in again.errors] == [11000]


async def test_a_name_that_no_key_of_mysql_holds_is_refused(database: Database) -> None:
    index = {"key": {"v": 1}, "name": "n" * 2000}

    with pytest.raises(UnsupportedError, match="name"):
        await ask(database, Kind.CREATE_INDEXES, indexes=[index])


async def test_more_than_a_packet_is_sent_in_several(database: Database) -> None:
    some = {"text": "x" * 1_000_000}
    await put(database, *({"_id": at, **some} for at in range(9)))

    outcome = await ask(
        database, Kind.UPDATE, updates=[{"q": {}, "u": {"$set": {"n": 1}}, "multi": True}]
    )

    assert outcome.result == Acknowledgement(n=9, modified=9)
    with pytest.raises(CapacityError, match="packet"):
        await put(database, {"_id": "large", "text": "x" * 9_000_000})


async def test_a_transaction_that_writes_over_what_it_has_not_seen_is_a_conflict(
    database: Database,
) -> None:
    await put(database, {"_id": 1, "n": 0, "k": "a"}, {"_id": 2, "n": 0, "k": "b"})

    async def written_over() -> None:
        async with database.transaction() as transaction:
            assert await found(transaction, {"n": 0}, sort={"_id": 1}) == [1, 2]
            await increment(database, {"k": "a"})
            assert await found(transaction, {"n": 0}, sort={"_id": 1}) == [1, 2]
            await increment(transaction, {"k": "a"})

    with pytest.raises(ConflictError):
        await written_over()

    assert await found(database, {"n": 1}) == [1]


async def test_transactions_on_different_documents_do_not_meet(database: Database) -> None:
    await put(database, *({"_id": at, "n": 0, "k": f"k{at}"} for at in range(20)))

    async with database.transaction() as one, database.transaction() as other:
        for at, transaction in enumerate([one, other, one, other]):
            await increment(transaction, {"k": f"k{at}"})
        await put(one, {"_id": "one", "k": "new"})
        await put(other, {"_id": "other", "k": "new"})

    assert await found(database, {"n": 1}, sort={"_id": 1}) == [0, 1, 2, 3]


async def test_two_transactions_on_one_document_are_a_conflict_soon(database: Database) -> None:
    await put(database, {"_id": 1, "n": 0})

    async with database.transaction() as one:
        await increment(one, {"n": 0})
        with pytest.raises(ConflictError):
            async with database.transaction() as other:
                await increment(other, {"n": 0})

    assert await found(database, {"n": 1}) == [1]


async def test_a_collection_made_in_a_transaction_goes_with_it(database: Database) -> None:
    async def made_and_failed() -> None:
        async with database.transaction() as transaction:
            await put(transaction, {"_id": 1})
            assert await found(transaction, {}) == [1]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await made_and_failed()

    listed = (await ask(database, Kind.LIST_COLLECTIONS, "")).result
    assert listed == Documents(documents=())
    await put(database, {"_id": 1})


async def test_processes_know_of_each_others_indexes(database: Database, mysql_url: str) -> None:
    unique = {"key": {"v": 1}, "name": "v_1", "unique": True}
    async with opened(mysql_url) as other:
        await put(other, {"_id": 1, "v": 1})
        await ask(database, Kind.CREATE_INDEXES, indexes=[unique])
        result = (await ask(other, Kind.INSERT, documents=[{"_id": 2, "v": 1}])).result
        await ask(database, Kind.DROP)
        await put(other, {"_id": 2, "v": 1}, {"_id": 3, "v": 1})

    assert isinstance(result, Acknowledgement)
    assert [each.code for each in result.errors] == [11000]
    assert await found(database, {"v": 1}) == [2, 3]


async def test_a_server_killed_amid_a_transaction_leaves_nothing_and_comes_back(
    database: Database, mariadb: RunningMariadb
) -> None:
    await put(database, {"_id": 1, "n": 0})

    async def cut_off() -> None:
        async with database.transaction() as transaction:
            await increment(transaction, {"_id": 1})
            await mariadb.process.stop(signal.SIGKILL)
            await increment(transaction, {"_id": 1})

    with pytest.raises(UnreachableError, match="does not answer"):
        await cut_off()
    with pytest.raises(UnreachableError, match="does not answer"):
        await found(database, {})
    with pytest.raises(UnreachableError, match="does not answer"):
        await database.reachable()
    await mariadb.start()

    assert await found(database, {"n": 0}) == [1]


async def test_a_database_is_to_be_there(mariadb: RunningMariadb) -> None:
    with pytest.raises(SettingsError, match="names no database"):
        opened(mariadb.url_of(""))
    async with opened(mariadb.url_of("nowhere")) as database:
        with pytest.raises(SettingsError, match="Unknown database"):
            await found(database, {})
