"""Updates in one statement, against the residual: the same document to the bit, or no row."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.entities.entity import IdentityType
from adapters.evaluate.update import updater
from adapters.query.failures import CommandFailure
from adapters.query.filter import parse_filter
from adapters.query.update import parse_update
from adapters.sql.columns.changes import changes_of, natural_layouts
from adapters.sql.columns.narrowing import narrowing_of
from adapters.sql.columns.write import update, update_shape, update_values
from comparators.canonical import decode, encode
from comparators.errors import UnsupportedError
from tests.differential.batches import SEVERAL
from tests.differential.grammar.mapped import EARLIER, as_expected, documents, entity, updates
from tests.differential.tables_of_maps import MappedTable, table_of

Document = dict[str, Any]
NOW_MS = 1_700_000_000_000


@pytest.fixture
async def mapped(postgres_dsn: str) -> AsyncIterator[MappedTable]:
    async with table_of(postgres_dsn, entity(IdentityType.OBJECTID)) as table:
        yield table


@settings(SEVERAL, max_examples=150)
@given(
    document=st.one_of(as_expected, as_expected, documents),
    changes=st.lists(updates, min_size=1, max_size=12),
)
async def test_a_changed_row_is_the_document_after_the_update(
    mapped: MappedTable, document: Document, changes: list[Document]
) -> None:
    before = decode(encode({"_id": EARLIER, **document}))
    await mapped.fill([before])
    tree = parse_filter({"_id": EARLIER})
    for change in changes:
        try:
            parsed = parse_update(change)
        except (CommandFailure, UnsupportedError):
            continue
        planned = changes_of(parsed, mapped.columns, now_ms=NOW_MS)
        if planned is None:
            continue
        narrowing = narrowing_of(tree, mapped.columns)
        statement = update(mapped.table, update_shape(narrowing, planned), mapped.table.c.key)
        layouts = natural_layouts(mapped.layouts.values(), planned.sensitive)

        changed = await mapped.fetch(statement, update_values(narrowing, planned, layouts))

        [after] = await mapped.documents()
        if not changed:
            assert encode(after) == encode(before), change
            continue
        wanted = updater(parsed, filter=tree, now_ms=NOW_MS)(before)
        assert wanted is not before, change
        assert encode(after) == encode(wanted), change
        before = wanted
