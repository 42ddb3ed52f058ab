"""No condition on bodies loses a document that its filter matches."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from adapters.evaluate.match import matcher
from adapters.query.filter import And, parse_filter
from adapters.sql.body import body_of
from adapters.sqlite.dialect import SQLITE
from adapters.tables.narrowing import MOST_ALTERNATIVES, Narrowing

BODY: sa.ColumnClause[str] = sa.column("body", sa.Text())

NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.floats(),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.sampled_from(["0.1", "1E+400", "NaN", "-Infinity", "3"]).map(Decimal128),
    st.integers(-(2**60), 2**60).map(DatetimeMS),
)
SCALARS = st.one_of(
    NUMBERS,
    st.text("ab\x00\x01 é\U0001f642", max_size=3),
    st.booleans(),
    st.none(),
    st.sampled_from([ObjectId(b"0" * 12), ObjectId(b"1" * 12), b"x"]),
)
NAMES = st.sampled_from(["a", "b", "0", "a-b", "ü"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(NAMES, inner, max_size=2)),
    max_leaves=4,
)
PATHS = st.lists(NAMES, min_size=1, max_size=2).map(".".join)


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw a document, and a filter by values that are likely in it."""
    document = {name: draw(VALUES) for name in draw(st.sets(NAMES, min_size=1))}
    there = [each for each in _values(document) if not isinstance(each, list)]
    operand = st.one_of(SCALARS, st.sampled_from(there) if there else SCALARS)
    condition = st.one_of(
        operand.map(lambda value: {"$eq": value}),
        st.tuples(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), operand).map(
            lambda each: dict([each])
        ),
        st.lists(operand, max_size=3).map(lambda values: {"$in": values}),
    )
    query = st.dictionaries(PATHS, condition, min_size=1, max_size=2)
    either = st.lists(query, min_size=1, max_size=2).map(lambda each: {"$or": each})
    return document, draw(st.one_of(query, either))


def _values(value: Any) -> Iterator[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield each
        yield from _values(each)


def condition_of(query: dict[str, Any]) -> sa.ColumnElement[bool] | None:
    tree = parse_filter(query)
    parts = tree.children if isinstance(tree, And) else (tree,)
    return Narrowing(SQLITE, BODY).all_of(parts)


def selects(condition: sa.ColumnElement[bool], document: dict[str, Any]) -> bool:
    """Return whether SQLite finds the condition true of a document."""
    row = sa.select(sa.bindparam("given", body_of(document)).label("body")).subquery()
    statement = sa.select(sa.func.count()).select_from(row).where(condition)
    compiled = statement.compile(
        dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True}
    )
    values = [compiled.params[name] for name in compiled.positiontup or ()]
    with closing(sqlite3.connect(":memory:")) as connection:
        return bool(connection.execute(str(compiled), values).fetchone()[0])


@settings(max_examples=300, deadline=None)
@given(case=cases())
def test_what_matches_is_selected(case: tuple[dict[str, Any], dict[str, Any]]) -> None:
    document, query = case
    condition = condition_of(query)

    if condition is not None and matcher(parse_filter(query))(document):
        assert selects(condition, document)


@pytest.mark.parametrize(
    "query",
    [
        {"a": "x"},
        {"a.b": {"$gt": 5}},
        {"a": {"b": {"c": 1}}},
        {"$or": [{"a": "x"}, {"b": 1}]},
        {"a": "x", "b": {"$exists": True}},
        {"a": {"$in": []}},
    ],
)
def test_what_it_narrows(query: dict[str, Any]) -> None:
    condition = condition_of(query)

    assert condition is not None
    assert not selects(condition, {"a": "y", "b": 2})


@pytest.mark.parametrize(
    "query",
    [
        {"a": None},
        {"a": True},
        {"a.0": "x"},
        {'a"b': "x"},
        {"a": {"$ne": "x"}},
        {"a": {"$exists": True}},
        {"a": {"$gt": float("inf")}},
        {"a": {"$in": list(range(MOST_ALTERNATIVES + 1))}},
        {"$or": [{"a": "x"}, {"b": None}]},
    ],
)
def test_what_it_leaves_to_the_residual(query: dict[str, Any]) -> None:
    assert condition_of(query) is None
