import pytest
import sqlalchemy as sa

from adapters.sql.dialect import compiled
from adapters.sql.fence import fenced


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ([sa.Column("ordinal", sa.BigInteger)], "coalesce(true, things.ordinal IS NULL)"),
        (
            [sa.Column("_layout_3", sa.BigInteger, key="_layout"), sa.Column("ordinal", sa.Text)],
            "coalesce(true, things._layout_3 IS NULL)",
        ),
    ],
)
def test_a_statement_names_what_only_its_table_has(
    columns: list[sa.Column[int]], text: str
) -> None:
    table = sa.Table("things", sa.MetaData(), *columns)

    assert text in compiled(sa.select(sa.literal_column("1")).where(fenced(table))).text
