"""What plans on columns select, against a real mongod."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.entities.entity import IdentityType
from adapters.evaluate.match import matcher
from adapters.sql.columns.narrowing import narrowing_of
from adapters.sql.columns.plan import plan_columns
from adapters.sql.keys import key_of
from comparators.canonical import encode
from tests.differential.batches import SEVERAL, Database, found, stored
from tests.differential.grammar.mapped import documents, entity, filters, objectids
from tests.differential.tables_of_maps import MappedTable, table_of
from tests.differential.test_columns import ordinals, parsed

Document = dict[str, Any]


@pytest.fixture
async def mapped(postgres_dsn: str) -> AsyncIterator[MappedTable]:
    async with table_of(postgres_dsn, entity(IdentityType.OBJECTID)) as table:
        yield table


@settings(SEVERAL, max_examples=60)
@given(
    drawn=st.lists(st.tuples(objectids, documents), min_size=1, max_size=8),
    queries=st.lists(filters(), min_size=1, max_size=8),
)
async def test_a_condition_selects_what_the_server_finds(
    mapped: MappedTable, mongo_database: Database, drawn: list[Any], queries: list[Document]
) -> None:
    by_key = {key_of(identifier): {"_id": identifier, **rest} for identifier, rest in drawn}
    held = await stored(mongo_database, [*by_key.values()])
    await mapped.fill(held)

    for query in queries:
        tree = parsed(query)
        server = await found(mongo_database, filter=query)
        if tree is None or isinstance(server, int):
            continue
        plan = plan_columns(
            narrowing_of(tree, mapped.columns),
            mapped.columns,
            sort={},
            skip=0,
            limit=None,
            projection=False,
        )
        certain, drifted = await ordinals(mapped, plan)

        matches = matcher(tree)
        left = drifted if plan.narrowing.exact else [*certain, *drifted]
        kept = [held[at] for at in left if matches(held[at])]
        ours = [*([held[at] for at in certain] if plan.narrowing.exact else []), *kept]
        assert sorted(map(encode, ours)) == sorted(server), query
