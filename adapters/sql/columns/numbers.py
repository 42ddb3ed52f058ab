"""What a `double` column stands for: a whole number within 32 bits for an int32, any other for a double."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

LEAST_INT: Final[ColumnElement[Any]] = sa.literal_column("(-2147483648)")
MOST_INT: Final[ColumnElement[Any]] = sa.literal_column("2147483647")


def looks_whole(number: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a double stands for an int32."""
    return sa.and_(
        number == sa.func.trunc(number), number >= LEAST_INT, number <= MOST_INT
    ).self_group()
