from dataclasses import replace

from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from adapters.entities.entity import Child, Column, ColumnType, EntityMap, Identity, IdentityType
from adapters.entities.explanation import explain_document

MAP = EntityMap(
    collection="orders",
    table="purchases",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(
        Column(name="code", path=("code",), type=ColumnType.VARCHAR, length=5),
        Column(name="total", path=("sum", "total"), type=ColumnType.INTEGER),
        Column(name="more", path=("more",), type=ColumnType.JSONB),
    ),
)
ID = ObjectId(b"twelve bytes")


def test_a_document_as_the_map_expects_it_needs_nothing_more() -> None:
    document = {"_id": ID, "code": "secret", "sum": {"total": 1}} | {"code": "abc"}

    assert list(explain_document(MAP, document)) == [
        "orders → table purchases",
        "  _id (objectId) → id objectid, the primary key",
        "  code (string) → code varchar(5)",
        "  sum.total (int) → total integer",
        "  as the map expects it: no layout, no overflow",
    ]


def test_each_way_out_of_the_columns_is_told_without_values() -> None:
    document = {
        "_id": 5,
        "more": {"b": Decimal128("1")},
        "sum": {"total": Int64(7), "other": 1},
        "code": "too long",
        "extra": None,
    }

    lines = list(explain_document(MAP, document))

    assert lines[1:6] == [
        "  _id (int) → id objectid, the primary key in another form; the overflow is exact",
        "  more (object) → more jsonb to find it by; the overflow is exact",
        "  sum.total (long) → total integer, the layout says that it is a long",
        "  sum.other (int) → the overflow: no column",
        "  code (string) → the overflow: it does not fit code varchar(5); the name of the column is in _drift",
    ]
    assert "  drift: id, code" in lines
    assert not any("too long" in line for line in lines)


def test_null_and_empty_documents_are_told() -> None:
    lines = list(explain_document(MAP, {"_id": ID, "code": None, "sum": {}}))

    assert "  code (null) → code varchar(5), NULL; the name of the column is in _nulls" in lines
    assert "  sum (object) → the layout: an empty document" in lines


LINES = Child(
    table="lines",
    path=("lines",),
    columns=(
        Column(name="n", path=("n",), type=ColumnType.INTEGER),
        Column(name="of", path=("by", "name"), type=ColumnType.TEXT),
    ),
)
WITH_LINES = replace(MAP, columns=MAP.columns[:1], children=(LINES,))


def test_elements_are_told_once_for_all_that_are_alike() -> None:
    lines = [{"n": 1}, {"n": 2, "by": {"name": "secret"}}, {"n": "secret", "more": 1}, "secret"]

    told = [*explain_document(WITH_LINES, {"_id": ID, "lines": lines})]

    assert (
        told[2:-3]
        == [
            "  lines (array) → child table lines: 4 rows",
            "    n (int) → n integer, 2 times",
            "    by.name (string) → of text",
            "    n (string) → the overflow: it does not fit n integer; the name of the column is in _drift",
            "    more (int) → the overflow: no column",
            "    no document (string) → the overflow of its row; all columns drift",
        ]
        or told[2:-2]
    )
    assert told[-1] == "  drift: lines"
    assert not any("secret" in line for line in told)


def test_what_is_no_array_is_told() -> None:
    null = [*explain_document(WITH_LINES, {"_id": ID, "lines": None})]
    other = [*explain_document(WITH_LINES, {"_id": ID, "lines": 5})]
    empty = [*explain_document(WITH_LINES, {"_id": ID, "lines": []})]

    assert "  lines (null) → child table lines: no rows; its name is in _nulls" in null
    assert (
        "  lines (int) → the overflow: no array for the child table lines; its name is in _drift"
        in other
    )
    assert empty[-2:] == [
        "  lines (array) → child table lines: 0 rows",
        "  as the map expects it: no layout, no overflow",
    ]
