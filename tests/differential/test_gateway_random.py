"""Random operations on both sides: what SQL narrows, and what writes leave behind."""

from collections.abc import AsyncIterator
from itertools import count
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.asynchronous.database import AsyncDatabase

from adapters.postgresql.gateway import PostgresGateway
from comparators.operation import Kind
from tests.differential.grammar.filters import filters
from tests.differential.grammar.values import documents, names, paths, values
from tests.differential.twins import Twins, same

NUMBERS: Final = count()
RANDOM: Final = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Step = tuple[Kind, dict[str, Any]]

identified = st.builds(
    lambda number, document: {**document, "_id": number}, st.integers(0, 5), documents
)
queries = st.one_of(
    st.builds(lambda number: {"_id": number}, st.integers(0, 6)),
    st.builds(lambda number: {"_id": {"$in": number}}, st.lists(st.integers(0, 6), max_size=2)),
    st.builds(lambda number: {"_id": {"$gt": number}}, st.integers(0, 6)),
    st.builds(lambda name, value: {name: value}, names, values(1)),
    st.builds(lambda name, value: {name: {"$exists": value}}, names, st.booleans()),
)
changes = st.one_of(
    st.builds(lambda name, value: {"$set": {name: value}}, names, values(1)),
    st.builds(lambda name: {"$unset": {name: ""}}, names),
    st.builds(lambda name: {"$inc": {name: 1}}, names),
    st.builds(lambda name, value: {"$push": {name: value}}, names, values(1)),
    st.builds(lambda name, value: {name: value}, names, values(1)),
)
sorts = st.one_of(st.just({"_id": 1}), st.just({"_id": -1}))
flags = st.booleans()
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        lambda some, ordered: (Kind.INSERT, {"documents": some, "ordered": ordered}),
        st.lists(identified, min_size=1, max_size=3),
        flags,
    ),
    st.builds(
        lambda query, change, upsert: (
            Kind.UPDATE,
            {"updates": [{"q": query, "u": change, "upsert": upsert}]},
        ),
        queries,
        changes,
        flags,
    ),
    st.builds(
        lambda query, change: (
            Kind.UPDATE,
            {"updates": [{"q": query, "u": change, "multi": True}]},
        ),
        queries,
        changes,
    ),
    st.builds(
        lambda query, limit: (Kind.DELETE, {"deletes": [{"q": query, "limit": limit}]}),
        queries,
        st.sampled_from([0, 1]),
    ),
    st.builds(
        lambda query, change, new, upsert, sort: (
            Kind.FIND_AND_MODIFY,
            {"query": query, "update": change, "new": new, "upsert": upsert, "sort": sort},
        ),
        queries,
        changes,
        flags,
        flags,
        sorts,
    ),
    st.builds(
        lambda query, sort: (Kind.FIND_AND_MODIFY, {"query": query, "remove": True, "sort": sort}),
        queries,
        sorts,
    ),
)


@pytest.fixture
async def gateway(postgres_dsn: str) -> AsyncIterator[PostgresGateway]:
    async with PostgresGateway(postgres_dsn, connections=2) as opened:
        await opened.ready()
        yield opened


def twins_of(mongo: AsyncDatabase[dict[str, Any]], gateway: PostgresGateway) -> Twins:
    """Return a collection that no example has used before."""
    return Twins(mongo=mongo, gateway=gateway, collection=f"things{next(NUMBERS)}")


@RANDOM
@given(
    stored=st.lists(documents, min_size=1, max_size=8),
    asked=st.lists(filters(2), min_size=8, max_size=8),
)
async def test_narrowing_loses_no_match(
    mongo_database: AsyncDatabase[dict[str, Any]],
    gateway: PostgresGateway,
    stored: list[dict[str, Any]],
    asked: list[dict[str, Any]],
) -> None:
    twins = twins_of(mongo_database, gateway)
    await twins.run(
        Kind.INSERT,
        documents=[{**document, "_id": at} for at, document in enumerate(stored)],
    )

    for query in asked:
        arguments = {"filter": query}
        legacy, answered = await twins.run(Kind.FIND, **arguments)
        if not isinstance(answered, str):
            assert same(Kind.FIND, arguments, legacy, answered), f"{query}\n{legacy}\n{answered}"


@RANDOM
@given(
    path=paths,
    options=st.sampled_from([{}, {"unique": True}, {"unique": True, "sparse": True}]),
    script=st.lists(steps, min_size=1, max_size=12),
)
async def test_writes_leave_the_same_documents(
    mongo_database: AsyncDatabase[dict[str, Any]],
    gateway: PostgresGateway,
    path: str,
    options: dict[str, Any],
    script: list[Step],
) -> None:
    twins = twins_of(mongo_database, gateway)
    await twins.run(Kind.CREATE_INDEXES, indexes=[{"key": {path: 1}, "name": "one", **options}])

    for kind, arguments in script:
        legacy, answered = await twins.run(kind, **arguments)
        if isinstance(answered, str):
            return
        assert same(kind, arguments, legacy, answered), f"{kind} {arguments}\n{legacy}\n{answered}"

    legacy_documents, gateway_documents = await twins.documents()
    assert gateway_documents == legacy_documents
