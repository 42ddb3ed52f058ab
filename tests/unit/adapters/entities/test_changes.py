from dataclasses import replace
from typing import Any

import pytest

from adapters.entities.changes import row_changes
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


def column(name: str, kind: ColumnType, **more: Any) -> Column:
    return Column(name=name, path=(name,), type=kind, **more)


A = column("a", ColumnType.VARCHAR, length=5)
B = column("b", ColumnType.TEXT, allowed=("x", "y"))
BEFORE = EntityMap(
    collection="things",
    table="things",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(A, B),
)


def with_columns(*columns: Column) -> EntityMap:
    return replace(BEFORE, columns=columns)


@pytest.mark.parametrize(
    ("after", "what", "destructive"),
    [
        (with_columns(A), "column b is dropped", True),
        (with_columns(A, B, column("c", ColumnType.UUID)), "column c uuid is added", False),
        (with_columns(B, A), "the usual order of the fields changes", False),
        (with_columns(replace(A, name="z"), B), "column a becomes z", True),
        (with_columns(replace(A, length=9), B), "becomes varchar(9) instead of varchar(5)", False),
        (with_columns(replace(A, length=4), B), "becomes varchar(4) instead of varchar(5)", True),
        (with_columns(column("a", ColumnType.TEXT), B), "becomes text", False),
        (with_columns(column("a", ColumnType.JSONB), B), "becomes jsonb", True),
        (with_columns(A, replace(B, allowed=("y", "x", "z"))), "texts are allowed in b", False),
        (with_columns(A, replace(B, allowed=())), "texts are allowed in b", False),
        (with_columns(A, replace(B, allowed=("x",))), "texts are allowed in b", True),
        (replace(BEFORE, table="others"), "becomes others", True),
        (replace(BEFORE, identity=Identity(type=IdentityType.KEY)), "primary key", True),
        (
            replace(BEFORE, full_text=(FullText(name="s", language="simple", weights={"b": "A"}),)),
            "full-text",
            False,
        ),
    ],
)
def test_what_concerns_the_rows_is_told(after: EntityMap, what: str, *, destructive: bool) -> None:
    (change,) = row_changes(BEFORE, after)

    assert what in change.what
    assert change.destructive is destructive


CHILD = Child(table="parts", path=("parts",), columns=(A,))


@pytest.mark.parametrize(
    ("children", "what", "destructive"),
    [
        ((), "child table parts is dropped", True),
        ((CHILD, replace(CHILD, table="more", path=("m",))), "child table more is added", False),
        ((replace(CHILD, table="others"),), "parts becomes others", True),
        ((replace(CHILD, parent="thing_id"),), "primary key of parts", True),
        ((replace(CHILD, columns=(A, B)),), "parts: column b text is added", False),
        ((replace(CHILD, columns=(B,)),), "parts: column a is dropped", True),
    ],
)
def test_what_concerns_the_rows_of_elements_is_told(
    children: tuple[Child, ...], what: str, *, destructive: bool
) -> None:
    before, after = replace(BEFORE, children=(CHILD,)), replace(BEFORE, children=children)
    changes = row_changes(before, after)

    assert what in changes[0].what
    assert changes[0].destructive is destructive


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        replace(BEFORE, generation=5, about="something"),
        replace(BEFORE, indexes=(EntityIndex(name="i", specification={"key": {"a": 1}}),)),
        with_columns(replace(A, default="x"), B),
        with_columns(A, replace(B, reference=Reference(collection="others", column="id"))),
        with_columns(A, replace(B, allowed=("y", "x"))),
    ],
)
def test_what_does_not_concern_the_rows_leaves_them(after: EntityMap) -> None:
    assert row_changes(BEFORE, after) == []
