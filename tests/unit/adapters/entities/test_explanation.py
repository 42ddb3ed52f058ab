from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from adapters.entities.entity import Column, ColumnType, EntityMap, Identity, IdentityType
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
