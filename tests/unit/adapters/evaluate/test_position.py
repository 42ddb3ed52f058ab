"""Which of several matched positions counts.

Each pair of conditions was run on MongoDB 6.0: `{"s.$": 1}` as a projection, `{"$set": {"s.$": …}}` as an
update of the document below.
"""

from typing import Any

import pytest

from adapters.evaluate.position import matched_position
from adapters.query.filter import parse_filter

DOCUMENT = {
    "n": [1, 2, 3, 4],
    "l": [{"x": 1}, {"x": 2}, {"x": 3}, {"x": 4}],
    "s": ["a", "b", "c", "d"],
}


@pytest.mark.parametrize(
    ("query", "projected", "updated"),
    [
        ({"n": 3}, 2, 2),
        ({"n": {"$size": 4}}, None, None),
        ({"n": {"$not": {"$gt": 9}}}, None, None),
        ({"n": 4, "l.x": 3}, 2, 3),
        ({"n": {"$gt": 1}, "l.x": 3}, 2, 1),
        ({"n": 4, "l": {"$elemMatch": {"x": 2}}}, 1, 3),
        ({"n": 4, "$or": [{"n": 9}, {"n": 2}]}, 1, 1),
        ({"n": {"$in": [4]}, "s": "c"}, 2, 2),
    ],
    ids=str,
)
def test_the_last_condition_counts(
    query: dict[str, Any], projected: int | None, updated: int | None
) -> None:
    tree = parse_filter(query)

    assert matched_position(tree, planned=False)(DOCUMENT) == projected
    assert matched_position(tree, planned=True)(DOCUMENT) == updated
