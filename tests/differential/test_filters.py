"""Filters in the residual against a real server."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.evaluate.match import matcher
from adapters.query.filter import parse_filter
from tests.differential.batches import SEVERAL, Database, found, residual, stored
from tests.differential.grammar.filters import filters
from tests.differential.grammar.values import documents

Document = dict[str, Any]


def matching(candidates: list[Document], query: Document) -> list[Document]:
    return list(filter(matcher(parse_filter(query)), candidates))


@settings(SEVERAL, max_examples=100)
@given(st.lists(documents, min_size=1, max_size=8), st.lists(filters(), min_size=1, max_size=6))
async def test_a_filter_finds_what_the_server_finds(
    mongo_database: Database, drawn: list[Document], queries: list[Document]
) -> None:
    candidates = await stored(mongo_database, drawn)

    for query in queries:
        server = await found(mongo_database, filter=query, sort={"_id": 1})

        ours = residual(matching, candidates, query)
        assert ours == server, query
