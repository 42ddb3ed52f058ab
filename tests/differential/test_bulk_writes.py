"""Commands of many documents or statements, against a real mongod: what each answers, and what is stored in which order.

Names are drawn from few, so that statements meet the documents of others before them.
"""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from bson.int64 import Int64
from bson.objectid import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo.asynchronous.database import AsyncDatabase

from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import decode
from comparators.operation import Kind
from comparators.outcome import Acknowledgement, Documents
from tests.differential.batches import SEVERAL
from tests.differential.grammar.values import Documents as Drawn
from tests.differential.grammar.values import Value
from tests.differential.maps import STORAGES
from tests.differential.twins import Twins, same

Step = tuple[Kind, dict[str, Any]]

IDS: Final = [ObjectId(f"{number:024x}") for number in range(6)]
INDEXES: Final = (
    {"key": {"email": 1}, "name": "email", "unique": True, "sparse": True},
    {"key": {"a": 1, "n": 1}, "name": "a and n", "unique": True, "sparse": True},
)
ids: Value = st.sampled_from([*IDS, "one", "two", 1, Int64(2)])
emails: Value = st.sampled_from(["x", "y", "z", "far too long for it"])
numbers: Value = st.sampled_from([0, 1, 2, Int64(3), 2.5])
documents: Drawn = st.fixed_dictionaries(
    {},
    optional={"email": st.one_of(emails, emails, st.lists(emails, max_size=2)), "a": numbers}
    | {"n": numbers, "b": st.lists(emails, max_size=2), "o": numbers},
)
filters: Drawn = st.one_of(
    *[st.builds(lambda value: {"_id": value}, ids)] * 3,
    st.builds(lambda value, a: {"_id": value, "a": a}, ids, numbers),
    st.builds(lambda value: {"_id": {"$in": [value]}}, ids),
)
by_email: Drawn = st.one_of(
    *[st.builds(lambda value: {"email": value}, emails)] * 3,
    st.builds(lambda value, a: {"email": value, "a": {"$gte": a}}, emails, numbers),
)
changes: Drawn = st.one_of(
    st.builds(lambda a: {"$set": {"a": a}}, numbers),
    st.builds(lambda a: {"$set": {"a": a}, "$inc": {"o": 1}}, numbers),
    st.builds(lambda email: {"$set": {"email": email}}, emails),
    st.builds(lambda email, o: {"$push": {"b": email}, "$set": {"o": o}}, emails, numbers),
    st.just({"$unset": {"email": 1}}),
    st.just({"$inc": {"email": 1}}),
    st.builds(lambda document: {"$setOnInsert": document}, documents).filter(
        lambda change: change["$setOnInsert"]
    ),
    documents,
)


def _updates(queries: Drawn) -> Value:
    flags = st.fixed_dictionaries({}, optional={"upsert": st.booleans()})
    statement = st.builds(lambda q, u, more: {"q": q, "u": u, **more}, queries, changes, flags)
    # Those of one form may share a plan.
    alike = changes.flatmap(
        lambda u: st.lists(st.builds(lambda q: {"q": q, "u": u}, queries), min_size=2, max_size=5)
    )
    several = st.one_of(st.lists(statement, min_size=2, max_size=6), alike)
    return st.builds(
        lambda updates, ordered: (Kind.UPDATE, {"updates": updates, "ordered": ordered}),
        several,
        st.booleans(),
    )


inserts: Value = st.builds(
    lambda several, ordered: (
        Kind.INSERT,
        {"documents": [{"_id": key, **rest} for key, rest in several], "ordered": ordered},
    ),
    st.lists(st.tuples(ids, documents), min_size=2, max_size=6),
    st.booleans(),
)
deletes: Value = st.builds(
    lambda several, limit: (
        Kind.DELETE,
        {"deletes": [{"q": query, "limit": limit} for query in several]},
    ),
    st.lists(filters, min_size=2, max_size=3),
    st.sampled_from([0, 1]),
)
steps: Value = st.one_of(inserts, deletes, *[_updates(filters), _updates(by_email)] * 2)


