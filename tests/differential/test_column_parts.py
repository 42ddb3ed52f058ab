"""Parts of documents read from some columns, against whole documents."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.entities.entity import IdentityType
from adapters.entities.parts import PartCodec
from adapters.evaluate.project import projector
from adapters.query.filter import parse_filter
from adapters.query.projection import parse_projection
from adapters.sql.columns.condition import EVERYTHING
from adapters.sql.columns.partial import PartialRead, partial_read, paths_of_projection
from adapters.sql.columns.read import TableShape, read
from comparators.canonical import encode
from tests.differential.batches import SEVERAL
from tests.differential.grammar.mapped import (
    KINDS,
    as_expected,
    documents,
    entity,
    identifiers,
)
from tests.differential.tables_of_maps import MappedTable, table_of
from tests.differential.test_columns import stored

Document = dict[str, Any]

# No path below another one.
projections = st.builds(
    lambda names, identity: {**dict.fromkeys(names, 1), **identity},
    st.sets(st.sampled_from([*KINDS, "s.t", "s.i", "s.s.j", "j.a", "t.x"]), min_size=1, max_size=4),
    st.sampled_from([{}, {}, {"_id": 0}, {"_id": 1}]),
).map(lambda wanted: {n: v for n, v in wanted.items() if "." not in n or n[0] not in wanted})
more_projections = st.sampled_from(
    [
        {"t": 1, "ta": {"$slice": 1}},
        {"ta": {"$elemMatch": {"$gt": "a"}}},
        {"made": {"$ifNull": ["$s.t", "$t"]}, "i": 1},
        {"s": {"t": 1}},
    ]
)


@pytest.fixture(params=[IdentityType.OBJECTID, IdentityType.TEXT])
async def mapped(postgres_dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[MappedTable]:
    async with table_of(postgres_dsn, entity(request.param)) as table:
        yield table


async def parts(mapped: MappedTable, wanted: PartialRead) -> list[Document]:
    """Return what is read of all documents."""
    shape = TableShape(condition=EVERYTHING)
    ordinal = mapped.table.c["_ordinal"]
    selected = wanted.selected(mapped.table)
    rows = await mapped.fetch(read(mapped.table, shape, ordinal, *selected), {})
    codec = PartCodec(wanted.columns)
    found = []
    for row in sorted(rows, key=lambda row: row[0]):
        _ordinal, *values, layout, overflow, _drifted = row
        decode = codec.decoder_of(None if layout is None else mapped.layout(layout))
        found.append(decode(values, overflow))
    return found


@settings(SEVERAL, max_examples=40)
@given(
    drawn=st.lists(
        st.tuples(identifiers, st.one_of(as_expected, documents)), min_size=1, max_size=6
    ),
    wanted=st.lists(st.one_of(projections, projections, more_projections), min_size=1, max_size=6),
)
async def test_a_projection_of_the_part_is_that_of_the_document(
    mapped: MappedTable, drawn: list[Any], wanted: list[Document]
) -> None:
    held = stored(drawn)
    await mapped.fill(held)

    for given_ in wanted:
        parsed = parse_projection(given_)
        paths = paths_of_projection(parsed)
        assert paths is not None, given_
        plan = partial_read(paths, mapped.columns)
        if plan is None:
            continue
        project = projector(parsed, filter=parse_filter({}), now_ms=0)

        found = [encode(project(part)) for part in await parts(mapped, plan)]

        assert found == [encode(project(document)) for document in held], given_
