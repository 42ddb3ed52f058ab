"""Collections with options: made, changed and renamed as on mongod, and what their validators refuse."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from pymongo.errors import OperationFailure

from adapters.gateway import Generated
from comparators.canonical import decode
from comparators.operation import Kind, Operation
from comparators.outcome import Documents, Done, Failure
from tests.differential.twins import Twins, same

Step = tuple[Kind, Mapping[str, Any]]
SCHEMA: Mapping[str, Any] = {
    "$jsonSchema": {"required": ["a"], "properties": {"a": {"bsonType": "int"}}}
}


def create(**options: Any) -> Step:
    return Kind.CREATE, options


def change(**options: Any) -> Step:
    return Kind.COLL_MOD, options


def insert(*documents: dict[str, Any], **options: Any) -> Step:
    return Kind.INSERT, {"documents": list(documents), **options}


def update(query: dict[str, Any], u: Any, *, bypass: bool = False, **options: Any) -> Step:
    statements = [{"q": query, "u": u, **options}]
    return Kind.UPDATE, {"updates": statements, "bypassDocumentValidation": bypass}


def modify(query: dict[str, Any], **options: Any) -> Step:
    return Kind.FIND_AND_MODIFY, {"query": query, **options}


INDEXES: Step = (
    Kind.CREATE_INDEXES,
    {
        "indexes": [
            {"key": {"d": 1}, "name": "d", "expireAfterSeconds": 10},
            {"key": {"e": 1}, "name": "e"},
            {"key": {"e": 1, "f": 1}, "name": "ef"},
            {"key": {"u": 1}, "name": "u", "unique": True},
        ]
    },
)
LISTED: Step = (Kind.LIST_INDEXES, {})
REFUSED: Sequence[Any] = (
    1,
    {"$foo": 1},
    {"a": {"$foo": 1}},
    {"$where": "1"},
    {"$text": {"$search": "a"}},
    {"a": {"$near": [1, 1]}},
    {"$expr": "$$nope"},
    {"$expr": {"$rand": {}}},
    {"$sampleRate": 0.5},
    {"$jsonSchema": {"foo": 1}},
    {"a": {"$regex": "("}},
)
SCRIPTS: Mapping[str, Sequence[Step]] = {
    "a validator": (
        create(validator=SCHEMA),
        create(),
        insert({"_id": 1}),
        insert({"_id": 2, "a": 1}, {"_id": 3}, {"_id": 4, "a": 1}, ordered=False),
        insert({"_id": 2}),
        insert({"_id": 5, "b": 1}, bypassDocumentValidation=True),
        update({"_id": 2}, {"$unset": {"a": 1}}),
        update({"_id": 2}, {"$set": {"a": "x"}}),
        update({"_id": 5}, {"$set": {"b": 2}}),
        update({"_id": 5}, {"$set": {"b": 1}}),
        update({}, {"$set": {"c": 1}}, multi=True),
        update({}, [{"$set": {"c": 2}}], multi=True),
        update({"_id": 9}, {"$set": {"b": 1}}, upsert=True),
        update({"_id": 9}, {"$set": {"a": 1}}, upsert=True),
        update({"_id": 9}, {"b": 1}),
        update({"_id": 9}, {"b": 1}, bypass=True),
        modify({"_id": 2}, update={"$unset": {"a": 1}}),
        modify({"_id": 8}, update={"$set": {"b": 1}}, upsert=True),
        modify({"_id": 2}, update={"$unset": {"a": 1}}, bypassDocumentValidation=True),
        modify({"_id": 2}, remove=True),
    ),
    "levels and actions": (
        create(validator={"a": {"$gt": 1}}),
        insert({"_id": 1, "a": 1}, bypassDocumentValidation=True),
        insert({"_id": 2, "a": 2}),
        update({"_id": 1}, {"$set": {"b": 1}}),
        change(validationLevel="moderate"),
        update({"_id": 1}, {"$set": {"b": 1}}),
        update({"_id": 2}, {"$set": {"a": 1}}),
        insert({"_id": 3}),
        change(validationAction="warn"),
        insert({"_id": 3}),
        change(validationAction="error", validationLevel="off"),
        insert({"_id": 4}),
        change(validationLevel="strict"),
        insert({"_id": 5}),
        change(validator={"$expr": {"$gt": [{"$divide": [1, "$a"]}, 0]}}),
        insert({"_id": 6, "a": 0}, {"_id": 7, "a": "x"}, {"_id": 8, "a": 5}, ordered=False),
        change(validator={}),
        insert({"_id": 9}),
    ),
    "changes that are refused": (
        change(validator={}),
        insert({"_id": 1}),
        change(),
        *(change(validator=each) for each in REFUSED),
        change(validationLevel="x"),
        change(validationLevel=1),
        change(validationAction="x"),
        change(changeStreamPreAndPostImages=1),
        create(validator={"$foo": 1}),
        create(validationAction="x"),
    ),
    "indexes are changed": (
        INDEXES,
        change(index={"keyPattern": {"d": 1}, "expireAfterSeconds": 20}),
        LISTED,
        change(index={"name": "d", "expireAfterSeconds": 20.7}),
        change(index={"name": "e", "expireAfterSeconds": Decimal128("5")}),
        change(index={"name": "u", "expireAfterSeconds": 2**31, "hidden": True}),
        LISTED,
        change(index={"name": "u", "hidden": False}),
        change(index={"name": "e", "hidden": 1}),
        LISTED,
        change(index={"name": "zz", "hidden": True}),
        change(index={"keyPattern": {"zz": 1}, "hidden": True}),
        change(index={"name": "e"}),
        change(index={"hidden": True}),
        change(index={"name": "e", "keyPattern": {"e": 1}, "hidden": True}),
        change(index={"name": "_id_", "hidden": True}),
        change(index={"name": "_id_", "expireAfterSeconds": 1}),
        change(index={"name": "d", "expireAfterSeconds": -1}),
        change(index={"name": "d", "expireAfterSeconds": "x"}),
        change(index={"name": "ef", "expireAfterSeconds": 1}),
        change(index={"name": "e", "foo": 1}),
        change(index={"name": "e", "hidden": "x"}),
        change(index=1),
        LISTED,
    ),
}


@pytest.mark.parametrize("script", SCRIPTS)
async def test_scripts_end_alike(twins: Twins, script: str) -> None:
    for number, (kind, arguments) in enumerate(SCRIPTS[script]):
        legacy, gateway = await twins.run(kind, **arguments)
        assert not isinstance(gateway, str), (number, kind, arguments, gateway)
        assert same(kind, arguments, legacy, gateway), (number, arguments, legacy, gateway)

    legacy_documents, gateway_documents = await twins.documents()
    assert legacy_documents == gateway_documents


async def options_on_both(twins: Twins) -> list[dict[str, Any]]:
    named = {"filter": {"name": twins.collection}}
    reply = await twins.mongo.command({"listCollections": 1, **named})
    listed = await twins.ask(Kind.LIST_COLLECTIONS, named)
    assert isinstance(listed, Documents)
    found = [*reply["cursor"]["firstBatch"], *map(decode, listed.documents)]
    return [each["options"] for each in found]


@pytest.mark.parametrize(
    "steps",
    [
        [create(validationAction="warn", validator={"a": 1})],
        [create(validator={}, changeStreamPreAndPostImages={"enabled": True})],
        [create(changeStreamPreAndPostImages={"enabled": False})],
        [create(), change(validationLevel="off")],
        [create(), change(validationLevel="off"), change(validator={"a": 1})],
        [create(validator={"a": 1}), change(validator={})],
        [create(), change(changeStreamPreAndPostImages={"enabled": True})],
        [create(), change()],
    ],
)
async def test_options_are_listed_alike(twins: Twins, steps: Sequence[Step]) -> None:
    for kind, arguments in steps:
        await twins.run(kind, **arguments)

    legacy, gateway = await options_on_both(twins)

    assert list(legacy.items()) == list(gateway.items())


RENAMES: Sequence[tuple[str, str, Mapping[str, Any]]] = (
    ("things", "others", {}),
    ("others", "taken", {}),
    ("others", "others", {"dropTarget": True}),
    ("nope", "x", {}),
    ("others", "$x", {}),
    ("others", ".x", {}),
    ("others", "", {}),
    ("others", "system.x", {}),
    ("others", "taken", {"dropTarget": True}),
    ("taken", "a.b", {}),
    ("a.b", "things", {"dropTarget": False}),
)


async def renamed(twins: Twins, source: str, target: str, options: Mapping[str, Any]) -> Any:
    """Return the codes of both sides, 0 for none."""
    name = twins.mongo.name
    command = {"renameCollection": f"{name}.{source}", "to": f"{name}.{target}", **options}
    code = 0
    try:
        await twins.mongo.client.admin.command(command)
    except OperationFailure as refused:
        code = refused.code or 0
    operation = Operation(
        database="twin",
        collection=source,
        kind=Kind.RENAME_COLLECTION,
        arguments={"to": f"twin.{target}", **options},
    )
    outcome = await twins.gateway.run(operation, generated=Generated(now_ms=0))
    assert isinstance(outcome.result, Done | Failure)
    return code, outcome.result.code if isinstance(outcome.result, Failure) else 0


async def test_collections_are_renamed_with_all_they_have(twins: Twins) -> None:
    taken = Twins(mongo=twins.mongo, gateway=twins.gateway, collection="taken")
    await taken.run(Kind.INSERT, documents=[{"_id": "gone"}])
    await twins.run(Kind.CREATE, validator={"u": {"$exists": True}})
    await twins.run(*INDEXES[:1], **INDEXES[1])
    await twins.run(Kind.INSERT, documents=[{"_id": n, "u": n} for n in (3, 1, 2)])

    for source, target, options in RENAMES:
        legacy, gateway = await renamed(twins, source, target, options)
        assert legacy == gateway, (source, target, options)

    for kind, arguments in (
        insert({"_id": 4, "u": 1}),
        insert({"_id": 5}),
        insert({"_id": 6, "u": 6}),
        (Kind.FIND, {"filter": {}}),
        LISTED,
    ):
        legacy, gateway = await twins.run(kind, **arguments)
        assert legacy == gateway


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"viewOn": "below", "pipeline": []}, "a view"),
        ({"capped": True, "size": 4096}, "a capped collection"),
        ({"timeseries": {"timeField": "t"}}, "a time series collection"),
    ],
)
async def test_of_a_special_collection_nothing_is_answered(
    twins: Twins, options: dict[str, Any], word: str
) -> None:
    made = await twins.run(Kind.CREATE, **options)
    _, by_key = await twins.run(Kind.FIND, filter={"_id": 1})
    _, counted = await twins.run(Kind.COUNT, query={})
    beside = Twins(mongo=twins.mongo, gateway=twins.gateway, collection="beside")
    join = {"from": twins.collection, "localField": "a", "foreignField": "a", "as": "b"}
    _, joined = await beside.run(Kind.AGGREGATE, pipeline=[{"$lookup": join}])
    dropped = await twins.run(Kind.DROP)

    assert made == (Done(), Done())
    assert [by_key, counted, joined] == [word] * 3
    assert dropped == (Done(), Done())
