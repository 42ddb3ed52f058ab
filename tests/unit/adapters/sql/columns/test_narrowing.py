from typing import Any

import pytest
import sqlalchemy as sa
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.regex import Regex

from adapters.entities.entity import Column, ColumnType, EntityMap, Identity, IdentityType
from adapters.query.filter import parse_filter
from adapters.query.paths import split_path
from adapters.sql.columns.condition import relaxed
from adapters.sql.columns.elements import element_of
from adapters.sql.columns.narrowing import narrowing_of
from adapters.sql.columns.places import Columns
from adapters.sql.dialect import compiled
from adapters.sql.mapped_table import mapped_table


def column(path: str, kind: ColumnType, **more: Any) -> Column:
    return Column(name=path.replace(".", "_"), path=split_path(path), type=kind, **more)


ENTITY = EntityMap(
    collection="users",
    table="u",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(
        column("name", ColumnType.TEXT),
        column("age", ColumnType.INTEGER),
        column("score", ColumnType.DOUBLE),
        column("active", ColumnType.BOOLEAN),
        column("tags", ColumnType.TEXT, array=True),
        column("more", ColumnType.JSONB),
        column("place.zip", ColumnType.TEXT),
    ),
)
COLUMNS = Columns(ENTITY)
TABLE = mapped_table(ENTITY, schema="app")


def where(condition: Any) -> str:
    """Return a condition as text, without the name of the table."""
    text = compiled(sa.select(TABLE.c.id).where(element_of(condition, TABLE))).text
    return " ".join(text.split("WHERE ", 1)[1].replace("app.u.", "").split())


@pytest.mark.parametrize(
    ("query", "text", "values"),
    [
        ({}, "true", []),
        ({"name": "Ada"}, "name = $1", ["Ada"]),
        ({"name": None}, "name IS NULL", []),
        ({"name": {"$ne": None}}, "name IS NOT NULL", []),
        ({"name": {"$ne": "Ada"}}, "(name = $1) IS NOT true", ["Ada"]),
        ({"name": 5}, "false", []),
        ({"name": {"$gt": 5}}, "false", []),
        ({"name": {"$in": ["a", None, 5]}}, "name IS NULL OR name = $1", ["a"]),
        ({"name": {"$in": ["a", "b"]}}, "name = ANY ($1)", [["a", "b"]]),
        ({"name": {"$in": []}}, "false", []),
        ({"name": {"$nin": []}}, "true", []),
        (
            {"name": {"$exists": False}},
            "name IS NULL AND ($1 = ANY (_nulls)) IS NOT true",
            ["name"],
        ),
        ({"name": Regex("^Ad")}, "name >= $1 AND name < $2", ["Ad", "Ae"]),
        ({"name": Regex("da")}, "strpos(name, $1) > 0", ["da"]),
        (
            {"name": Regex("DA", "i")},
            r"strpos(lower(translate(name, U&'\212A\017F', 'ks')), $1) > 0",
            ["da"],
        ),
        ({"age": {"$gt": 5.5}}, "age > $1", [5]),
        ({"age": {"$lt": 5.5}}, "age < $1", [6]),
        ({"age": Decimal128("5.00")}, "age = $1", [5]),
        ({"age": 5.5}, "false", []),
        ({"age": {"$lt": Int64(2**40)}}, "age IS NOT NULL", []),
        ({"age": {"$gt": float("nan")}}, "false", []),
        ({"age": {"$mod": [3, 1]}}, "(CAST(age AS BIGINT) % $1::BIGINT) = $2::BIGINT", [3, 1]),
        ({"score": {"$gt": Int64(2**53 + 1)}}, "score > $1", [2.0**53]),
        ({"active": True}, "active IS true", []),
        ({"active": {"$ne": True}}, "(active IS true) IS NOT true", []),
        ({"active": {"$in": [True, False]}}, "active IS NOT NULL", []),
        ({"tags": "x"}, "tags @> $1", [["x"]]),
        ({"tags": ["x", "y"]}, "tags = $1", [["x", "y"]]),
        ({"tags": {"$in": ["x", "y"]}}, "tags && $1", [["x", "y"]]),
        ({"tags": {"$all": ["x", "y"]}}, "(tags @> $1) AND (tags @> $2)", [["x"], ["y"]]),
        ({"tags": {"$size": 2}}, "cardinality(tags) = $1", [2]),
        ({"tags.0": {"$exists": True}}, "cardinality(tags) > $1", [0]),
        ({"tags.x": None}, "tags IS NULL", []),
        ({"name.x": {"$exists": True}}, "false", []),
        ({"place.zip": "1"}, "place_zip = $1", ["1"]),
        ({"_id": ObjectId(b"twelve bytes")}, "id = $1", [b"twelve bytes"]),
        ({"$or": [{"name": "a"}, {"age": 1}]}, "name = $1 OR age = $2", ["a", 1]),
        (
            {"$nor": [{"name": "a"}, {"age": 1}]},
            "(name = $1) IS NOT true AND (age = $2) IS NOT true",
            ["a", 1],
        ),
    ],
)
def test_a_filter_is_a_condition(query: dict[str, Any], text: str, values: list[Any]) -> None:
    narrowing = narrowing_of(parse_filter(query), COLUMNS)

    assert where(narrowing.condition) == text
    statement = compiled(sa.select(TABLE.c.id).where(element_of(narrowing.condition, TABLE)))
    assert statement.arguments(narrowing.values) == values
    assert narrowing.exact


@pytest.mark.parametrize(
    ("query", "text", "why"),
    [
        ({"x": 1}, "true", "`x` has no column"),
        ({"x": 1, "age": 1}, "age = $1", "`x` has no column"),
        ({"$or": [{"x": 1}, {"age": 1}]}, "true", "`x` has no column"),
        ({"more.a": 1}, "more @@ CAST($1 AS JSONPATH)", "of `more.a` its column tells too little"),
        ({"more.a": {"$ne": 1}}, "true", "of `more.a` its column tells too little"),
        ({"more.a": None}, "true", "of `more.a` its column tells too little"),
        ({"name": Regex("a.b")}, "strpos(name, $1) > 0", "of `name` its column tells too little"),
        ({"name": Regex("a|b")}, "name IS NOT NULL", "of `name` its column tells too little"),
        ({"$expr": {"$eq": ["$x", 1]}}, "true", "`$expr` is not said in SQL"),
    ],
)
def test_what_sql_cannot_say_is_left_to_the_residual(
    query: dict[str, Any], text: str, why: str
) -> None:
    narrowing = narrowing_of(parse_filter(query), COLUMNS)

    assert where(narrowing.condition) == text
    assert narrowing.why == (why,)
    assert not narrowing.exact


def test_the_shape_does_not_depend_on_values() -> None:
    first = narrowing_of(parse_filter({"name": "a", "age": {"$gt": 1}}), COLUMNS)
    second = narrowing_of(parse_filter({"name": "b", "age": {"$gt": 2.5}}), COLUMNS)

    assert first.condition == second.condition
    assert hash(first.condition) == hash(second.condition)
    assert first.values != second.values


def test_a_constant_still_speaks_of_its_column() -> None:
    narrowing = narrowing_of(parse_filter({"age": "abc"}), COLUMNS)

    assert narrowing.columns == ("age",)
    assert where(relaxed(narrowing.condition)) == "_drift && ARRAY['age']::text[]"


def test_equality_of_the_primary_key_speaks_of_no_column() -> None:
    narrowing = narrowing_of(parse_filter({"_id": 5}), COLUMNS)

    assert narrowing.columns == ()
    assert narrowing.exact
