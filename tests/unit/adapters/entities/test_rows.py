from dataclasses import replace
from typing import Any, Final

import pytest
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.entities.decoding import Plain
from adapters.entities.encoding import Row
from adapters.entities.entity import Column, ColumnType, EntityMap, Identity, IdentityType
from adapters.entities.layout import parse_layout
from adapters.entities.rows import RowCodec
from adapters.query.paths import split_path
from comparators.canonical import encode
from tests.differential.grammar.mapped import as_expected, entity
from tests.differential.grammar.mapped import documents as anything_mapped
from tests.differential.grammar.values import documents, values


def column(path: str, kind: ColumnType, **more: Any) -> Column:
    return Column(name=path.replace(".", "_"), path=split_path(path), type=kind, **more)


MAP: Final = EntityMap(
    collection="things",
    table="things",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(
        column("a", ColumnType.TEXT),
        column("b", ColumnType.INTEGER),
        column("c.a", ColumnType.DOUBLE),
        column("c.b.c", ColumnType.TIMESTAMPTZ),
        column("d", ColumnType.JSONB),
        column("0", ColumnType.TEXT, array=True),
    ),
)
ID: Final = ObjectId(b"twelve bytes")


def back(codec: RowCodec, row: Row) -> dict[str, Any]:
    """Return the document of a row whose layout went through its text."""
    layout = row.layout and parse_layout(row.layout.number, row.layout.text)
    return codec.document_of(row.values, layout, row.overflow)


@pytest.mark.parametrize("identity", list(IdentityType))
@settings(max_examples=300)
@given(identifier=values(1), document=documents)
def test_any_document_comes_back_bit_for_bit(
    identity: IdentityType, identifier: Any, document: dict[str, Any]
) -> None:
    codec = RowCodec(
        EntityMap(
            collection="things",
            table="things",
            identity=Identity(type=identity),
            columns=MAP.columns,
        )
    )
    stored = {"_id": identifier, **{n: v for n, v in document.items() if n != "_id"}}

    assert encode(back(codec, codec.row_of(stored))) == encode(stored)


@settings(max_examples=200)
@given(document=st.one_of(as_expected, as_expected, anything_mapped), data=st.data())
def test_the_quicker_way_makes_the_same_row(document: dict[str, Any], data: st.DataObject) -> None:
    alone = replace(entity(IdentityType.OBJECTID), children=())
    codec = RowCodec(alone, longest={"t": 1, "ta": 1})
    names = data.draw(
        st.lists(st.sampled_from([*document]), unique=True) if document else st.just([])
    )
    stored = {"_id": ID, **{name: document[name] for name in names}}

    assert codec.row_of(stored) == codec._encoding._row_of(stored)


@pytest.mark.parametrize("kind", [kind for kind in ColumnType if kind is not ColumnType.VARCHAR])
@settings(max_examples=200)
@given(value=st.one_of(values(2), st.lists(values(1), max_size=3)), array=st.booleans())
def test_any_value_survives_in_a_column_of_any_type(
    kind: ColumnType, value: Any, array: bool
) -> None:
    entity = EntityMap(
        collection="things",
        table="things",
        identity=Identity(type=IdentityType.OBJECTID),
        columns=(column("v", kind, array=array and kind is not ColumnType.JSONB),),
    )
    codec = RowCodec(entity)
    stored = {"_id": ID, "v": value}

    assert encode(back(codec, codec.row_of(stored))) == encode(stored)


def test_a_document_as_the_map_expects_it_has_no_layout_and_no_overflow() -> None:
    stored = {"_id": ID, "a": "x", "b": 1, "c": {"a": 1.5, "b": {"c": DatetimeMS(1)}}, "0": ["y"]}

    row = RowCodec(MAP).row_of(stored)

    assert row == Row(
        values=(ID.binary, "x", 1, 1.5, DatetimeMS(1), None, ["y"]),
        layout=None,
        overflow=None,
        nulls=(),
        drift=(),
    )


def test_null_is_told_from_missing() -> None:
    row = RowCodec(MAP).row_of({"_id": ID, "a": None})

    assert row.nulls == ("a",)
    assert row.overflow is None
    assert back(RowCodec(MAP), row) == {"_id": ID, "a": None}


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (5, True),
        (Int64(5), True),
        (5.0, True),
        (-0.0, False),
        (5.5, False),
        (Decimal128("5"), False),
    ],
)
def test_an_integer_column_holds_whole_numbers_of_each_type(value: Any, *, fits: bool) -> None:
    row = RowCodec(MAP).row_of({"_id": ID, "b": value})

    assert (row.drift == ()) is fits


def test_a_value_of_another_type_drifts_and_survives() -> None:
    stored = {"_id": ID, "a": ["x"], "z": 1}

    row = RowCodec(MAP).row_of(stored)

    assert row.drift == ("a",)
    assert row.values[1] is None
    assert back(RowCodec(MAP), row) == stored


def test_an_array_on_the_way_to_columns_makes_all_of_them_drift() -> None:
    row = RowCodec(MAP).row_of({"_id": ID, "c": [{"a": 1}]})

    assert row.drift == ("c_a", "c_b_c")


def test_what_sql_has_set_becomes_part_of_the_document() -> None:
    codec = RowCodec(MAP)
    row = codec.row_of({"_id": ID, "b": 1})
    changed = (row.values[0], "new", *row.values[2:])

    assert codec.document_of(changed, row.layout, row.overflow) == {"_id": ID, "a": "new", "b": 1}


@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.text(max_size=2),
            st.none() | st.floats(),
            st.none() | st.binary(min_size=12, max_size=12),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_rows_read_together_are_those_read_alone(rows: list[tuple[Any, ...]]) -> None:
    columns = (
        column("a", ColumnType.TEXT),
        column("b", ColumnType.DOUBLE),
        column("c", ColumnType.OBJECTID),
    )
    decode = RowCodec(replace(MAP, columns=columns)).decoder_of(None)
    whole = [(ID.binary, *row) for row in rows]

    assert isinstance(decode, Plain)
    alone = [decode(row, None) for row in whole]
    assert [*map(encode, decode.documents_of(whole))] == [*map(encode, alone)]
