from dataclasses import replace
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.entities.entity import (
    Child,
    Column,
    ColumnType,
    EntityIndex,
    EntityMap,
    FullText,
    Identity,
    IdentityType,
    Reference,
)
from adapters.entities.notation import entity_from, entity_of, text_of, written
from adapters.query.paths import split_path
from comparators.errors import SettingsError

ENTITY = EntityMap(
    collection="orders",
    table="orders",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(
        Column(
            name="customer_id",
            path=("customer",),
            type=ColumnType.OBJECTID,
            reference=Reference(collection="customers", column="id", enforced=True),
        ),
        Column(name="code", path=("code",), type=ColumnType.VARCHAR, length=8),
        Column(
            name="state",
            path=("state",),
            type=ColumnType.TEXT,
            allowed=("open", "done"),
            default="open",
        ),
        Column(name="tags", path=("tags",), type=ColumnType.TEXT, array=True),
        Column(name="address_city", path=("address", "city"), type=ColumnType.TEXT),
        Column(name="created_at", path=("createdAt",), type=ColumnType.TIMESTAMPTZ),
    ),
    children=(
        Child(
            table="order_lines",
            path=("lines",),
            columns=(Column(name="price", path=("price",), type=ColumnType.NUMERIC),),
        ),
    ),
    indexes=(
        EntityIndex(name="createdAt_-1", specification={"key": {"createdAt": -1}}),
        EntityIndex(
            name="open ones",
            specification={
                "key": {"state": 1, "customer": 1},
                "unique": True,
                "partialFilterExpression": {
                    "customer": {"$gt": ObjectId(b"twelve bytes")},
                    "createdAt": {"$gt": DatetimeMS(5)},
                },
            },
        ),
    ),
    full_text=(FullText(name="search", language="english", weights={"state": "A"}),),
    about="What customers have asked for.",
)


def place(key: tuple[Any, ...]) -> str:
    return "/".join(map(str, key))


def small(**more: Any) -> dict[str, Any]:
    return {"collection": "things", "table": "things", "id": {"type": "objectid"}, **more}


def test_a_map_comes_back_from_its_json() -> None:
    found = entity_of(text_of(ENTITY))

    assert found == ENTITY
    assert found.about == ENTITY.about
    assert entity_of(text_of(replace(ENTITY, generation=3))).generation == 3


def test_what_is_usual_is_not_written() -> None:
    entity = EntityMap(
        collection="things",
        table="things",
        identity=Identity(type=IdentityType.KEY),
        columns=(),
    )

    assert written(entity) == small(id={"type": "key"})


def test_an_index_without_a_name_has_the_name_that_drivers_give() -> None:
    columns = {"a": {"path": "a", "type": "text"}, "b": {"path": "b", "type": "text"}}

    entity = entity_from(small(columns=columns, indexes=[{"key": {"a": 1, "b": -1}}]), place)

    assert entity.indexes[0].name == "a_1_b_-1"


