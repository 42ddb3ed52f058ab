import pytest
import sqlalchemy as sa

from adapters.sql.dialect import compiled

THINGS = sa.table("things", sa.column("id"), schema='sch"ema')


def test_a_statement_has_numbered_parameters_and_quoted_names() -> None:
    statement = compiled(sa.select(THINGS.c.id).where(THINGS.c.id == sa.bindparam("id")))

    assert '"sch""ema".things' in statement.text
    assert statement.text.endswith("= $1")
    assert statement.arguments({"id": 5, "other": 6}) == [5]


def test_a_value_never_becomes_part_of_a_kept_statement() -> None:
    with pytest.raises(ValueError, match="frozen"):
        compiled(sa.select(THINGS.c.id).where(THINGS.c.id == "literal"))
