"""Operations that share a plan with others before them, against a real mongod.

Values are drawn from few, and outlines from few paths and operators: most plans are learnt from other values than those
they are then used for.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

import pytest
from bson.objectid import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo.asynchronous.database import AsyncDatabase

from adapters.entities.entity import IdentityType
from adapters.gateway import Generated
from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import decode
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Documents, Unencoded
from tests.differential.batches import SEVERAL
from tests.differential.grammar.mapped import (
    PATHS,
    as_expected,
    dates,
    documents,
    entity,
    ints,
    objectids,
    texts,
    updates,
)
from tests.differential.grammar.values import Documents as Drawn
from tests.differential.grammar.values import Value
from tests.differential.twins import Twins, same

Step = tuple[Kind, dict[str, Any]]

NOTHING: Final = Generated(now_ms=0)

INDEXES: Final = (
    {"key": {"ta": 1, "i": 1}, "name": "at most one array"},
    {"key": {"t": 1, "w": -1}, "name": "plain"},
)
fractions: Value = st.sampled_from([0.5, -1.5, 2.25, 1e-3, 2.0**40 + 0.5])
usual: Value = st.one_of(texts, ints, fractions, dates, objectids, st.booleans(), st.none())
paths = st.sampled_from([path for path in PATHS if not path.startswith("_id")])
several: Value = st.sampled_from([texts, ints, fractions, dates, objectids]).flatmap(
    lambda kind: st.lists(kind, min_size=1, max_size=3)
)
comparisons: Drawn = st.builds(
    lambda operator, operand: {operator: operand},
    st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]),
    usual,
)
conditions: Drawn = st.one_of(
    comparisons,
    st.builds(lambda condition: {"$not": condition}, comparisons),
    st.builds(lambda operator, items: {operator: items}, st.sampled_from(["$in", "$nin"]), several),
    st.builds(lambda value: {"$exists": value}, st.booleans()),
    st.builds(lambda value: {"$size": value}, st.integers(0, 2)),
)
on_fields: Drawn = st.builds(
    lambda path, condition: {path: condition}, paths, st.one_of(usual, conditions)
)
leaves: Drawn = st.one_of(
    on_fields,
    on_fields,
    st.builds(lambda value: {"_id": value}, objectids),
    st.builds(lambda values: {"_id": {"$in": values}}, st.lists(objectids, min_size=1, max_size=3)),
)
filters: Drawn = st.one_of(
    leaves,
    st.builds(lambda a, b: {**a, **b}, leaves, leaves),
    st.builds(
        lambda operator, parts: {operator: parts},
        st.sampled_from(["$and", "$or", "$nor"]),
        st.lists(leaves, min_size=1, max_size=2),
    ),
)
sorts: Drawn = st.builds(
    lambda path, direction: {path: direction, "_id": 1},
    st.sampled_from(["t", "i", "l", "d", "w", "s.i"]),
    st.sampled_from([1, -1]),
)
cuts: Drawn = st.fixed_dictionaries(
    {}, optional={"skip": st.integers(0, 3), "limit": st.integers(0, 4)}
)
projections: Drawn = st.one_of(
    st.dictionaries(paths, st.just(1), min_size=1, max_size=2),
    st.dictionaries(paths, st.just(0), min_size=1, max_size=2),
)
by_identity: Drawn = st.one_of(
    *[st.builds(lambda value: {"_id": value}, objectids)] * 3,
    st.builds(lambda value, leaf: {"_id": value, **leaf}, objectids, on_fields),
)
fitting: dict[str, Value] = {
    **dict.fromkeys(("t", "v", "s.t", "j", "e"), texts),
    **dict.fromkeys(("i", "l", "n", "s.i"), ints),
    "d": st.one_of(ints, fractions),
    "w": dates,
    "o": objectids,
    "f": st.booleans(),
    "ta": st.lists(texts, max_size=2),
}


def _fields(names: str) -> Drawn:
    return (
        st.lists(st.sampled_from(names.split()), min_size=1, max_size=2, unique=True)
        .map(lambda chosen: {name: fitting[name] for name in chosen})
        .flatmap(st.fixed_dictionaries)
    )


changes: Drawn = st.one_of(
    updates,
    st.fixed_dictionaries(
        {"$set": _fields("t v j w o f ta s.t")},
        optional={"$inc": _fields("i l d s.i"), "$push": st.just({"oa": ObjectId("1" * 24)})},
    ),
    st.fixed_dictionaries(
        {"$set": _fields("t v e i l d n w")}, optional={"$setOnInsert": _fields("o f j")}
    ),
    st.fixed_dictionaries({"$inc": _fields("i l d s.i")}, optional={"$min": _fields("w t v")}),
    st.builds(
        lambda operator, value: {operator: {"ta": value}},
        st.sampled_from(["$push", "$addToSet", "$pull"]),
        texts,
    ),
)

finds: Value = st.one_of(
    st.tuples(st.just(Kind.FIND), st.fixed_dictionaries({"filter": filters})),
    st.builds(
        lambda query, sort, cut: (Kind.FIND, {"filter": query, "sort": sort, **cut}),
        filters,
        sorts,
        cuts,
    ),
    st.tuples(
        st.just(Kind.FIND), st.fixed_dictionaries({"filter": filters, "projection": projections})
    ),
)
counts: Value = st.builds(lambda query, cut: (Kind.COUNT, {"query": query, **cut}), filters, cuts)
counted: Drawn = st.sampled_from([{"_id": 1, "n": {"$sum": 1}}, {"_id": None, "n": {"$sum": 1}}])
groups: Drawn = st.sampled_from(
    [
        {"_id": "$t", "n": {"$sum": 1}, "i": {"$sum": "$i"}},
        {"_id": "$f", "least": {"$min": "$i"}, "t": {"$max": "$t"}},
        {"_id": {"t": "$t", "f": "$f"}, "d": {"$avg": "$d"}},
        {"_id": "$$ROOT", "n": {"$sum": True}},
        {"_id": None, "n": {"$sum": True}},
    ]
)


def _pipeline(query: dict[str, Any] | None, cut: dict[str, int], group: dict[str, Any]) -> Step:
    match = [{"$match": query}] if query else []
    cuts = [{f"${name}": number} for name, number in cut.items()]
    return Kind.AGGREGATE, {"pipeline": [*match, *cuts, {"$group": group}], "cursor": {}}


# Which documents are cut off hangs on the index that the server takes, how many are left does not.
pipelines: Value = st.one_of(
    st.builds(_pipeline, st.one_of(filters, st.none()), st.one_of(st.just({}), cuts), counted),
    st.builds(_pipeline, st.one_of(filters, st.none()), st.just({}), groups),
)
writes: Value = st.one_of(
    st.builds(lambda q, u: (Kind.UPDATE, {"updates": [{"q": q, "u": u}]}), by_identity, changes),
    st.builds(
        lambda q, u, upsert: (
            Kind.FIND_AND_MODIFY,
            {"query": q, "update": u, "new": True, "upsert": upsert},
        ),
        by_identity,
        changes,
        st.booleans(),
    ),
)
inserts: Value = st.builds(
    # Models put the `_id` where their schema has it.
    lambda key, document: (Kind.INSERT, {"documents": [{**document, "_id": key}]}),
    st.sampled_from([ObjectId(f"{number:024x}") for number in range(40)]),
    st.builds(
        lambda document, names: {name: document[name] for name in names if name in document},
        st.one_of(as_expected, as_expected, documents),
        st.sampled_from(["t i w", "t v e i l d n f w o ta", "i t", "t j", "f ta oa"]).map(
            str.split
        ),
    ),
)
steps: Value = st.integers(0, 10).flatmap(
    lambda number: {0: counts, 1: inserts, 2: pipelines}.get(
        number, finds if number < 5 else writes
    )
)


@pytest.fixture(params=["one table", "child tables"])
async def twins(
    mongo_database: AsyncDatabase[dict[str, Any]],
    postgres_dsn: str,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Twins]:
    whole = entity(IdentityType.OBJECTID)
    alone = request.param == "one table"
    entities = {"things": replace(whole, children=()) if alone else whole}
    async with PostgresGateway(postgres_dsn, connections=2, entities=entities) as gateway:
        await gateway.ready()
        yield Twins(mongo=mongo_database, gateway=gateway, collection="things")


@pytest.mark.timeout(180)
@settings(SEVERAL, max_examples=25)
@given(
    drawn=st.dictionaries(
        objectids,
        st.one_of(as_expected, as_expected, as_expected, documents),
        min_size=2,
        max_size=3,
    ),
    steps=st.lists(steps, min_size=10, max_size=30),
)
async def test_a_plan_holds_for_all_operations_of_its_outline(
    twins: Twins, drawn: dict[Any, dict[str, Any]], steps: list[Step]
) -> None:
    await twins.run(Kind.DELETE, deletes=[{"q": {}, "limit": 0}])
    for index in INDEXES:
        await twins.run(Kind.CREATE_INDEXES, indexes=[index])
    await twins.run(Kind.INSERT, documents=[{"_id": key, **rest} for key, rest in drawn.items()])

    for kind, arguments in steps:
        answers = await twins.answers(kind, arguments)

        if isinstance(answers.gateway, str):
            continue
        assert same(kind, arguments, answers.legacy, answers.gateway), (kind, arguments)
        if kind not in {Kind.FIND, Kind.COUNT, Kind.AGGREGATE}:
            legacy, gateway = await twins.documents()
            assert legacy == gateway, (kind, arguments)


def _names_nothing_twice(projection: dict[str, Any]) -> bool:
    """Return whether no path is below another: MongoDB refuses that."""
    return not any(path.startswith(f"{above}.") for path in projection for above in projection)


def _typed(value: Any) -> Any:
    """Return a value with the types in it: 1, 1.0 and Int64(1) are equal, and not the same."""
    if isinstance(value, dict):
        return [(name, _typed(item)) for name, item in value.items()]
    return list(map(_typed, value)) if isinstance(value, list) else (type(value), repr(value))


@pytest.mark.timeout(120)
@settings(SEVERAL, max_examples=15)
@given(
    drawn=st.dictionaries(objectids, as_expected | documents, min_size=2, max_size=8),
    projection=st.just({}) | projections.filter(_names_nothing_twice),
)
async def test_documents_at_hand_are_those_that_raw_bson_holds(
    postgres_dsn: str, drawn: dict[Any, dict[str, Any]], projection: dict[str, Any]
) -> None:
    entities = {"things": replace(entity(IdentityType.OBJECTID), children=())}
    inserted = [{"_id": key, **rest} for key, rest in drawn.items()]
    asked = {"filter": {"_id": {"$in": [*drawn]}}, "projection": projection, "sort": {"_id": 1}}

    def operation(kind: Kind, arguments: dict[str, Any]) -> Operation:
        return Operation(database="values", collection="things", kind=kind, arguments=arguments)

    async with PostgresGateway(postgres_dsn, entities=entities, as_values=True) as gateway:
        for kind, arguments in (
            (Kind.DELETE, {"deletes": [{"q": {}, "limit": 0}]}),
            (Kind.INSERT, {"documents": inserted}),
        ):
            await gateway.run(operation(kind, arguments), generated=NOTHING)
        for _ in range(2):
            found = (await gateway.run(operation(Kind.FIND, asked), generated=NOTHING)).result

            assert isinstance(found, Documents)
            assert found == Documents(documents=found.documents)
            if isinstance(found, Unencoded):
                raws = [decode(each) for each in found.documents]
                assert _typed(found.values) == _typed(raws)


by_key: Drawn = st.one_of(
    st.just({}),
    st.builds(
        lambda condition: {"_id": condition},
        st.one_of(
            objectids,
            st.dictionaries(
                st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), objectids, min_size=1, max_size=3
            ),
            st.builds(lambda among: {"$in": among}, st.lists(objectids, min_size=1, max_size=3)),
        ),
    ),
)


@pytest.mark.timeout(120)
@settings(SEVERAL, max_examples=15)
@given(
    drawn=st.dictionaries(objectids | ints | texts, documents, min_size=2, max_size=8),
    asked=st.lists(
        st.builds(
            lambda query, sort, cut: {"filter": query, "sort": sort, **cut},
            by_key,
            st.sampled_from([{}, {"_id": 1}, {"_id": -1}]),
            cuts,
        ),
        min_size=5,
        max_size=15,
    ),
)
async def test_a_plan_by_key_holds_in_a_table_of_documents(
    mongo_database: AsyncDatabase[dict[str, Any]],
    postgres_dsn: str,
    drawn: dict[Any, dict[str, Any]],
    asked: list[dict[str, Any]],
) -> None:
    async with PostgresGateway(postgres_dsn, connections=1) as gateway:
        twins = Twins(mongo=mongo_database, gateway=gateway, collection="things")
        await twins.run(Kind.DELETE, deletes=[{"q": {}, "limit": 0}])
        documents = [{"_id": key, **rest} for key, rest in drawn.items()]
        await twins.run(Kind.INSERT, documents=documents)

        for arguments in asked:
            answers = await twins.answers(Kind.FIND, arguments)

            assert not isinstance(answers.gateway, str), arguments
            assert same(Kind.FIND, arguments, answers.legacy, answers.gateway), arguments


LARGEST: Final = 16 * 1024 * 1024


@pytest.mark.timeout(120)
@pytest.mark.parametrize("twins", ["one table"], indirect=True)
@pytest.mark.parametrize(
    ("document", "change"),
    [
        ({"t": "x" * (LARGEST - 60), "v": ""}, {"$set": {"v": "abc"}}),
        ({"ta": ["x"] * 1_000_000, "t": ""}, {"$set": {"t": "y" * 4_000_000}}),
        ({"t": "x" * (LARGEST - 37), "d": 1}, {"$set": {"d": 1.5}}),
    ],
)
async def test_no_document_grows_too_large(
    twins: Twins, document: dict[str, Any], change: dict[str, Any]
) -> None:
    identifier = ObjectId("1" * 24)
    legacy, gateway = await twins.run(Kind.INSERT, documents=[{"_id": identifier, **document}])
    assert (legacy, gateway) == (Acknowledgement(n=1), Acknowledgement(n=1))

    for _ in range(2):
        changed = await twins.run(Kind.UPDATE, updates=[{"q": {"_id": identifier}, "u": change}])
        assert changed[0] == changed[1]

    legacy_documents, documents = await twins.documents()
    assert legacy_documents == documents
