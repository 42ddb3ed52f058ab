from typing import Any, Final

import pytest
from bson.dbref import DBRef
from bson.int64 import Int64
from bson.objectid import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.entities.encoding import Row
from adapters.entities.entity import (
    Child,
    Column,
    ColumnType,
    EntityMap,
    Identity,
    IdentityType,
)
from adapters.entities.layout import Layout, parse_layout
from adapters.entities.rows import RowCodec
from comparators.canonical import decode, encode
from tests.differential.grammar.values import documents, values

ID: Final = ObjectId(b"twelve bytes")
MAP: Final = EntityMap(
    collection="orders",
    table="orders",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(Column(name="code", path=("code",), type=ColumnType.TEXT),),
    children=(
        Child(
            table="order_lines",
            path=("lines",),
            columns=(
                Column(name="a", path=("a",), type=ColumnType.TEXT),
                Column(name="b", path=("b",), type=ColumnType.INTEGER),
                Column(name="c_a", path=("c", "a"), type=ColumnType.DOUBLE),
                Column(name="c_b", path=("c", "b"), type=ColumnType.JSONB),
                Column(name="0", path=("0",), type=ColumnType.TEXT, array=True),
            ),
        ),
        Child(
            table="order_notes",
            path=("more", "notes"),
            columns=(Column(name="text", path=("text",), type=ColumnType.TEXT),),
        ),
    ),
)


def again(layout: Layout | None) -> Layout | None:
    """Return a layout that went through its text."""
    return layout and parse_layout(layout.number, layout.text)


def back(codec: RowCodec, row: Row) -> dict[str, Any]:
    elements = [
        [of.document_of(each.values, again(each.layout), each.overflow) for each in rows]
        for of, rows in zip(codec.elements, row.elements, strict=True)
    ]
    return codec.document_of(row.values, again(row.layout), row.overflow, elements)


elements = st.one_of(documents, documents, documents, values(2))


@settings(max_examples=200)
@given(
    document=st.fixed_dictionaries(
        {},
        optional={
            "code": values(1),
            "lines": st.one_of(st.lists(elements, max_size=4), values(2)),
            "more": st.one_of(
                st.fixed_dictionaries({}, optional={"notes": st.lists(elements), "x": values(1)}),
                values(2),
            ),
            "x": values(1),
        },
    ),
    order=st.permutations(["lines", "more", "x", "code"]),
)
def test_any_document_comes_back_bit_for_bit(document: dict[str, Any], order: list[str]) -> None:
    codec = RowCodec(MAP)
    stored = {"_id": ID, **{name: document[name] for name in order if name in document}}
    stored = decode(encode(stored))

    assert encode(back(codec, codec.row_of(stored))) == encode(stored)


def test_an_element_as_the_map_expects_it_has_no_layout_and_no_overflow() -> None:
    stored = {
        "_id": ID,
        "code": "x",
        "lines": [{"a": "y", "b": 1}, {}],
        "more": {"notes": []},
    }

    row = RowCodec(MAP).row_of(stored)

    assert (row.layout, row.overflow, row.nulls, row.drift) == (None, None, (), ())
    assert row.elements == (
        (
            Row(values=("y", 1, None, None, None), layout=None, overflow=None, nulls=(), drift=()),
            Row(
                values=(None, None, None, None, None),
                layout=None,
                overflow=None,
                nulls=(),
                drift=(),
            ),
        ),
        (),
    )


@pytest.mark.parametrize(
    ("document", "nulls"),
    [
        ({"lines": []}, ("~order_notes",)),
        ({"lines": None}, ("order_lines", "~order_notes")),
        ({}, ("~order_lines", "~order_notes")),
        ({"more": {}}, ("~order_lines", "~order_notes")),
        ({"more": {"notes": None}}, ("order_notes", "~order_lines")),
        ({"more": 5}, ("~order_lines", "~order_notes")),
    ],
)
def test_a_missing_array_is_told_from_null_and_from_an_empty_one(
    document: dict[str, Any], nulls: tuple[str, ...]
) -> None:
    codec = RowCodec(MAP)
    row = codec.row_of({"_id": ID, **document})

    assert (row.nulls, row.drift) == (nulls, ())
    assert back(codec, row) == {"_id": ID, **document}


@pytest.mark.parametrize(
    ("lines", "drift"),
    [
        ([{"b": 1}, {"b": "x"}], [(), ("b",)]),
        ([5], [("a", "b", "c_a", "c_b", "0")]),
        ([[{"b": 1}], None], [("a", "b", "c_a", "c_b", "0")] * 2),
        ([DBRef("c", 1)], [("a", "b", "c_a", "c_b", "0")]),
        ({"b": 1}, []),
        (Int64(5), []),
    ],
)
def test_the_array_drifts_with_any_of_its_elements(lines: Any, drift: list[Any]) -> None:
    codec = RowCodec(MAP)
    row = codec.row_of({"_id": ID, "lines": lines})

    assert row.drift == ("order_lines",)
    assert [each.drift for each in row.elements[0]] == drift
    assert encode(back(codec, row)) == encode({"_id": ID, "lines": lines})


def test_rows_that_sql_has_added_or_deleted_become_part_of_the_document() -> None:
    codec = RowCodec(MAP)
    lacking = codec.row_of({"_id": ID, "code": "x"})
    filled = codec.row_of({"_id": ID, "lines": [{"a": "y"}]})
    line = [{"a": "z"}]

    with_line = codec.document_of(lacking.values, lacking.layout, None, [line, []])
    without = codec.document_of(filled.values, filled.layout, None, [[], []])

    assert with_line == {"_id": ID, "code": "x", "lines": line}
    assert without == {"_id": ID, "lines": []}
