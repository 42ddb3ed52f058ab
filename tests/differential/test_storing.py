"""`$merge` and `$out` on both sides: the answer, and what the collections then hold."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from adapters.postgresql.gateway import PostgresGateway
from comparators.operation import Kind
from comparators.outcome import Documents, Failure
from tests.differential.twins import Twins

Stages = list[dict[str, Any]]

SOURCE: Stages = [
    {"_id": 1, "k": 1, "v": 1},
    {"_id": 2, "k": 2, "v": 2},
    {"_id": 3, "k": 1, "v": 3},
]
TARGET: Stages = [{"_id": 1, "k": 10, "v": 100}, {"_id": 9, "z": 1}]
GUARDED: Stages = [{"_id": "a", "k": 1, "w": 1}, {"_id": "b", "w": 2}]
PAIRED: Stages = [{"_id": "a", "k": 1, "w": 1}]


@pytest.fixture
async def sides(
    mongo_database: AsyncDatabase[dict[str, Any]], postgres_dsn: str
) -> AsyncIterator[dict[str, Twins]]:
    """Give four collections: a source, a plain target and two with unique indexes."""
    async with PostgresGateway(postgres_dsn, connections=2) as gateway:
        found = {
            name: Twins(mongo=mongo_database, gateway=gateway, collection=name)
            for name in ("s", "t", "u", "p", "new")
        }
        await found["u"].run(Kind.CREATE_INDEXES, indexes=[one("k", {"k": 1})])
        pair = one("kq", {"k": 1, "q": 1})
        partial = {**one("x", {"x": 1}), "partialFilterExpression": {"y": 1}}
        await found["p"].run(Kind.CREATE_INDEXES, indexes=[pair, partial])
        for name, documents in (("s", SOURCE), ("t", TARGET), ("u", GUARDED), ("p", PAIRED)):
            await found[name].run(Kind.INSERT, documents=documents)
        yield found


def one(name: str, key: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "key": key, "unique": True}


def merge(into: Any = "t", **options: Any) -> Stages:
    return [{"$merge": {"into": into, **options}}]


def merge_by_key(**options: Any) -> Stages:
    return [{"$unset": "_id"}, *merge("u", on="k", **options)]


ONE: Stages = [{"$match": {"_id": 1}}]
SUM = [{"$set": {"sum": {"$add": ["$v", "$$new.v"]}}}]
MERGES: list[Stages] = [
    merge(),
    merge("new"),
    [{"$merge": "t"}],
    merge({"coll": "t"}),
    merge({"db": "", "coll": "t"}),
    *(
        merge(whenMatched=matched, whenNotMatched=not_matched)
        for matched in ("replace", "keepExisting", "merge", "fail", SUM)
        for not_matched in ("insert", "discard", "fail")
    ),
    merge(whenMatched=[]),
    merge(whenMatched=[{"$match": {}}]),
    merge(whenMatched=[{"$set": {"q": "$$nope"}}]),
    merge(whenMatched=[{"$set": {"q": "$$a", "n": "$$new"}}], let={"a": "$v", "b": 5}),
    merge(whenMatched=[{"$set": {"q": "$$a"}}], let={"a": "$missing"}),
    merge(whenMatched=[{"$set": {"q": "$$new.v"}}], let={"new": "$$ROOT"}),
    merge(whenMatched=[{"$set": {"_id": 77}}]),
    merge(whenMatched=[{"$replaceWith": {"a": 1}}]),
    merge(whenMatched=[{"$set": {"x": {"$ln": "$$new"}}}]),
    merge(on="_id"),
    merge(on=["_id"]),
    merge("s"),
    [{"$set": {"v": {"$multiply": ["$v", 2]}}}, *merge("s")],
    [{"$replaceWith": {"_id": 1, "z": 1, "a": {"b": 1}}}, *merge()],
    [{"$replaceWith": {"_id": "new", "z": 1, "a": {"b": 1}}}, *merge()],
    [{"$group": {"_id": "$k", "n": {"$sum": "$v"}}}, *merge("new")],
    [{"$replaceWith": {"_id": [1]}}, *merge()],
    [{"$replaceWith": {"_id": None, "a": 1}}, *merge()],
    [*ONE, *merge("u", on="k")],
    [*ONE, *merge_by_key()],
    [*ONE, *merge_by_key(whenMatched="replace")],
    [*ONE, *merge_by_key(whenMatched="keepExisting")],
    [*ONE, *merge_by_key(whenMatched=[{"$set": {"n": "$$new.v"}}])],
    [*ONE, *merge("u", on="k", whenMatched="fail")],
    merge_by_key(whenNotMatched="discard"),
    merge_by_key(whenMatched="merge", whenNotMatched="fail"),
    [*ONE, {"$unset": "k"}, *merge_by_key()],
    [*ONE, {"$set": {"k": None}}, *merge_by_key()],
    [*ONE, {"$set": {"k": [1]}}, *merge_by_key()],
    merge("u"),
    merge("u", whenMatched="fail"),
    [{"$set": {"q": 1}}, *merge("p", on=["q", "k"])],
    [{"$set": {"q": 1}}, *merge("p", on=["q", "k"], whenMatched="replace")],
    merge("p", on=["q", "k"]),
    merge("p", on="x"),
    merge("p", on="k"),
    [*merge(), {"$limit": 1}],
    [{"$match": {"_id": 77}}, *merge("new")],
]
OUTS: list[Any] = ["t", "new", "s", "u", {"db": "x"}, {"coll": "t"}, {}, 5, "", "system.x"]
REFUSED: list[dict[str, Any]] = [
    {},
    {"into": ""},
    {"into": {}},
    {"into": 5},
    {"into": {"db": "other"}},
    {"into": {"coll": "t", "x": 1}},
    {"into": "t", "z": 1},
    {"into": "t", "whenMatched": "x"},
    {"into": "t", "whenMatched": 5},
    {"into": "t", "whenMatched": "pipeline"},
    {"into": "t", "whenNotMatched": "x"},
    {"into": "t", "whenNotMatched": []},
    {"into": "t", "let": 5, "whenMatched": []},
    {"into": "t", "let": {"A": 1}, "whenMatched": []},
    {"into": "t", "let": {"a": 1}, "whenMatched": "merge"},
    {"into": "t", "let": {"new": "$v"}, "whenMatched": []},
    {"into": "t", "on": []},
    {"into": "t", "on": 5},
    {"into": "t", "on": [5]},
    {"into": "t", "on": ["_id", "_id"]},
    {"into": "t", "on": "k"},
    {"into": "system.x"},
    {"into": {"db": "admin", "coll": "x"}},
    {"into": {"db": "a.b", "coll": "x"}},
]


async def agree(sides: dict[str, Twins], pipeline: Stages) -> None:
    legacy, gateway = await sides["s"].run(Kind.AGGREGATE, pipeline=pipeline)

    if isinstance(legacy, Failure) and isinstance(gateway, Failure):
        assert (gateway.code, gateway.code_name) == (legacy.code, legacy.code_name)
    else:
        assert (gateway, legacy) == (Documents(documents=()), Documents(documents=()))
    for twins in sides.values():
        kept, stored = await twins.documents()
        assert stored == kept


@pytest.mark.parametrize("pipeline", MERGES, ids=str)
async def test_a_merge_stores_what_the_server_stores(
    sides: dict[str, Twins], pipeline: Stages
) -> None:
    await agree(sides, pipeline)


async def test_what_is_no_merge_is_refused(sides: dict[str, Twins]) -> None:
    for given in REFUSED:
        await agree(sides, [{"$merge": given}])
    await agree(sides, [{"$merge": 5}])


async def test_an_out_replaces_a_collection_or_leaves_it(sides: dict[str, Twins]) -> None:
    for place in OUTS:
        await agree(sides, [{"$out": place}])
    await agree(sides, [{"$match": {"_id": 77}}, {"$out": "t"}])
    await agree(sides, [{"$match": {"_id": 1}}, {"$set": {"k": 5}}, {"$out": "u"}])
    await agree(sides, [{"$set": {"_id": 1}}, {"$out": "t"}])
    await agree(sides, [{"$replaceWith": {"_id": [1]}}, {"$out": "t"}])
    await agree(sides, [{"$set": {"x": {"$ln": {"$subtract": ["$v", 2]}}}}, {"$out": "t"}])
    await agree(sides, [{"$out": "t"}, {"$limit": 1}])


async def test_identifiers_that_the_server_makes_up_are_not_guessed(
    sides: dict[str, Twins],
) -> None:
    anonymous: dict[str, Any] = {"$project": {"_id": 0, "v": 1}}

    for stage, name in (({"$out": "new"}, "$out"), ({"$merge": "new"}, "$merge")):
        _legacy, gateway = await sides["s"].run(Kind.AGGREGATE, pipeline=[anonymous, stage])
        assert gateway == f"{name} that makes up an _id"
