"""Which stages pass which; that the answers are the server's is for tests/differential."""

from typing import Any

import pytest

from adapters.query.pipeline import parse_pipeline, rearranged

MATCH: dict[str, Any] = {"$match": {"a": 1}}
SET: dict[str, Any] = {"$set": {"b": {"$add": ["$a", 1]}}}
LOOKUP: dict[str, Any] = {
    "$lookup": {"from": "c", "localField": "a", "foreignField": "a", "as": "z"}
}


def arranged(*stages: dict[str, Any]) -> Any:
    return rearranged(parse_pipeline(list(stages)))


@pytest.mark.parametrize(
    "stage",
    [
        SET,
        LOOKUP,
        {"$project": {"a": 1, "b": {"$add": ["$a", 1]}}},
        {"$project": {"b": 0}},
        {"$sort": {"b": 1}},
        {"$unwind": "$b"},
    ],
    ids=str,
)
def test_a_match_passes_what_leaves_its_fields_alone(stage: dict[str, Any]) -> None:
    assert arranged(stage, MATCH) == parse_pipeline([MATCH, stage])


@pytest.mark.parametrize(
    "stage",
    [
        {"$set": {"a": 1}},
        {"$set": {"a.b": 1}},
        {"$project": {"b": 1}},
        {"$unset": "a"},
        {"$unwind": "$a"},
        {"$limit": 1},
        {"$group": {"_id": "$a"}},
        {"$replaceWith": "$x"},
    ],
    ids=str,
)
def test_a_match_stays_behind_what_it_depends_on(stage: dict[str, Any]) -> None:
    assert arranged(stage, MATCH) == parse_pipeline([stage, MATCH])


def test_of_a_match_only_the_independent_part_passes() -> None:
    together = arranged(SET, {"$match": {"a": 1, "b": 2}})

    assert together == parse_pipeline([MATCH, SET, {"$match": {"b": 2}}])


def test_neighbouring_matches_are_one_and_pass_together() -> None:
    together = arranged(SET, {"$match": {"c": 1}}, MATCH)

    assert together == parse_pipeline([{"$match": {"c": 1, "a": 1}}, SET])


def test_a_limit_passes_what_makes_one_document_of_each() -> None:
    limit = {"$limit": 1}

    assert arranged(SET, limit) == parse_pipeline([limit, SET])
    assert arranged(LOOKUP, limit) == parse_pipeline([limit, LOOKUP])
