from typing import Any

import pytest

from proxy.jobs.bench.operations import Gathering, Operations, decoded

SESSION = {"id": b"0123456789abcdef"}


def gathered(*commands: dict[str, Any]) -> Operations:
    gathering = Gathering()
    for command in commands:
        gathering.take({"$db": "shop", **command} if "$db" not in command else command)
    return gathering.operations("a test")


def command(name: str, **fields: Any) -> dict[str, Any]:
    return {name: "orders", **fields, "$db": "shop"}


def in_transaction(name: str, number: int = 1, **fields: Any) -> dict[str, Any]:
    return {**command(name, **fields), "lsid": SESSION, "txnNumber": number, "autocommit": False}


def test_what_reads_and_writes_documents_is_driven_and_the_rest_counted_by_name() -> None:
    found = gathered(
        command("createIndexes", indexes=[]),
        command("find", filter={"a": 1}),
        command("insert", documents=[{"_id": 1}]),
        command("getMore"),
        command("drop"),
        command("drop"),
        {"ping": 1, "$db": "admin"},
        {"find": "users", "$db": "local"},
    )

    assert found.counts == {"find": 1, "insert": 1}
    assert [decoded(each) for each in found.setup] == [command("createIndexes", indexes=[])]
    assert found.left_out == {
        "drop": 2,
        "find on a database of MongoDB's own": 1,
        "ping on a database of MongoDB's own": 1,
    }


def test_what_belongs_to_a_session_is_left_behind() -> None:
    found = gathered(
        command(
            "find",
            filter={},
            lsid=SESSION,
            txnNumber=7,
            readConcern={"level": "majority", "afterClusterTime": 1},
            writeConcern={"w": 1},
            comment="mine",
        )
    )

    assert decoded(found.units[0].commands[0]) == {
        "find": "orders",
        "filter": {},
        "readConcern": {"level": "majority"},
        "writeConcern": {"w": 1},
        "$db": "shop",
    }


def test_a_transaction_is_one_operation_at_its_commit() -> None:
    found = gathered(
        in_transaction("insert", documents=[{"_id": 1}]),
        command("find"),
        in_transaction("update", updates=[]),
        {**in_transaction("commitTransaction"), "commitTransaction": 1, "$db": "admin"},
        in_transaction("insert", 2, documents=[{"_id": 2}]),
        {**in_transaction("abortTransaction", 2), "$db": "admin"},
        in_transaction("insert", 3, documents=[{"_id": 3}]),
        in_transaction("drop", 4),
        {**in_transaction("commitTransaction", 4), "$db": "admin"},
    )

    assert [unit.name for unit in found.units] == ["find", "transaction"]
    assert [next(iter(decoded(each))) for each in found.units[1].commands] == ["insert", "update"]
    assert found.left_out == {
        "transaction that was aborted": 1,
        "transaction with a part that is not driven": 1,
        "transaction without its commit": 1,
    }


@pytest.mark.parametrize(
    "stage",
    [{"$out": {"db": "shop", "coll": "x"}}, {"$merge": {"into": {"db": "shop", "coll": "x"}}}],
)
def test_nothing_is_driven_that_would_write_to_a_named_database(stage: dict[str, Any]) -> None:
    found = gathered(command("aggregate", pipeline=[{"$match": {}}, stage], cursor={}))

    assert not found.units
    assert sum(found.left_out.values()) == 1


@pytest.mark.parametrize(
    ("asked", "writes"),
    [
        (command("find"), False),
        (command("aggregate", pipeline=[{"$match": {}}]), False),
        (command("aggregate", pipeline=[{"$out": "x"}]), True),
        (command("aggregate", pipeline=[{"$merge": "x"}]), True),
        (command("aggregate", pipeline=[{"$merge": {"into": "x"}}]), True),
        (command("findAndModify"), True),
        (command("delete", deletes=[]), True),
    ],
)
def test_it_is_known_what_writes(asked: dict[str, Any], writes: bool) -> None:
    (unit,) = gathered(asked).units

    assert unit.writes is writes


def test_operations_are_moved_to_other_databases_and_told_apart() -> None:
    found = gathered(command("find"), {"find": "users", "$db": "people"})
    moved = found.in_databases({"shop": "bench_1", "people": "bench_2"})

    assert found.databases == ("people", "shop")
    assert moved.databases == ("bench_1", "bench_2")
    assert found.digest == gathered(command("find"), {"find": "users", "$db": "people"}).digest
    assert found.digest != moved.digest
