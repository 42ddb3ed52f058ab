"""The gateway answers as mongod does: the same operations on both, outcome by outcome, then the documents."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from adapters.postgresql.gateway import PostgresGateway
from comparators.operation import Kind
from comparators.outcome import Documents, Failure
from tests.differential.maps import STORAGES
from tests.differential.twins import Twins, same

Step = tuple[Kind, Mapping[str, Any]]


@pytest.fixture(params=["documents", "mapped by key", "mapped with child tables"])
async def twins(
    mongo_database: AsyncDatabase[dict[str, Any]], postgres_dsn: str, request: pytest.FixtureRequest
) -> AsyncIterator[Twins]:
    entities = STORAGES[request.param]
    async with PostgresGateway(postgres_dsn, connections=2, entities=entities) as gateway:
        await gateway.ready()
        yield Twins(mongo=mongo_database, gateway=gateway, collection="things")


def insert(*documents: dict[str, Any], ordered: bool = True) -> Step:
    return Kind.INSERT, {"documents": list(documents), "ordered": ordered}


def index(name: str, key: Any, **options: Any) -> Step:
    return Kind.CREATE_INDEXES, {"indexes": [{"key": key, "name": name, **options}]}


def find(query: dict[str, Any] | None = None, **options: Any) -> Step:
    return Kind.FIND, {"filter": query or {}, **options}


def delete(query: dict[str, Any], limit: int = 1) -> Step:
    return Kind.DELETE, {"deletes": [{"q": query, "limit": limit}]}


def update(query: dict[str, Any], change: Any, **options: Any) -> Step:
    return Kind.UPDATE, {"updates": [{"q": query, "u": change, **options}]}


def modify(query: dict[str, Any], **options: Any) -> Step:
    return Kind.FIND_AND_MODIFY, {"query": query, **options}


OUT_OF_PLACE: tuple[dict[str, Any], ...] = (
    {"$where": "1"},
    {"$text": {"$search": "a"}},
    {"$jsonSchema": {}},
)
SCORE = {"$meta": "textScore"}
IDENTIFIER = ObjectId("6b0011559950de880ca356e1")
KINDS_UNHEARD_OF: Sequence[Any] = ("bogus", 0, -0.0, True, None, {}, float("nan"), "columnstore")
REFUSED_INDEXES: Sequence[Mapping[str, Any]] = (
    *({"key": {path: 1}} for path in ("", "a.", "a..b", ".a", "$a", "a.$b")),
    *({"key": {"a": kind}} for kind in KINDS_UNHEARD_OF),
    {"bogus": 1}, {"bucketSize": 1}, {"hidden": 1}, {"unique": "x"}, {"sparse": None}, {"weights": 1},
    {"key": {"_id": 1}, "unique": True}, {"key": {"_id": 1}, "expireAfterSeconds": 5},
    {"key": {"a": "hashed"}, "unique": True}, {"key": {"$**": 1}, "unique": True}, {"key": {"$**": -1}},
    {"key": {"a": 1, "b": 1}, "expireAfterSeconds": 5},
    *({"expireAfterSeconds": after} for after in (-1, "x", None, Int64(2**31))),
    *({"partialFilterExpression": {"a": each}} for each in ({"$ne": 1}, {"$exists": False}, {"$nin": [1]}, {"$size": 1})),
    {"partialFilterExpression": {"$nor": [{"a": 1}]}}, {"partialFilterExpression": {"$expr": True}},
    {"partialFilterExpression": 5}, {"partialFilterExpression": {"a": 1}, "sparse": True},
)  # fmt: skip
TAKEN_INDEXES: Sequence[Mapping[str, Any]] = (
    {"key": {"$**": 1}}, {"key": {"h": "hashed", "b": 1}}, {"key": {"a.$id": -0.5}}, {"unique": 0},
    {"unique": 1.0, "background": 1}, {"sparse": 2}, {"collation": {"locale": "simple"}},
    {"expireAfterSeconds": 0}, {"expireAfterSeconds": 1.5}, {"expireAfterSeconds": float("nan")},
    {"partialFilterExpression": {"$or": [{"a": {"$in": [1]}}, {"b": {"$type": "string"}, "c": {"$gt": 1}}]}},
)  # fmt: skip
SCRIPTS: Mapping[str, Sequence[Step]] = {
    "a schema beside a position": (
        insert({"_id": 1, "a": [1]}), find({"$jsonSchema": {}}, projection={"a.$": 1}), find({"a": 1}, projection={"a.$": 1}),
        find({"a": 1, "$or": [{"$jsonSchema": {"required": ["a"]}}]}, projection={"a.$": 1}),
    ),
    "scores without a text search": (
        insert({"_id": 1, "a": "x"}),
        find(projection={"s": SCORE}), find(projection={"a.s": SCORE, "a": 0}), find(sort={"a": 1, "s": SCORE}),
        find({"_id": 7}, projection={"s": SCORE}, sort={"s": SCORE}), find(projection={"s": SCORE, "b": {"$bogus": 1}}),
        find(projection={"s": SCORE}, sort={"b": 2}), find(projection={"s": {"$literal": SCORE}}),
    ),
    "identifiers of all types": (
        insert({"_id": 1}, {"_id": 1.5}, {"_id": "1"}, {"_id": IDENTIFIER}, {"_id": None}),
        insert({"_id": {"a": 1, "b": 2}}, {"_id": {"b": 2, "a": 1}}, {"_id": True}),
        insert({"_id": Int64(1)}),
        insert({"_id": 1.0}),
        insert({"_id": Decimal128("1.50")}),
        insert({"_id": {"a": 1.0, "b": Int64(2)}}),
        insert({"_id": DatetimeMS(5)}, {"_id": 5}),
        insert({"a": 1, "_id": "last"}),
        insert({"_id": [1]}),
        insert({"_id": {"$a": 1}}),
        find(sort={"_id": 1}),
        find(sort={"_id": -1}, skip=2, limit=3),
        find({"_id": 1.0}),
        find({"_id": {"$in": [1, "1", None]}}),
        find({"_id": {"$gt": 0}}),
        find({"_id": {"$gte": "1", "$lt": "2"}}),
        find({"_id": {"a": 1, "b": 2}}),
        find({"_id": {"$in": []}}),
    ),
    "duplicates, ordered and unordered": (
        insert({"_id": 1}, {"_id": 2}, {"_id": 1}, {"_id": 3}),
        insert({"_id": 4}, {"_id": 2}, {"_id": 1}, {"_id": 5}, {"_id": 5}, ordered=False),
        find(sort={"_id": 1}),
    ),
    "a unique index": (
        insert({"_id": 1, "email": "a"}, {"_id": 2, "email": "b"}),
        index("email_1", {"email": 1}, unique=True),
        insert({"_id": 3, "email": "a"}),
        insert({"_id": 3}),
        insert({"_id": 4, "email": None}),
        insert({"_id": 5, "email": "c"}, {"_id": 6, "email": "c"}, {"_id": 7, "email": "d"}),
        insert({"_id": 8, "email": ["x", "y"]}, {"_id": 9, "email": "y"}),
        insert({"_id": 10, "email": ["z", "z"]}),
        insert({"_id": 11, "email": []}),
        update({"_id": {"$in": [11, 10]}}, {"$set": {"first": 1}}),
        insert({"_id": 12, "email": []}),
        delete({"_id": 1}),
        insert({"_id": 13, "email": "a"}),
        find(sort={"_id": 1}),
    ),
    "an array of which several elements are taken": (
        index("up", {"a.b": 1, "c": -1}, unique=True, sparse=True),
        index("down", {"d": -1}, unique=True, sparse=True),
        insert({"_id": 1, "a": {"b": 1}}, {"_id": 2, "a": {"b": 2}}, {"_id": 3, "d": 5}, {"_id": 4, "d": "x"}),
        insert({"_id": 5, "a": [{"b": 2}, {"b": 1}]}, {"_id": 6, "d": [7, 5, "x"]}, {"_id": 7, "d": ["x", 5]}, ordered=False),
        insert({"_id": 8, "a": {"b": 3}, "c": "m"}, {"_id": 9, "a": {"b": 3}, "c": "n"}, {"_id": 10, "a": {"b": 3}, "c": ["m", "n"]}),
        update({"_id": 8}, {"$set": {"d": [5, "x"]}}),
    ),
    "sparse, partial and compound unique indexes": (
        index("s", {"s": 1}, unique=True, sparse=True),
        index("p", {"p": 1}, unique=True, partialFilterExpression={"on": True}),
        index("ab", {"a.x": 1, "b": -1}, unique=True),
        insert({"_id": 1, "a": {"x": 1}}, {"_id": 2, "a": {"x": 2}}),
        insert({"_id": 3, "p": 1, "a": {"x": 3}}, {"_id": 4, "p": 1, "a": {"x": 4}}),
        insert({"_id": 5, "p": 1, "on": True, "a": {"x": 5}}),
        insert({"_id": 6, "p": 1.0, "on": True, "a": {"x": 6}}),
        insert({"_id": 7, "s": None, "a": {"x": 7}}),
        insert({"_id": 8, "s": None, "a": {"x": 8}}),
        insert({"_id": 9, "a": {"x": 1}, "b": None}),
        insert({"_id": 10, "a": [{"x": 20}, {"x": 21}], "b": 1}),
        insert({"_id": 11, "a": {"x": 21}, "b": 1}),
        insert({"_id": 12, "a": [{"x": 30}], "b": [1]}),
        find(sort={"_id": 1}),
    ),
    "parallel arrays": (
        index("ab", {"a": 1, "b.c": 1}),
        insert({"_id": 1, "a": [1], "b": {"c": 1}}, {"_id": 2, "a": [1], "b": {"c": [1]}}),
        insert({"_id": 3, "a": [1], "b": [{"c": 1}]}, {"_id": 4, "a": 1, "b": []}, ordered=False),
        update({"_id": 1}, {"$set": {"b.c": [2]}}),
        update({"_id": 1}, {"$set": {"b.d": [2]}}),
        modify({"_id": 1}, update={"$set": {"b": [{"c": 1}]}}),
        find(sort={"_id": 1}),
    ),
    "what is taken and what cannot be indexed, in the order of the indexes": (
        index("u", {"u": 1}, unique=True, sparse=True),
        index("ab", {"a": 1, "b": 1}),
        index("w", {"w": 1}, unique=True, sparse=True),
        insert({"_id": 1, "u": 1, "w": 1}),
        insert({"_id": 1, "a": [1], "b": [1]}),
        insert({"_id": 2, "a": [1], "b": [1], "u": 1}),
        insert({"_id": 3, "a": [1], "b": [1], "w": 1}),
        insert({"_id": 4, "u": 4}, {"_id": 4, "a": [1], "b": [1]}, {"_id": 5, "a": [1], "b": [1], "u": 4}, {"_id": 6}, ordered=False),
        find(sort={"_id": 1}),
    ),
    "an array beside a text": (
        index("x", {"a.0": 1, "b": "text", "d.e": 1}),
        insert({"_id": 1, "a": [1]}, {"_id": 2, "a": {"0": 1}}, {"_id": 3, "a": []}, {"_id": 4}),
        insert({"_id": 5, "d": [{"e": 1}]}, {"_id": 6, "d": []}, {"_id": 7, "d": [1]}, ordered=False),
        insert({"_id": 8, "d": {"e": []}}, {"_id": 9, "a": [[1]]}, {"_id": 10, "b": ["t"]}, ordered=False),
        update({"_id": 4}, {"$set": {"d.e": [1]}}),
        find(sort={"_id": 1}),
    ),
    "an index over documents that it refuses": (
        insert({"_id": 1, "a": [1], "b": [1]}),
        index("ab", {"a": 1, "b": 1}),
        index("text", {"a": 1, "b": "text"}),
        index("partial", {"a": 1, "b": -1}, partialFilterExpression={"c": 1}),
        (Kind.LIST_INDEXES, {}),
    ),
    "a unique index over duplicates": (
        insert({"_id": 1, "n": 2}, {"_id": 2, "n": 1}, {"_id": 3, "n": 2}, {"_id": 4, "n": 1}),
        index("n_1", {"n": 1}, unique=True),
        (Kind.LIST_INDEXES, {}),
    ),
    "index conflicts": (
        index("a_1", {"a": 1}),
        index("a_1", {"a": 1}),
        index("a_1", {"a": 1}, unique=True),
        index("a_1", {"b": 1}),
        index("other", {"a": 1}),
        index("unique", {"a": 1}, unique=True),
        index("sparse", {"a": 1}, sparse=True),
        index("ttl", {"t": 1}, expireAfterSeconds=10),
        index("ttl", {"t": 1}, expireAfterSeconds=20),
        index("_id_", {"_id": 1}),
        (Kind.CREATE_INDEXES, {"indexes": []}),
        (Kind.CREATE_INDEXES, {"indexes": [{"key": {}, "name": "x"}]}),
        (Kind.CREATE_INDEXES, {"indexes": [{"key": {"a": 1}}]}),
        index("partial", {"a": 1}, partialFilterExpression={"b": {"$gt": 1}}),
        (Kind.LIST_INDEXES, {}),
        (Kind.DROP_INDEXES, {"index": "none"}),
        (Kind.DROP_INDEXES, {"index": "_id_"}),
        (Kind.DROP_INDEXES, {"index": {"t": 1}}),
        (Kind.DROP_INDEXES, {"index": ["a_1", "unique"]}),
        (Kind.LIST_INDEXES, {}),
        (Kind.DROP_INDEXES, {"index": "*"}),
        (Kind.LIST_INDEXES, {}),
    ),
    "indexes that are refused": tuple(
        index("x", **{"key": {"a": 1}, **specification})
        for specification in REFUSED_INDEXES
    ),
    "indexes that are taken": (
        *(
            index(f"x{at}", **{"key": {f"a{at}": 1}, **specification})
            for at, specification in enumerate(TAKEN_INDEXES)
        ),
        (Kind.CREATE_INDEXES, {"indexes": [{"key": {"u": 1}, "name": "u", "bogus": 1}], "ignoreUnknownIndexOptions": True}),
        (Kind.LIST_INDEXES, {}),
    ),
    "collections come and go": (
        (Kind.DROP, {}),
        (Kind.DROP_INDEXES, {"index": "*"}),
        (Kind.LIST_INDEXES, {}),
        (Kind.CREATE, {}),
        (Kind.CREATE, {}),
        (Kind.COUNT, {}),
        (Kind.DROP, {}),
        (Kind.DROP, {}),
        find(),
        delete({}, 0),
        find(),
        insert({"_id": 1}),
        (Kind.COUNT, {"query": {}}),
    ),
    "finding": (
        insert(*({"_id": n, "n": n % 4, "t": [n, {"k": n}], "o": {"p": str(n)}} for n in range(12))),
        find({"n": 1}, sort={"_id": -1}, limit=2),
        find({"n": {"$ne": 1}}, sort={"n": -1, "_id": 1}, skip=1, limit=3),
        find({"t": 3}),
        find({"t.k": {"$gt": 3, "$lte": 5}}, projection={"t.k": 1}),
        find({"t.0": 3}),
        find({"o": {"p": "1"}}, projection={"_id": 0, "o": 0}),
        find({"$or": [{"n": 1}, {"o.p": "2"}]}),
        find({"missing": None}, limit=3, sort={"_id": 1}),
        find({"n": {"$in": []}}),
        find({"n": {"$exists": True}}, limit=-1),
        find({"n": 1}, skip=-1),
        (Kind.COUNT, {"query": {"n": 1}}),
        (Kind.COUNT, {"query": {"n": 1}, "limit": 2}),
        (Kind.COUNT, {"query": {}, "skip": 10, "limit": 5}),
        (Kind.COUNT, {"query": {"n": 1}, "skip": 2}),
        (Kind.DISTINCT, {"key": "n"}),
        (Kind.DISTINCT, {"key": "t", "query": {"n": 2}}),
        (Kind.DISTINCT, {"key": "t.k"}),
        (Kind.DISTINCT, {"key": "t.0"}),
        (Kind.AGGREGATE, {"pipeline": [{"$match": {"n": 1}}, {"$group": {"_id": 1, "n": {"$sum": 1}}}]}),
        (Kind.AGGREGATE, {"pipeline": [{"$match": {}}, {"$skip": 3}, {"$limit": 4}, {"$group": {"_id": None, "n": {"$sum": 1}}}]}),
        (Kind.AGGREGATE, {"pipeline": [{"$match": {"n": 9}}, {"$group": {"_id": 1, "n": {"$sum": 1}}}]}),
        (Kind.AGGREGATE, {"pipeline": [{"$group": {"_id": "$n", "all": {"$sum": "$_id"}}}, {"$sort": {"_id": 1}}]}),
        (Kind.AGGREGATE, {"pipeline": [{"$lookup": {"from": "things", "localField": "n", "foreignField": "_id", "as": "x"}}]}),
        (Kind.AGGREGATE, {"pipeline": [{"$limit": 2}, {"$project": {"n": 1}}]}),
    ),
    "several mistakes in one command": (
        find(sort={"x": 5}, projection={"a": 1, "b": 0}),
        find({"a": {"$bogus": 1}}, sort={"x": 5}, projection={"a": 1, "b": 0}),
        find({"a": {"$bogus": 1}}, skip=-1),
        (Kind.COUNT, {"query": {"a": {"$bogus": 1}}, "skip": -1}),
        update({"a": {"$bogus": 1}}, {"$inc": {"a": "x"}}),
        modify({"a": {"$bogus": 1}}, update={"$inc": {"a": "x"}}),
        (Kind.AGGREGATE, {"pipeline": [{"$limit": -1}, {"$bogus": 1}]}),
        (Kind.AGGREGATE, {"pipeline": [{"$match": {"a": {"$bogus": 1}}}, {"$bogus": 1}]}),
    ),
    "operators out of place": (
        find({"a": {"$elemMatch": {"$where": "1"}}}),
        find({"a": {"$elemMatch": {"$text": {"$search": "a"}}}}),
        *(update({"_id": 1}, {"$pull": {"a": each}}) for each in OUT_OF_PLACE),
        *(update({"_id": 1}, {"$set": {"a.$[x]": 1}}, arrayFilters=[each]) for each in OUT_OF_PLACE),
    ),
    "joining by a position": (
        insert({"_id": 1, "a": [{"0": 5}, {"1": 6}], "k": 5}, {"_id": 2, "a": [7, [5]], "k": 6}),
        insert({"_id": 3, "a": {"0": 5}, "k": {"0": 5}}, {"_id": 4, "a": [{"3": 5}]}),
        *((Kind.AGGREGATE, {"pipeline": [{"$lookup": {"from": "things", "localField": path, "foreignField": "k", "as": "x"}}]}) for path in ("a.0", "a.1", "a.3", "a.0.0")),
    ),
    "updating": (
        insert(*({"_id": n, "n": n % 3, "t": [n, n + 1]} for n in range(9))),
        update({"_id": 1}, {"$set": {"a": 1}, "$inc": {"n": 1}}),
        update({"_id": 1}, {"$set": {"a": 1}}),
        update({"_id": 99}, {"$set": {"a": 1}}),
        update({"n": 0}, {"$set": {"b": 1}}),
        update({"n": 0}, {"$push": {"t": 5}}, multi=True),
        update({"t": 5}, {"$set": {"t.$": "five"}}, multi=True),
        update({"_id": 2}, {"t": 1}),
        update({"_id": 2}, {"t": 1}),
        update({"_id": 2}, {"_id": 2, "t": 1}),
        update({"_id": 2}, {"_id": 3, "t": 1}),
        update({"_id": 2}, {"$inc": {"t": "x"}}),
        update({"n": 1}, {"$inc": {"t": 1}}, multi=True),
        update({"_id": 50}, {"$set": {"a": 1}, "$setOnInsert": {"c": 2}}, upsert=True),
        update({"_id": 50}, {"$set": {"a": 2}, "$setOnInsert": {"c": 3}}, upsert=True),
        update({"key": "k"}, {"$set": {"a": 1}}, upsert=True),
        update({"key": "k"}, {"$set": {"a": 2}}, upsert=True),
        update({"n": 2}, [{"$set": {"d": {"$add": ["$n", 1]}}}], multi=True),
        update({"t.0": 4}, {"$set": {"t.$[e]": 0}}, arrayFilters=[{"e": {"$gt": 4}}], multi=True),
        update({}, {"x": 1}, multi=True),
        update({"_id": 1}, {"$bad": 1}),
        (Kind.UPDATE, {"updates": [{"q": {"_id": 1}, "u": {"$inc": {"a": 1}}}, {"q": {"_id": 1}, "u": {"$inc": {"a": 1}}}, {"q": {"_id": 1}, "u": {"$inc": {"t": 1}}}, {"q": {"_id": 1}, "u": {"$inc": {"a": 1}}}]}),
        (Kind.UPDATE, {"updates": [{"q": {"_id": 1}, "u": {"$inc": {"t": 1}}}, {"q": {"_id": 60}, "u": {"$inc": {"a": 1}}, "upsert": True}], "ordered": False}),
        find(sort={"_id": 1}),
    ),
    "updating under a unique index": (
        insert({"_id": 1, "u": 1}, {"_id": 2, "u": 2}, {"_id": 3, "u": [3, 4]}, {"_id": 4, "u": 5}),
        index("u_1", {"u": 1}, unique=True),
        update({"_id": 1}, {"$set": {"u": 2}}),
        update({"_id": 1}, {"$set": {"u": 10}}),
        update({"_id": 2}, {"$set": {"u": 1}}),
        update({"_id": 3}, {"$push": {"u": 5}}),
        update({"_id": 3}, {"$pull": {"u": 3}}),
        update({"_id": 4}, {"$set": {"u": 3}}),
        update({}, {"$set": {"u": 7}}, multi=True),
        update({"_id": 7}, {"$set": {"u": 4}}, upsert=True),
        update({"u": 8}, {"$set": {"a": 4}}, upsert=True),
        update({"u": 8, "_id": 9}, {"$set": {"a": 4}}, upsert=True),
        update({"_id": 1}, {"u": 8}),
        modify({"_id": 1}, update={"$set": {"u": 8}}),
        modify({"_id": 100}, update={"$set": {"u": 8}}, upsert=True),
        modify({"_id": 1}, update={"$set": {"u": 9}}, new=True),
        find(sort={"_id": 1}),
    ),
    "finding and modifying": (
        modify({"_id": 1}, update={"$set": {"a": 1}}),
        insert(*({"_id": n, "n": n % 3, "t": [n]} for n in range(9))),
        modify({"_id": 1}, update={"$set": {"a": 1}}),
        modify({"_id": 1}, update={"$set": {"a": 2}}, new=True),
        modify({"n": 0}, update={"$inc": {"n": 10}}, sort={"_id": -1}, new=True),
        modify({"_id": 77}, update={"$set": {"a": 2}}),
        modify({"_id": 77}, update={"$set": {"a": 2}}, upsert=True, new=True),
        modify({"_id": 78}, update={"$set": {"a": 2}}, upsert=True),
        modify({"k": 1}, update={"$set": {"a": 2}}, upsert=True, new=True, fields={"_id": 0}),
        modify({"_id": 4}, update={"$push": {"t": 1}}, fields={"t": 1}),
        modify({"_id": 4}, update={"$inc": {"t": 1}}),
        modify({"_id": 4}, update={"_id": 5}),
        modify({"_id": 5}, remove=True),
        modify({"_id": 5}, remove=True),
        modify({"n": 1}, remove=True, sort={"_id": -1}, fields={"_id": 1}),
        modify({"_id": 6}, remove=True, new=True),
        modify({"_id": 6}),
        modify({"_id": 6}, update=[{"$set": {"p": {"$size": "$t"}}}], new=True),
        modify({"_id": 6}, update={"$set": {"t.$[e]": "x"}}, arrayFilters=[{"e": 6}], new=True),
        find(sort={"_id": 1}),
    ),
    "sorts that nobody looks into": (
        insert(*({"_id": each, "a": [0, 1], "b": [1]} for each in (1, None, {"k": "x"}))),
        *(
            step
            for key in (1, None, {"k": "x"})
            for options in ({}, {"hint": "_id_"}, {"collation": {"locale": "en"}}, {"collation": {"locale": "simple"}})
            for step in (
                find({"_id": key}, sort={"a": 1, "b": 1}, **options),
                modify({"_id": key}, sort={"a": 0}, update={"$set": {"c": 1}}, **options),
                modify({"_id": key}, sort={"a": 0}, update={"$set": {"a.$": 1}}, **options),
                modify({"_id": key}, sort={"a": 1, "b": 1}, update={"$set": {"c": 2}}, fields={"a": 1}, **options),
            )
        ),
    ),
    "parts of an index": (
        insert(
            *({"_id": at, "a": each, "b": at % 3} for at, each in enumerate([1, 2, [1, 5], "x", None, {"k": 1}, [], 3.5])),
            {"_id": 20, "s": 1, "p": 5, "c": "A"}, {"_id": 21, "p": 1, "c": "b"},
        ),
        index("a", {"a": 1}), index("ab", {"a": 1, "b": -1}), index("s", {"s": 1}, sparse=True),
        index("p", {"p": 1}, partialFilterExpression={"p": {"$gt": 1}}), index("c", {"c": 1}, collation={"locale": "en", "strength": 2}),
        *(find(hint="a", **part) for part in ({"min": {"a": 2}}, {"max": {"a": 2}}, {"min": {"a": 1}, "max": {"a": 3}}, {"min": {"a": [1, 5]}})), find(hint="a", min={}),
        *(find(hint="a", min={"a": 1}, **more) for more in ({"limit": 2}, {"skip": 1, "limit": 2}, {"sort": {"a": -1}}, {"projection": {"b": 1}}, {"max": {"a": 1}})),
        find({"a": {"$gt": 2}}, hint={"a": 1}, min={"a": 1}), find({"_id": 3}, hint="_id_", min={"_id": 3}, max={"_id": 4}),
        find(hint="ab", min={"a": 1, "b": 1}, max={"a": 3, "b": 0}), find(hint="ab", min={"b": 1, "a": 1}), find(hint="ab", min={"a": 1}),
        find(min={"a": 1}), find(hint="a", min={"a": 1}, max={"b": 1}), find(hint={"$natural": 1}, min={"a": 1}), find(hint="gone", min={"a": 1}),
        find(hint="s", min={"s": 0}), find(hint="p", max={"p": 9}), find(hint="c", min={"c": "a"}), find(hint="c", min={"c": 1}),
        find(hint="c", min={"c": "a"}, collation={"locale": "en", "strength": 2}), find(hint="a", min={"a": {}}, collation={"locale": "en"}),
    ),
    "hints and natural order": (
        insert({"_id": 3, "a": 1}, {"_id": 1, "a": 2}, {"_id": 2}, {"_id": 4, "a": []}, {"_id": 5, "b": {"c": [{}]}}),
        index("sparse", {"a": 1, "b.c": 1}, sparse=True),
        index("partial", {"b": 1}, partialFilterExpression={"a": {"$gt": 1}}),
        index("whole", {"c": 1}),
        index("hidden", {"d": 1}, hidden=True),
        *(find(hint=hint) for hint in ("sparse", {"a": 1, "b.c": 1}, "partial", {"b": 1}, "whole", "_id_")),
        *(find(hint=hint) for hint in ("gone", {"zz": 1}, "hidden", 5, {"$natural": -1}, {"c": -1})),
        find({"_id": {"$gt": 1}}, hint="sparse", sort={"_id": 1}, limit=1),
        find({"a": None}, hint="sparse"),
        (Kind.COUNT, {"query": {}, "hint": "sparse"}),
        (Kind.COUNT, {"query": {"_id": 2}, "hint": "partial"}),
        (Kind.AGGREGATE, {"pipeline": [{"$match": {}}], "hint": "partial"}),
        (Kind.AGGREGATE, {"pipeline": [{"$group": {"_id": None, "n": {"$sum": 1}}}], "hint": "sparse"}),
        *(find(sort={"$natural": way}) for way in (1, -1, 2, "x", Decimal128("-1"))),
        find(sort={"$natural": -1}, skip=1, limit=2),
        find({"a": {"$exists": True}}, sort={"$natural": -1}, limit=1),
        find(sort={"$natural": 1, "a": 1}),
        find(sort={"$natural": 1}, hint="whole"),
        update({"_id": 1}, {"$set": {"z": 1}}, hint="gone"),
        update({"_id": 1}, {"$set": {"z": 1}}, hint="whole"),
    ),
    "deleting": (
        insert(*({"_id": n, "n": n % 3} for n in range(9))),
        delete({"_id": 3}),
        delete({"_id": 3}),
        delete({"n": 1}),
        delete({"n": 2}, 0),
        (Kind.DELETE, {"deletes": [{"q": {"n": 0}, "limit": 1}, {"q": {"_id": 4}, "limit": 0}]}),
        (Kind.DELETE, {"deletes": [{"q": {"$bad": 0}, "limit": 1}, {"q": {"_id": 7}, "limit": 0}]}),
        (Kind.DELETE, {"deletes": [{"q": {"$bad": 0}, "limit": 1}, {"q": {"_id": 7}, "limit": 0}], "ordered": False}),
        find(sort={"_id": 1}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
async def test_both_answer_alike(twins: Twins, script: Sequence[Step]) -> None:
    differing = []
    for at, (kind, arguments) in enumerate(script):
        legacy, gateway = await twins.run(kind, **arguments)
        if isinstance(gateway, str) or not same(kind, arguments, legacy, gateway):
            differing.append(f"{at} {kind} {arguments}\n  legacy  {legacy}\n  gateway {gateway}")

    assert not differing, "\n".join(differing)
    legacy_documents, gateway_documents = await twins.documents()
    assert gateway_documents == legacy_documents


@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize(
    ("kind", "name"),
    [(Kind.INSERT, "documents"), (Kind.UPDATE, "updates"), (Kind.DELETE, "deletes")],
)
async def test_a_write_of_nothing_is_refused(
    twins: Twins, kind: Kind, name: str, *, empty: bool
) -> None:
    await twins.run(Kind.INSERT, documents=[{"_id": 1}])

    legacy, gateway = await twins.run(kind, **({name: []} if empty else {}))

    assert isinstance(legacy, Failure)
    assert gateway == legacy


async def test_an_expression_is_looked_at_last(twins: Twins) -> None:
    await twins.run(Kind.INSERT, documents=[{"_id": 1, "a": 0}, {"_id": 2, "a": 1}])
    divided = {"$expr": {"$eq": [{"$divide": [1, "$a"]}, 1]}}

    legacy, gateway = await twins.run(Kind.FIND, filter={**divided, "a": 1})

    assert isinstance(legacy, Documents)
    assert gateway == legacy


@pytest.mark.parametrize(
    "statements",
    [
        [{"u": {"$set": {"a": 1}}}],
        [{"q": {}}],
        [{}],
        [{"q": None, "u": {"a": 1}}],
        [{"q": {}, "u": None}],
        [{"q": 5, "u": {"a": 1}}],
        [{"q": {}, "u": 5}],
        [{"q": {}, "u": {"$set": {"a": 1}}}, {"q": {}}],
    ],
)
async def test_statements_that_lack_something_are_refused_before_the_first_is_run(
    twins: Twins, statements: list[dict[str, Any]]
) -> None:
    await twins.run(Kind.INSERT, documents=[{"_id": 1}])

    updated = await twins.run(Kind.UPDATE, updates=statements)
    deletes = [
        {"limit" if name == "u" else name: 1 if name == "u" else each[name] for name in each}
        for each in statements
    ]
    deleted = await twins.run(Kind.DELETE, deletes=deletes)

    assert updated[0] == updated[1]
    assert deleted[0] == deleted[1]
    legacy, gateway = await twins.documents()
    assert legacy == gateway
