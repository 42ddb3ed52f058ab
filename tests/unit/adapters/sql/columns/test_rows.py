from typing import Any

import pytest
import sqlalchemy as sa

from adapters.entities.entity import Child, Column, ColumnType, EntityMap, Identity, IdentityType
from adapters.query.filter import parse_filter
from adapters.query.sort import parse_sort
from adapters.sql.columns.elements import element_of
from adapters.sql.columns.narrowing import narrowing_of
from adapters.sql.columns.places import Columns
from adapters.sql.columns.plan import plan_columns
from adapters.sql.dialect import compiled
from adapters.sql.mapped_table import mapped_table
from adapters.sql.plan import Residual

ENTITY = EntityMap(
    collection="orders",
    table="o",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(Column(name="code", path=("code",), type=ColumnType.TEXT),),
    children=(
        Child(
            table="lines",
            path=("lines",),
            parent="order_id",
            columns=(
                Column(name="product", path=("product",), type=ColumnType.TEXT),
                Column(name="n", path=("n",), type=ColumnType.INTEGER),
            ),
        ),
    ),
)
COLUMNS = Columns(ENTITY)
TABLE = mapped_table(ENTITY, schema="app")
ROWS = "(SELECT 1 FROM app.lines WHERE order_id = id{})"
FILLED = f"EXISTS {ROWS.format('')}"
EMPTY = f"NOT ({FILLED})"
ABSENT = f"$1 = ANY (_nulls) AND {EMPTY} OR $2 = ANY (_nulls) AND {EMPTY}"


def where(condition: Any) -> str:
    """Return a condition as text, without the names of tables before columns."""
    text = compiled(sa.select(TABLE.c.id).where(element_of(condition, TABLE))).text
    text = text.split("WHERE ", 1)[1].replace("app.o.", "").replace("app.lines.", "")
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("query", "text", "values"),
    [
        ({"lines.n": 5}, f"EXISTS {ROWS.format(' AND n = $1')}", [5]),
        ({"lines.n": {"$ne": 5}}, f"NOT (EXISTS {ROWS.format(' AND n = $1')})", [5]),
        ({"lines.n": "a"}, "false", []),
        (
            {"lines": {"$elemMatch": {"n": {"$gt": 1}, "product": "a"}}},
            f"EXISTS {ROWS.format(' AND n > $1 AND product = $2')}",
            [1, "a"],
        ),
        (
            {"lines": {"$size": 2}},
            "(SELECT count(*) AS count_1 FROM app.lines WHERE order_id = id) = $1",
            [2],
        ),
        (
            {"lines.n": None},
            f"(EXISTS {ROWS.format(' AND n IS NULL')}) OR {ABSENT}",
            ["lines", "~lines"],
        ),
        (
            {"lines.n": {"$exists": True}},
            f"EXISTS {ROWS.format(' AND (n IS NOT NULL OR $1 = ANY (_nulls))')}",
            ["n"],
        ),
        (
            {"lines": {"$exists": False}},
            f"$1 = ANY (_nulls) AND {EMPTY}",
            ["~lines"],
        ),
        (
            {"lines": None},
            ABSENT,
            ["lines", "~lines"],
        ),
    ],
)
def test_a_filter_on_elements_is_a_condition_on_rows(
    query: dict[str, Any], text: str, values: list[Any]
) -> None:
    narrowing = narrowing_of(parse_filter(query), COLUMNS)

    assert narrowing.exact
    assert narrowing.columns == ("lines",)
    assert where(narrowing.condition) == text
    assert [*narrowing.values.values()] == values


@pytest.mark.parametrize(
    "query", [{"lines.other": 5}, {"lines.0.n": 5}, {"lines": {"n": 5}}, {"lines.0": {"n": 5}}]
)
def test_what_no_column_of_an_element_tells_leaves_the_documents_that_have_one(
    query: dict[str, Any],
) -> None:
    narrowing = narrowing_of(parse_filter(query), COLUMNS)

    assert not narrowing.exact
    assert where(narrowing.condition) == FILLED


def test_a_sort_by_elements_is_left_to_the_residual() -> None:
    narrowing = narrowing_of(parse_filter({"lines.n": 5}), COLUMNS)
    plan = plan_columns(
        narrowing, COLUMNS, sort=parse_sort({"lines.n": 1}), skip=0, limit=3, projection=False
    )

    assert plan.residual == (Residual.SORT, Residual.LIMIT)
    assert plan.describe().startswith("sql: rows by lines, order none")
