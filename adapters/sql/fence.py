"""A condition that holds for every row, and that no table can be asked but the one a statement was made for.

When the documents of a collection move to another table, statements of a process that does not know yet must fail, not
answer from a table of the same name. So each names a column that only its own table has.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

BY_TABLE: Final = ("_layout", "ordinal")
"""What tells a mapped table of one generation, and a document table, by its name."""


def fenced(table: sa.FromClause) -> ColumnElement[bool]:
    """Return the condition; the planner finds it true before it looks at any row."""
    name = next(name for name in BY_TABLE if name in table.c)
    return sa.func.coalesce(sa.true(), table.c[name].is_(sa.null()), type_=sa.Boolean)
