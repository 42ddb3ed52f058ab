"""Groups and distinct values made by SQL, against the residual."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.entities.entity import IdentityType
from adapters.evaluate.match import matcher
from adapters.evaluate.paths import reached
from adapters.evaluate.pipeline import run_pipeline
from adapters.query.filter import parse_filter
from adapters.query.paths import split_path
from adapters.query.pipeline import Group, parse_pipeline
from adapters.sql.columns.grouping import GroupPlan, group, plan_distinct, plan_group
from adapters.sql.columns.groups import distinct_of, groups_of
from adapters.sql.columns.narrowing import narrowing_of
from adapters.sql.keys import key_of
from comparators.canonical import MISSING, decode, encode
from tests.differential.batches import SEVERAL, residual
from tests.differential.grammar.mapped import (
    EARLIER,
    KINDS,
    as_expected,
    documents,
    entity,
    groups,
)
from tests.differential.tables_of_maps import MappedTable, table_of

Document = dict[str, Any]
UNDECIDED = [encode({})]
mostly_expected = st.lists(
    st.one_of(
        as_expected,
        as_expected,
        # Some fields are missing, and some are null.
        st.builds(
            lambda whole, names, null: {
                name: None if null else value for name, value in whole.items() if name in names
            },
            as_expected,
            st.sets(st.sampled_from([*KINDS])),
            st.booleans(),
        ),
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture
async def mapped(postgres_dsn: str) -> AsyncIterator[MappedTable]:
    async with table_of(postgres_dsn, entity(IdentityType.OBJECTID)) as table:
        yield table


def stored(drawn: list[Document]) -> list[Document]:
    return [
        decode(encode({"_id": type(EARLIER)(f"{at:024x}"), **rest}))
        for at, rest in enumerate(drawn)
    ]


def made_by_sql(plan: GroupPlan, rows: list[list[Any]], mapped: MappedTable) -> list[Document]:
    found = groups_of(plan, rows, mapped.layouts.get)
    return [{}] if found is None else found


def made_in_memory(stage: Group, matching: list[Document]) -> list[Document]:
    return list(run_pipeline([stage], matching, sources={}, now_ms=0))


@settings(SEVERAL, max_examples=150)
@given(
    drawn=st.one_of(mostly_expected, mostly_expected, st.lists(documents, max_size=6)),
    stages=st.lists(groups, min_size=1, max_size=6),
    query=st.sampled_from([{}, {}, {"f": True}, {"t": {"$ne": "a"}}]),
)
async def test_groups_are_those_of_the_residual(
    mapped: MappedTable, drawn: list[Document], stages: list[Document], query: Document
) -> None:
    held = stored(drawn)
    await mapped.fill(held)
    tree = parse_filter(query)
    matching = list(filter(matcher(tree), held))

    for operand in stages:
        [stage] = parse_pipeline([{"$group": operand}])
        assert isinstance(stage, Group)
        plan = plan_group(stage, narrowing_of(tree, mapped.columns), mapped.columns)
        if plan is None:
            continue
        rows = await mapped.fetch(group(mapped.table, plan.shape), {**plan.values})

        found = residual(made_by_sql, plan, [[*row] for row in rows], mapped)
        if found != UNDECIDED:
            assert found == residual(made_in_memory, stage, matching), operand


@settings(SEVERAL, max_examples=100)
@given(
    drawn=st.one_of(mostly_expected, mostly_expected, st.lists(documents, max_size=6)),
    paths=st.lists(st.sampled_from([*KINDS, "s.t", "_id"]), min_size=1, max_size=6),
)
async def test_distinct_values_are_those_of_the_residual(
    mapped: MappedTable, drawn: list[Document], paths: list[str]
) -> None:
    held = stored(drawn)
    await mapped.fill(held)

    for path in paths:
        plan = plan_distinct(
            split_path(path), narrowing_of(parse_filter({}), mapped.columns), mapped.columns
        )
        if plan is None:
            continue
        rows = await mapped.fetch(group(mapped.table, plan.shape), {**plan.values})
        found = distinct_of(plan, [[*row] for row in rows], mapped.layouts.get)

        if found is not None:
            wanted: dict[bytes, Any] = {}
            for document in held:
                for value, _ in reached(document, split_path(path), expand=False):
                    if value is not MISSING:
                        wanted.setdefault(key_of(value), value)
            assert encode({"": found}) == encode({"": [*wanted.values()]}), path
