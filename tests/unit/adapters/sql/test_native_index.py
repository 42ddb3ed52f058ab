from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex

from adapters.entities.entity import (
    Child,
    Column,
    ColumnType,
    EntityIndex,
    EntityMap,
    Identity,
    IdentityType,
)
from adapters.query.paths import split_path
from adapters.sql.dialect import definition
from adapters.sql.mapped_table import mapped_table
from adapters.sql.native_index import native_index, native_indexes


def column(path: str, kind: ColumnType, **more: Any) -> Column:
    return Column(name=path.replace(".", "_"), path=split_path(path), type=kind, **more)


ENTITY = EntityMap(
    collection="users",
    table="users",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(
        column("email", ColumnType.TEXT),
        column("deep.down", ColumnType.INTEGER),
        column("active", ColumnType.BOOLEAN),
        column("tags", ColumnType.TEXT, array=True),
        column("more", ColumnType.JSONB),
    ),
    children=(
        Child(
            table="user_lines",
            path=("lines",),
            columns=(
                column("n", ColumnType.INTEGER),
                column("by.name", ColumnType.TEXT),
                column("tags", ColumnType.TEXT, array=True),
            ),
        ),
    ),
    indexes=(
        EntityIndex(name="a", specification={"key": {"email": 1}}),
        EntityIndex(name="b", specification={"key": {"email": 1}, "unique": True}),
        EntityIndex(name="c", specification={"key": {"more": 1}}),
        EntityIndex(name="d", specification={"key": {"_id": -1, "deep.down": 1}}),
    ),
)


def made(**specification: Any) -> str | None:
    index = native_index(ENTITY, mapped_table(ENTITY, schema="shop"), specification)
    return None if index is None else definition(CreateIndex(index)).removeprefix("CREATE INDEX ")


@pytest.mark.parametrize(
    ("specification", "sql"),
    [
        (
            {"key": {"email": 1, "deep.down": -1}},
            '"users~by_email_deep_down_desc" ON shop.users (email ASC NULLS FIRST, deep_down DESC NULLS LAST)',
        ),
        (
            {"key": {"lines.n": -1, "lines.by.name": 1}, "sparse": True},
            '"user_lines~by_n_desc_by_name" ON shop.user_lines (n DESC NULLS LAST, by_name ASC NULLS FIRST)',
        ),
        ({"key": {"lines.tags": 1}}, '"user_lines~by_tags" ON shop.user_lines USING gin (tags)'),
        ({"key": {"lines.n": 1, "email": 1}}, None),
        ({"key": {"email": 1, "lines.n": 1}}, None),
        ({"key": {"lines": 1}}, None),
        (
            {"key": {"_id": 1, "email": 1}},
            '"users~by_id_email" ON shop.users (id ASC NULLS FIRST, email ASC NULLS FIRST)',
        ),
        ({"key": {"tags": 1}}, '"users~by_tags" ON shop.users USING gin (tags)'),
    ],
)
def test_keys_that_are_columns_are_indexed_in_their_order(
    specification: dict[str, Any], sql: str
) -> None:
    assert made(**specification) == sql


@pytest.mark.parametrize(
    "key",
    [
        {"email": "text"},
        {"email": "hashed"},
        {"unknown": 1},
        {"email": 1, "unknown": 1},
        {"more": 1},
        {"more.inner": 1},
        {"email.inner": 1},
        {"email": 1, "tags": 1},
        {"$**": 1},
        {"_id": 1},
    ],
)
def test_other_keys_have_no_index_of_postgresql(key: dict[str, Any]) -> None:
    assert made(key=key) is None


@pytest.mark.parametrize(
    ("partial", "where"),
    [
        ({"email": {"$exists": True}}, "WHERE email IS NOT NULL"),
        ({"email": "it's"}, "WHERE email = 'it''s'"),
        ({"email": {"$eq": "x"}, "active": False}, "WHERE email = 'x' AND active IS false"),
        ({"active": True}, "WHERE active IS true"),
    ],
)
def test_a_condition_that_sql_can_say_is_kept(partial: dict[str, Any], where: str) -> None:
    sql = made(key={"email": 1}, partialFilterExpression=partial)

    assert sql is not None
    assert sql.endswith(where)
    assert sql.startswith('"users~by_email~')


@pytest.mark.parametrize(
    "partial",
    [
        {"deep.down": {"$gt": 5}},
        {"deep.down": 5},
        {"email": None},
        {"email": {"$exists": False}},
        {"tags": "x"},
        {"$and": [{"email": "x"}]},
    ],
)
def test_of_any_other_condition_the_index_holds_more(partial: dict[str, Any]) -> None:
    sql = made(key={"email": 1}, partialFilterExpression=partial)

    assert sql == '"users~by_email" ON shop.users (email ASC NULLS FIRST)'


def test_what_a_map_declares_twice_is_one_index() -> None:
    table = mapped_table(ENTITY, schema="shop")
    before = set(table.indexes)

    names = [index.name for index in native_indexes(ENTITY, table)]

    assert names == ["users~by_email", "users~by_id_desc_deep_down"]
    assert {index.name for index in table.indexes - before} == set(names)


def test_long_names_stay_distinct() -> None:
    many = EntityMap(
        collection="users",
        table="users",
        identity=Identity(type=IdentityType.KEY),
        columns=tuple(column(f"{'long' * 10}{number}", ColumnType.TEXT) for number in range(4)),
    )
    table: sa.Table = mapped_table(many, schema="shop")
    keys = [each.path[0] for each in many.columns]

    first = native_index(many, table, {"key": {keys[0]: 1, keys[1]: 1}})
    second = native_index(many, table, {"key": {keys[0]: 1, keys[2]: 1}})

    assert first is not None
    assert second is not None
    assert first.name != second.name
    assert len(str(first.name)) <= 63
