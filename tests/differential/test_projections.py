"""Projections in the residual against a real server."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.evaluate.match import matcher
from adapters.evaluate.project import projector
from adapters.query.filter import parse_filter
from adapters.query.projection import parse_projection
from tests.differential.batches import SEVERAL, Database, found, residual, stored
from tests.differential.grammar.filters import filters
from tests.differential.grammar.projections import projections
from tests.differential.grammar.values import documents

Document = dict[str, Any]


def projected(candidates: list[Document], query: Document, projection: Document) -> list[Document]:
    tree = parse_filter(query)
    project = projector(parse_projection(projection), filter=tree)
    return [project(each) for each in candidates if matcher(tree)(each)]


@settings(SEVERAL, max_examples=80)
@given(
    st.lists(documents, min_size=1, max_size=4),
    st.lists(st.tuples(st.just({}) | filters(0), projections), min_size=1, max_size=6),
)
async def test_a_projection_shows_what_the_server_shows(
    mongo_database: Database, drawn: list[Document], queries: list[tuple[Document, Document]]
) -> None:
    candidates = await stored(mongo_database, drawn)

    for query, projection in queries:
        server = await found(mongo_database, filter=query, projection=projection, sort={"_id": 1})

        ours = residual(projected, candidates, query, projection)
        assert ours == server, (query, projection)
