from typing import Any

import pytest

from adapters.repositories.secrecy import guarded, without
from comparators.errors import RefusedError

HIDDEN = {"users": frozenset({"password"}), "tokens": frozenset({"token"})}
MATCH = {"$match": {"a": 1}}
LOOKUP = {"from": "users", "localField": "u", "foreignField": "_id", "as": "user"}


def test_paths_are_left_out_of_documents_and_arrays() -> None:
    document = {"a": {"b": 1, "c": 2}, "list": [{"x": 1, "y": 2}, 3], "z": 1}

    assert without(document, ["a.b", "list.x", "z", "none.at.all"]) == {
        "a": {"c": 2},
        "list": [{"y": 2}, 3],
    }


@pytest.mark.parametrize(
    ("pipeline", "made"),
    [
        ([MATCH, {"$limit": 1}, MATCH], [MATCH, {"$unset": ["s"]}, {"$limit": 1}, MATCH]),
        (
            [MATCH, {"$match": {"$or": [{"$expr": {"$eq": ["$s", 1]}}]}}],
            [MATCH, {"$unset": ["s"]}, {"$match": {"$or": [{"$expr": {"$eq": ["$s", 1]}}]}}],
        ),
        (
            [{"$lookup": LOOKUP}],
            [{"$unset": ["s"]}, {"$lookup": LOOKUP}, {"$unset": ["user.password"]}],
        ),
        (
            [{"$lookup": {"from": "tokens", "pipeline": [MATCH], "as": "t"}}],
            [
                {"$unset": ["s"]},
                {
                    "$lookup": {
                        "from": "tokens",
                        "pipeline": [MATCH, {"$unset": ["token"]}],
                        "as": "t",
                    }
                },
                {"$unset": ["t.token"]},
            ],
        ),
        (
            [{"$facet": {"f": [{"$unionWith": "users"}]}}],
            [
                {"$unset": ["s"]},
                {
                    "$facet": {
                        "f": [
                            {
                                "$unionWith": {
                                    "coll": "users",
                                    "pipeline": [{"$unset": ["password"]}],
                                }
                            }
                        ]
                    }
                },
            ],
        ),
    ],
)
def test_no_stage_sees_what_is_hidden(
    pipeline: list[dict[str, Any]], made: list[dict[str, Any]]
) -> None:
    assert guarded(pipeline, frozenset({"s"}), HIDDEN) == made


@pytest.mark.parametrize("stage", [{"$out": "c"}, {"$facet": {"f": [{"$merge": "c"}]}}])
def test_a_stage_that_writes_is_refused(stage: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match="writes"):
        guarded([stage], frozenset(), {})
