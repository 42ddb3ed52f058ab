"""What plans on columns select, against the residual."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.entities.entity import IdentityType
from adapters.evaluate.match import matcher
from adapters.evaluate.order import sorted_documents
from adapters.query.failures import CommandFailure
from adapters.query.filter import Filter, parse_filter
from adapters.query.sort import parse_sort
from adapters.sql.columns.narrowing import narrowing_of
from adapters.sql.columns.plan import ColumnPlan, plan_columns
from adapters.sql.columns.read import count, read, read_to_write
from adapters.sql.keys import key_of
from comparators.canonical import decode, encode
from comparators.errors import UnsupportedError
from comparators.order import sort_key
from tests.differential.batches import SEVERAL
from tests.differential.grammar.mapped import documents, entity, filters, identifiers, sorts
from tests.differential.tables_of_maps import MappedTable, table_of

Document = dict[str, Any]


@pytest.fixture(params=list(IdentityType))
async def mapped(postgres_dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[MappedTable]:
    """Give the table of a map with each type of primary key."""
    async with table_of(postgres_dsn, entity(request.param)) as table:
        yield table


def stored(drawn: list[tuple[Any, Document]]) -> list[Document]:
    """Return documents as they come back from a database, each `_id` once."""
    by_key = {key_of(identifier): {"_id": identifier, **rest} for identifier, rest in drawn}
    return [decode(encode(document)) for document in by_key.values()]


def parsed(query: Document) -> Filter | None:
    """Return a filter, None for one that is refused."""
    try:
        tree = parse_filter(query)
        matcher(tree)
    except (CommandFailure, UnsupportedError):
        return None
    return tree


async def ordinals(
    mapped: MappedTable, plan: ColumnPlan, statement: Any = read
) -> tuple[list[int], list[int]]:
    """Return the positions of documents that are certain, and of those that have drifted."""
    made = statement(mapped.table, plan.shape, mapped.table.c["_ordinal"])
    rows = await mapped.fetch(made, {**plan.values})
    first = await mapped.first_ordinal()
    certain = [row[0] - first for row in rows if not row["drifted"]]
    return certain, [row[0] - first for row in rows if row["drifted"]]


@settings(SEVERAL, max_examples=40)
@given(
    drawn=st.lists(st.tuples(identifiers, documents), min_size=1, max_size=8),
    queries=st.lists(filters(), min_size=1, max_size=8),
)
async def test_a_condition_selects_what_the_filter_finds(
    mapped: MappedTable, drawn: list[Any], queries: list[Document]
) -> None:
    held = stored(drawn)
    await mapped.fill(held)

    for query in queries:
        tree = parsed(query)
        if tree is None:
            continue
        narrowing = narrowing_of(tree, mapped.columns)
        plan = plan_columns(
            narrowing, mapped.columns, sort={}, skip=0, limit=None, projection=False
        )
        certain, drifted = await ordinals(mapped, plan)

        matches = matcher(tree)
        wanted = {at for at, document in enumerate(held) if matches(document)}
        assert not {*certain} & {*drifted}, query
        assert wanted <= {*certain, *drifted}, (query, narrowing)
        if narrowing.exact:
            assert {*certain} <= wanted, (query, narrowing)
        assert await ordinals(mapped, plan, read_to_write) == (sorted(certain), sorted(drifted))
        [(n, drifts)] = await mapped.fetch(count(mapped.table, plan.shape), {**plan.values})
        assert drifts == bool(drifted)
        assert drifts or n == len(certain), query


@settings(SEVERAL, max_examples=50)
@given(
    drawn=st.lists(st.tuples(identifiers, documents), min_size=1, max_size=8),
    query=filters(0),
    sort=sorts,
    skip=st.integers(0, 2),
    limit=st.one_of(st.none(), st.integers(1, 4)),
)
async def test_a_sort_cuts_what_the_residual_cuts(
    mapped: MappedTable,
    drawn: list[Any],
    query: Document,
    sort: Document,
    skip: int,
    limit: int | None,
) -> None:
    held = stored(drawn)
    tree = parsed(query)
    if tree is None:
        return
    await mapped.fill(held)
    keys = parse_sort(sort)
    plan = plan_columns(
        narrowing_of(tree, mapped.columns),
        mapped.columns,
        sort=keys,
        skip=skip,
        limit=limit,
        projection=False,
    )
    if plan.residual:
        return
    certain, drifted = await ordinals(mapped, plan)

    matches = matcher(tree)
    try:
        wanted = sorted_documents(filter(matches, held), keys)
    except CommandFailure:
        assert drifted
        return
    found = [held[at] for at in certain]
    if drifted:
        found = sorted_documents([*found, *filter(matches, [held[at] for at in drifted])], keys)[
            skip:
        ][:limit]
    # Documents that tie may come in any order.
    assert [sort_key(each, keys) for each in found] == [
        sort_key(each, keys) for each in wanted[skip:][:limit]
    ]