@pytest.fixture(params=["documents", "mapped by objectid", "mapped with child tables"])
async def twins(
    mongo_database: AsyncDatabase[dict[str, Any]], postgres_dsn: str, request: pytest.FixtureRequest
) -> AsyncIterator[Twins]:
    entities = STORAGES[request.param]
    async with PostgresGateway(postgres_dsn, connections=2, entities=entities) as gateway:
        await gateway.ready()
        yield Twins(mongo=mongo_database, gateway=gateway, collection="things")


async def _in_order(twins: Twins) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return all documents of both sides in natural order."""
    legacy, gateway = await twins.run(Kind.FIND, filter={})
    assert isinstance(legacy, Documents)
    assert isinstance(gateway, Documents)
    return tuple(map(bytes, legacy.documents)), tuple(map(bytes, gateway.documents))


@pytest.mark.timeout(180)
@settings(SEVERAL, max_examples=25)
@given(
    drawn=st.lists(
        st.builds(
            lambda document, email: {**document, "email": email},
            documents,
            st.one_of(emails, st.none()),
        ),
        min_size=3,
        max_size=6,
    ),
    steps=st.lists(steps, min_size=4, max_size=10),
)
async def test_many_statements_do_what_each_does_after_the_other(
    twins: Twins, drawn: list[dict[str, Any]], steps: list[Step]
) -> None:
    await twins.run(Kind.DELETE, deletes=[{"q": {}, "limit": 0}])
    for index in INDEXES:
        await twins.run(Kind.CREATE_INDEXES, indexes=[index])
    first = [{"_id": key, **rest} for key, rest in zip(IDS, drawn, strict=False)]

    for kind, arguments in [(Kind.INSERT, {"documents": first, "ordered": False}), *steps]:
        answers = await twins.answers(kind, arguments)

        assert not isinstance(answers.gateway, str)
        assert same(kind, arguments, answers.legacy, answers.gateway), (kind, arguments)
        legacy, gateway = await _in_order(twins)
        assert legacy == gateway, (kind, arguments)


@pytest.mark.parametrize("ordered", [True, False])
async def test_a_thousand_documents_with_duplicates_among_them(twins: Twins, ordered: bool) -> None:
    await twins.run(Kind.CREATE_INDEXES, indexes=[INDEXES[0]])
    many = [{"_id": ObjectId(f"{n:024x}"), "email": f"e{n}", "a": n} for n in range(1000)]
    many[600]["email"] = "e100"
    many[700]["_id"] = many[200]["_id"]

    answers = await twins.answers(Kind.INSERT, {"documents": many, "ordered": ordered})

    assert isinstance(answers.legacy, Acknowledgement)
    assert answers.legacy == answers.gateway
    assert [error.index for error in answers.legacy.errors] == ([600] if ordered else [600, 700])
    legacy, gateway = await _in_order(twins)
    assert legacy == gateway
    assert len(gateway) == (600 if ordered else 998)


async def test_a_thousand_updates_that_insert_or_change(twins: Twins) -> None:
    await twins.run(Kind.CREATE_INDEXES, indexes=[INDEXES[0]])
    first = [{"_id": n, "email": f"e{n}", "a": n} for n in range(0, 2500, 2)]
    await twins.run(Kind.INSERT, documents=first)
    saved = [
        {"q": {"email": f"e{n}"}, "u": {"$set": {"a": n + 1, "d": n}}, "upsert": True}
        for n in range(2500)
    ]

    answers = await twins.answers(Kind.UPDATE, {"updates": saved})

    assert isinstance(answers.legacy, Acknowledgement)
    assert answers.legacy == answers.gateway
    assert (answers.legacy.n, answers.legacy.modified) == (2500, 1250)
    legacy, gateway = await _in_order(twins)
    assert legacy == gateway
    assert decode(gateway[-1])["d"] == 2499
