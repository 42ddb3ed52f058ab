"""Sorts in the residual against a real server."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.evaluate.order import sorted_documents
from adapters.query.sort import parse_sort
from tests.differential.batches import SEVERAL, Database, found, residual, stored
from tests.differential.grammar.sorts import sorts
from tests.differential.grammar.values import documents

Document = dict[str, Any]


def in_order(candidates: list[Document], order: Document) -> list[Document]:
    return sorted_documents(candidates, parse_sort(order))


@settings(SEVERAL, max_examples=50)
@given(st.lists(documents, min_size=2, max_size=8), st.lists(sorts, min_size=1, max_size=4))
async def test_a_sort_orders_as_the_server_does(
    mongo_database: Database, drawn: list[Document], orders: list[Document]
) -> None:
    candidates = await stored(mongo_database, drawn)

    for order in orders:
        total = {**order, "_id": 1}
        server = await found(mongo_database, filter={}, sort=total)

        ours = residual(in_order, candidates, total)
        assert ours == server, order
