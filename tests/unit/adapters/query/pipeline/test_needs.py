from typing import Any

import pytest

from adapters.query.paths import split_path
from adapters.query.pipeline import parse_pipeline
from adapters.query.pipeline.needs import paths_of_pipeline


@pytest.mark.parametrize(
    ("stages", "paths"),
    [
        ([{"$match": {"a": 1}}, {"$count": "n"}], "a"),
        ([{"$group": {"_id": "$a.b", "s": {"$sum": "$c"}}}], "a.b c"),
        ([{"$group": {"_id": None, "all": {"$push": "$$ROOT"}}}], None),
        ([{"$project": {"a": 1, "b": {"$add": ["$c", "$$ROOT.d"]}}}], "_id a b c d"),
        ([{"$sort": {"a": 1}}, {"$limit": 1}], None),
        ([{"$match": {"$expr": {"$eq": ["$a", "$$now"]}}}, {"$count": "n"}], "a"),
        ([{"$addFields": {"a.b": "$c"}}, {"$replaceWith": {"x": "$a"}}], "a a.b c"),
        ([{"$facet": {"a": [{"$count": "n"}], "b": [{"$group": {"_id": "$x"}}]}}], "x"),
        ([{"$facet": {"a": [{"$limit": 1}]}}], None),
    ],
)
def test_a_pipeline_looks_at_paths(stages: list[dict[str, Any]], paths: str | None) -> None:
    wanted = None if paths is None else frozenset(map(split_path, paths.split()))

    assert paths_of_pipeline(parse_pipeline(stages, variables=frozenset({"now"}))) == wanted
