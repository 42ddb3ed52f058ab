from typing import Any

import pytest
from bson.int64 import Int64

from adapters.entities.layout import layout_of
from adapters.entities.tags import Tag
from adapters.query.update import parse_update
from adapters.sql.columns.changes import changes_of, natural_layouts
from tests.unit.adapters.sql.columns.test_narrowing import COLUMNS


@pytest.mark.parametrize(
    "update",
    [
        {"$set": {"name": "x", "age": 1}},
        {"$set": {"name": "x"}, "$setOnInsert": {"x": 1}},
        {"$inc": {"age": 1, "score": 0.5}},
        {"$push": {"tags": "x"}},
        {"$push": {"tags": {"$each": ["x", "y"]}}},
        {"$addToSet": {"tags": "x"}},
        {"$pull": {"tags": "x"}},
        {"$unset": {"name": 1}},
        {"$max": {"age": 5}},
    ],
)
def test_an_update_of_columns_needs_no_reading(update: dict[str, Any]) -> None:
    assert changes_of(parse_update(update), COLUMNS, now_ms=0) is not None


@pytest.mark.parametrize(
    "update",
    [
        {"$set": {"x": 1}},
        {"$set": {"name": None}},
        {"$set": {"name": 5}},
        {"$set": {"age": Int64(5)}},
        {"$set": {"place": {"zip": "1"}}},
        {"$set": {"tags.0": "x"}},
        {"$set": {"name": "x", "y": 1}},
        {"$inc": {"age": Int64(1)}},
        {"$inc": {"age": 0}},
        {"$push": {"tags": {"$each": ["x"], "$slice": 2}}},
        {"$push": {"tags": 5}},
        {"$pull": {"tags": {"$gt": "a"}}},
        {"$unset": {"place.zip": 1}},
        {"$unset": {"more": 1}},
        {"$rename": {"name": "age"}},
        {"$setOnInsert": {"name": "x"}},
        {"name": "a replacement"},
        [{"$set": {"name": "x"}}],
    ],
)
def test_any_other_update_goes_the_general_way(update: Any) -> None:
    assert changes_of(parse_update(update), COLUMNS, now_ms=0) is None


def test_a_path_of_a_unique_index_goes_the_general_way() -> None:
    tree = parse_update({"$set": {"name": "x"}})

    assert changes_of(tree, COLUMNS, now_ms=0, guarded=[("name", "x")]) is None
    assert changes_of(tree, COLUMNS, now_ms=0, guarded=[("age",)]) is not None


def test_layouts_are_natural_where_the_fields_are() -> None:
    natural = layout_of(((("age",), Tag.NATURAL), (("x",), Tag.OVERFLOW)))
    long = layout_of(((("age",), Tag.LONG),))

    assert natural_layouts([natural, long], [("age",)]) == [natural.number]
