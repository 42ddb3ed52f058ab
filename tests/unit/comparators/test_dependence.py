from typing import Any

import pytest

from comparators.dependence import (
    depends_on_order,
    filter_depends_on_order,
    kept_array,
    reads,
)

SET = ["tags", "author"]


@pytest.mark.parametrize(
    "expression",
    [
        {"$size": "$tags"},
        {"$size": {"$ifNull": ["$tags", []]}},
        {"$in": ["x", "$tags"]},
        {"$max": "$author.age"},
        {"$setUnion": ["$tags", ["x"]]},
        {"$size": {"$filter": {"input": "$author", "cond": {"$gt": ["$$this.age", 3]}}}},
        {"$literal": "$tags"},
        "$name",
        "tags",
    ],
    ids=str,
)
def test_what_counts_or_tests_does_not_depend_on_the_order(expression: Any) -> None:
    assert not depends_on_order(expression, SET)


@pytest.mark.parametrize(
    "expression",
    [
        "$tags",
        "$$ROOT",
        "$$ROOT.tags",
        {"$arrayElemAt": ["$author", 0]},
        {"$first": "$author.name"},
        {"$in": ["$tags", "$others"]},
        {"$max": ["$tags", "$others"]},
        {"$let": {"vars": {"x": "$tags"}, "in": "$$x"}},
    ],
    ids=str,
)
def test_what_takes_a_place_or_the_whole_depends(expression: Any) -> None:
    assert depends_on_order(expression, SET)


def test_nothing_depends_where_every_order_is_fixed() -> None:
    assert not depends_on_order("$$ROOT", [])
    assert not reads("$$ROOT", [])


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("$tags", "tags"),
        ("$author.name", "author"),
        ({"$map": {"input": "$author", "as": "a", "in": "$$a.name"}}, "author"),
        ({"$filter": {"input": "$tags", "cond": {"$ne": ["$$this", "x"]}}}, "tags"),
        ({"$ifNull": ["$tags", []]}, "tags"),
        ({"$map": {"input": "$author", "in": {"$first": "$tags"}}}, None),
        ({"$filter": {"input": "$tags", "cond": True, "limit": 1}}, None),
        ({"$slice": ["$tags", 1]}, None),
        ("$name", None),
    ],
    ids=str,
)
def test_what_keeps_each_element_keeps_the_freedom(expression: Any, kept: str | None) -> None:
    assert kept_array(expression, SET) == kept


@pytest.mark.parametrize(
    ("query", "depends"),
    [
        ({"tags": "x"}, False),
        ({"tags": {"$in": ["x", "y"]}}, False),
        ({"tags": {"$size": 2}}, False),
        ({"author.name": "x"}, False),
        ({"other": [1]}, False),
        ({"tags": ["x", "y"]}, True),
        ({"tags.0": "x"}, True),
        ({"$or": [{"a": 1}, {"tags": {"$ne": []}}]}, True),
        ({"$expr": {"$eq": [{"$first": "$tags"}, 1]}}, True),
        ({"$expr": {"$gt": [{"$size": "$tags"}, 1]}}, False),
    ],
    ids=str,
)
def test_a_filter_depends_by_position_or_as_a_whole(query: Any, depends: bool) -> None:
    assert filter_depends_on_order(query, SET) is depends
