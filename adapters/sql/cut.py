"""Skip and limit in statements: a small limit is written down, so that the planner knows it.

A prepared statement is planned for any value of its parameters, and where the limit is one of them, PostgreSQL plans for
a tenth of all rows: it then walks an index in the order asked for, and hopes for an early match, where another index
leads to the few rows that match at all. Source: PostgreSQL manual, "PREPARE", on generic plans; `preprocess_limit` of its
planner for the tenth.
"""

from typing import Any, Final, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

SKIP: Final = "skip"
LIMIT: Final = "limit"

WRITTEN_UP_TO: Final = 128
"""Each limit that is written down makes a statement of its own; a larger one is a parameter."""

Limit: TypeAlias = int | Literal["any"] | None
"""Of a statement: the limit that is written down, or that it has one, or that it has none."""


def limit_of(limit: int | None, *, skip: int) -> Limit:
    """Return the limit of a statement. Behind a skip, which is a parameter, the planner has no use for it."""
    if limit is None or (is_written(limit) and not skip):
        return limit
    return "any"


def is_written(limit: int) -> bool:
    """Return whether a limit that skips nothing is written down."""
    return limit <= WRITTEN_UP_TO


def element(limit: int | Literal["any"]) -> ColumnElement[Any]:
    """Return the limit in SQL."""
    return parameter(LIMIT) if limit == "any" else sa.literal_column(str(limit))


def parameter(name: str) -> sa.BindParameter[int]:
    """Return the parameter for a number of rows."""
    return sa.bindparam(name, type_=sa.BigInteger)
