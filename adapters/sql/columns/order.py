"""A sort over a map: the columns that SQL can sort by as MongoDB does.

Null and missing come first, and last in descending order; documents that tie may come in any order.
"""

from typing import Final, NamedTuple

from adapters.entities.entity import ID_PATH, ColumnType
from adapters.query.paths import split_path
from adapters.query.sort import Sort
from adapters.sql.columns.places import Columns


class Term(NamedTuple):
    """A column to sort by."""

    column: str
    descending: bool
    is_key: bool = False
    """Whether it is the primary key: no two rows are alike, and none is null."""


UNSORTED: Final = frozenset({ColumnType.BYTEA, ColumnType.JSONB})
"""MongoDB sorts binary by length first, and documents field by field."""


def terms_of(sort: Sort, columns: Columns) -> tuple[Term, ...] | None:
    """Return the columns of a sort, None where SQL cannot do it."""
    terms = []
    for text, direction in sort.items():
        path = split_path(text)
        column = columns.scalar(path)
        # The bytes of a primary key sort as the `_id`s do.
        if column is None or (column.type in UNSORTED and path != ID_PATH):
            return None
        terms.append(Term(column.name, direction < 0, path == ID_PATH))
    return tuple(terms)
