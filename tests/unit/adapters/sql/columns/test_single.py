from typing import Any

import pytest

from adapters.query.filter import parse_filter
from adapters.sql.columns.single import finds_one_at_most

UNIQUE = [(("email",),), (("a",), ("b",))]


@pytest.mark.parametrize(
    ("query", "one"),
    [
        ({"_id": 1}, True),
        ({"_id": 1, "x": {"$gt": 1}}, True),
        ({"email": "x"}, True),
        ({"email": None}, False),
        ({"email": ["x"]}, False),
        ({"email": {"$in": ["x"]}}, False),
        ({"a": 1}, False),
        ({"a": 1, "b": 2}, True),
        ({"$or": [{"_id": 1}, {"_id": 2}]}, False),
    ],
)
def test_a_unique_index_lets_one_be_found(query: dict[str, Any], one: bool) -> None:
    assert finds_one_at_most(parse_filter(query), UNIQUE) is one