COLUMN = {"path": "a", "type": "text"}
WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown key": (small(colums={}), "colums", "no key `colums`"),
    "unknown key of a column": (
        small(columns={"a": {**COLUMN, "typ": "text"}}),
        "columns/a/typ",
        r"no key `columns\.a\.typ`",
    ),
    "missing path": (small(columns={"a": {"type": "text"}}), "columns/a", "missing"),
    "wrong type of value": (small(table=5), "table", "string"),
    "unknown type": (
        small(columns={"a": {"path": "a", "type": "string"}}),
        "columns/a/type",
        "string",
    ),
    "varchar without length": (
        small(columns={"a": {"path": "a", "type": "varchar"}}),
        "columns/a/type",
        "length",
    ),
    "text with length": (
        small(columns={"a": {"path": "a", "type": "text(5)"}}),
        "columns/a/type",
        "length",
    ),
    "array of jsonb": (
        small(columns={"a": {"path": "a", "type": "jsonb[]"}}),
        "columns/a/type",
        "jsonb",
    ),
    "technical name": (
        small(columns={"_layout": COLUMN}),
        "columns/_layout",
        "must not be called",
    ),
    "technical name of another generation": (
        small(columns={"_layout_7": COLUMN}),
        "columns/_layout_7",
        "must not be called",
    ),
    "name of a system column": (small(columns={"xmin": COLUMN}), "columns/xmin", "xmin"),
    "name of the key": (small(columns={"id": COLUMN}), "columns/id", "two columns"),
    "name too long": (small(columns={"ä" * 32: COLUMN}), f"columns/{'ä' * 32}", "cannot be"),
    "table of ours": (small(table="things~unique"), "table", "cannot be"),
    "table of PostgreSQL": (small(table="pg_things"), "table", "pg_"),
    "path twice": (
        small(columns={"a": COLUMN, "b": COLUMN}),
        "columns/b/path",
        "same values",
    ),
    "path above another": (
        small(columns={"a": COLUMN, "b": {"path": "a.b", "type": "text"}}),
        "columns/b/path",
        "same values",
    ),
    "path of the identity": (
        small(columns={"a": {"path": "_id.a", "type": "text"}}),
        "columns/a/path",
        "same values",
    ),
    "path into an array": (
        small(columns={"a": {"path": "a.0", "type": "text"}}),
        "columns/a/path",
        "one field",
    ),
    "no such primary key": (small(id={"type": "serial"}), "id/type", "serial"),
    "list of texts for a number": (
        small(columns={"a": {"path": "a", "type": "double", "allowed": ["1"]}}),
        "columns/a/allowed",
        "double",
    ),
    "default of another type": (
        small(columns={"a": {"path": "a", "type": "boolean", "default": 1}}),
        "columns/a/default",
        "default",
    ),
    "default that is not allowed": (
        small(columns={"a": {**COLUMN, "allowed": ["x"], "default": "y"}}),
        "columns/a/default",
        "default",
    ),
    "index on nothing": (
        small(columns={"a": COLUMN}, indexes=[{"key": {"b": 1}}]),
        "indexes/0/key",
        "no column",
    ),
    "index inside a text": (
        small(columns={"a": COLUMN}, indexes=[{"key": {"a.b": 1}}]),
        "indexes/0/key",
        "no column",
    ),
    "index twice": (
        small(columns={"a": COLUMN}, indexes=[{"key": {"a": 1}}, {"key": {"a": 1}}]),
        "indexes/1",
        "twice",
    ),
    "unknown option of an index": (
        small(columns={"a": COLUMN}, indexes=[{"key": {"a": 1}, "uniqe": True}]),
        "indexes/0/uniqe",
        "uniqe",
    ),
    "reference without a column": (
        small(columns={"a": {**COLUMN, "references": "users"}}),
        "columns/a/references",
        "users",
    ),
    "search in what is no text": (
        small(
            columns={"a": {"path": "a", "type": "jsonb"}},
            search={"s": {"weights": {"a": "A"}}},
        ),
        "search/s/weights",
        "'a'",
    ),
    "search in an unknown language": (
        small(columns={"a": COLUMN}, search={"s": {"weights": {"a": "A"}, "language": "x'y"}}),
        "search/s/language",
        "configuration",
    ),
    "name of a column of a child table": (
        small(children={"c": {"path": "c", "columns": {"_parent": COLUMN}}}),
        "children/c/columns/_parent",
        "two columns are called",
    ),
    "child table without columns": (
        small(children={"c": {"path": "c", "columns": {}}}),
        "children/c",
        "needs columns",
    ),
    "child table with the name of a column": (
        small(columns={"c": COLUMN}, children={"c": {"path": "c", "columns": {"a": COLUMN}}}),
        "children/c",
        "two columns are called",
    ),
}


@pytest.mark.parametrize(("data", "where", "what"), WRONG.values(), ids=WRONG)
def test_a_wrong_map_names_the_key_and_the_remedy(
    data: dict[str, Any], where: str, what: str
) -> None:
    with pytest.raises(SettingsError, match=what) as error:
        entity_from(data, place)

    assert error.value.where == where
    assert error.value.remedy


@pytest.mark.parametrize("path", ["a", "a.b", "c", "c.d"])
def test_an_index_finds_by_columns_above_and_inside_of_its_path(path: str) -> None:
    columns = {"b": {"path": "a.b", "type": "text"}, "c": {"path": "c", "type": "jsonb"}}

    entity = entity_from(small(columns=columns, indexes=[{"key": {path: 1}}]), place)

    assert entity.indexes[0].specification["key"] == {path: 1}


names = st.from_regex(r"[a-z][a-zA-Z0-9]{0,6}", fullmatch=True)


@settings(max_examples=100)
@given(paths=st.sets(names, max_size=5), kinds=st.lists(st.sampled_from(ColumnType), min_size=5))
def test_the_order_of_columns_survives(paths: set[str], kinds: list[ColumnType]) -> None:
    columns = tuple(
        Column(
            name=f"c_{path}",
            path=split_path(path),
            type=kind,
            length=3 if kind is ColumnType.VARCHAR else None,
        )
        for path, kind in zip(paths, kinds, strict=False)
    )
    entity = EntityMap(
        collection="things",
        table="things",
        identity=Identity(type=IdentityType.TEXT, name="key"),
        columns=columns,
    )

    assert entity_of(text_of(entity)).columns == columns
