import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from adapters.mysql.dialect import MYSQL
from adapters.tables.tables import tables_for

LONGEST_INDEX = 3072
"""Bytes, of InnoDB's tables as they are made today."""


def bytes_of(column: sa.Column[object]) -> int:
    return getattr(column.type, "length", None) or 8


@pytest.mark.parametrize("table", tables_for(MYSQL).all, ids=lambda table: table.name)
def test_every_key_fits_an_index_of_innodb(table: sa.Table) -> None:
    keyed = sa.PrimaryKeyConstraint, sa.UniqueConstraint
    keys = [list(each.columns) for each in table.constraints if isinstance(each, keyed)]
    keys += [list(each.columns) for each in table.indexes]

    assert all(sum(map(bytes_of, key)) <= LONGEST_INDEX for key in keys)


def test_a_path_is_no_text_of_the_statement() -> None:
    body = sa.column("body", MYSQL.body_type)

    text = str((MYSQL.text_at(body, ["a", "b c"]) == "x").compile(dialect=mysql.dialect()))

    assert "b c" not in text
    assert text.startswith("CAST(json_unquote(json_extract(body, %s)) AS BINARY) = %s")
