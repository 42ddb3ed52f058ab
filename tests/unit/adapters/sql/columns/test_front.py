from typing import Any

import pytest

from adapters.query.pipeline import parse_pipeline
from adapters.sql.columns.front import front_of


@pytest.mark.parametrize(
    ("stages", "sort", "skip", "limit", "ends", "rest"),
    [
        ([], {}, 0, None, "", 0),
        ([{"$match": {"a": 1}}, {"$match": {"b": 1}}, {"$count": "n"}], {}, 0, None, "count", 0),
        ([{"$sort": {"a": 1}}, {"$match": {"b": 1}}, {"$limit": 5}], {"a": 1}, 0, 5, "", 0),
        ([{"$skip": 2}, {"$limit": 5}, {"$count": "n"}], {}, 2, 5, "count", 0),
        ([{"$limit": 5}, {"$skip": 2}], {}, 0, 5, "", 1),
        ([{"$group": {"_id": "$a"}}, {"$sort": {"_id": 1}}], {}, 0, None, "group", 1),
        ([{"$sort": {"a": 1}}, {"$group": {"_id": "$a"}}], {"a": 1}, 0, None, "", 1),
        ([{"$limit": 5}, {"$group": {"_id": "$a"}}], {}, 0, 5, "", 1),
        ([{"$unwind": "$a"}, {"$match": {"a": 1}}], {}, 0, None, "", 2),
    ],
)
def test_a_pipeline_has_a_front(
    stages: list[Any], sort: Any, skip: int, limit: int | None, ends: str, rest: int
) -> None:
    front = front_of(parse_pipeline(stages))

    assert (front.sort, front.skip, front.limit) == (sort, skip, limit)
    assert (front.group is not None, front.count is not None) == (ends == "group", ends == "count")
    assert len(front.rest) == rest
