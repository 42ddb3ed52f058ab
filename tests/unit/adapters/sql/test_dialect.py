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


def test_a_name_that_looks_like_a_parameter_stays_a_name() -> None:
    table = sa.table("%(id)s", sa.column("100 %"), sa.column("id"))
    statement = compiled(sa.select(table.c["100 %"]).where(table.c.id == sa.bindparam("id")))

    assert '"%(id)s"."100 %"' in statement.text
    assert statement.text.endswith('"%(id)s".id = $1')
