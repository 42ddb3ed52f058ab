"""Every pipeline case, in the residual evaluator alone; tests/differential asks the server too."""

from typing import Any

import bson
import pytest
from bson.int64 import Int64

from adapters.evaluate.pipeline import run_pipeline
from adapters.query.failures import CommandFailure
from adapters.query.pipeline import Match, collections_of, parse_pipeline, parse_update_pipeline
from comparators.canonical import CODEC
from comparators.errors import UnsupportedError
from tests.cases.reading import case_files, read_cases, read_document
from tests.differential.answers import Answer, holds, piped

GIVES = {"$documents": [{"a": 1}]}
GIVEN = read_document("pipeline_documents")


def run(pipeline: list[Any], documents: list[dict[str, Any]], **sources: Any) -> list[Any]:
    stages = parse_pipeline(pipeline)
    others = {name: sources.get(name, []) for name in collections_of(stages)}
    return list(run_pipeline(stages, documents, sources=others, now_ms=1_000))


@pytest.mark.parametrize("stage", case_files("pipelines"))
def test_pipelines_give_what_the_server_gives(stage: str) -> None:
    wrong: list[tuple[Any, Answer]] = []
    for case in read_cases("pipelines", stage):
        answer = piped(case["pipeline"], GIVEN["documents"], {"f": GIVEN["foreign"]})
        if not holds(case, answer):
            wrong.append((case, answer))

    assert wrong == []


def test_documents_that_go_in_are_not_changed() -> None:
    documents = [{"_id": 1, "a": {"b": [1, {"c": 2}]}, "t": [1, 2]}]
    before = [_exact(each) for each in documents]

    run([{"$set": {"a.b.c": 5}}, {"$unwind": "$t"}, {"$unset": "a.b"}], documents)

    assert [_exact(each) for each in documents] == before


def test_refusals_come_before_the_first_document() -> None:
    with pytest.raises(CommandFailure) as refused:
        run([{"$project": {"a": {"$divide": [1, 0]}}}], [])

    assert refused.value.code == 2


def test_leading_match_is_a_plain_value() -> None:
    first, *_ = parse_pipeline([{"$match": {"a": 1}}, {"$limit": 1}])

    assert first == parse_pipeline([{"$match": {"a": 1}}])[0]
    assert isinstance(first, Match)


def test_collections_are_found_at_every_depth() -> None:
    stages = parse_pipeline(
        [
            {
                "$facet": {
                    "x": [{"$lookup": {"from": "a", "pipeline": [{"$unionWith": "b"}], "as": "z"}}]
                }
            },
            {"$unionWith": "c"},
        ]
    )

    assert collections_of(stages) == {"a", "b", "c"}


def test_sample_takes_documents_of_the_collection() -> None:
    documents = [{"_id": n} for n in range(10)]

    some = run([{"$sample": {"size": 4}}], documents)
    everything = run([{"$sample": {"size": 20}}], documents)

    assert len({each["_id"] for each in some}) == 4
    assert all(each in documents for each in some)
    assert sorted(each["_id"] for each in everything) == list(range(10))


def test_documents_are_given_by_a_pipeline_of_the_database_alone() -> None:
    stages = parse_pipeline([{"$documents": [{"a": {"$add": [1, 2]}}]}], of_database=True)

    assert list(run_pipeline(stages, [], sources={}, now_ms=0)) == [{"a": 3}]
    for pipeline, of_database in (([], True), ([{"$match": {}}], True), ([GIVES], False)):
        with pytest.raises(CommandFailure) as refused:
            parse_pipeline(pipeline, of_database=of_database)
        assert refused.value.code == 73


def test_now_is_the_time_that_was_given() -> None:
    [document] = run([{"$project": {"_id": 0, "at": {"$toLong": "$$NOW"}}}], [{"_id": 1}])

    assert document == {"at": Int64(1_000)}


@pytest.mark.parametrize("stage", ["$search", "$geoNear"])
def test_unsupported_stage_is_named_exactly(stage: str) -> None:
    with pytest.raises(UnsupportedError) as refused:
        parse_pipeline([{stage: {}}])

    assert refused.value.what == stage


def test_unsupported_expression_is_named_exactly() -> None:
    with pytest.raises(UnsupportedError) as refused:
        parse_pipeline([{"$set": {"a": {"$rand": {}}}}])

    assert refused.value.what == "$rand"


def test_update_takes_only_stages_that_reshape() -> None:
    with pytest.raises(CommandFailure) as refused:
        parse_update_pipeline([{"$match": {"a": 1}}])

    assert refused.value.code == 72


def _exact(document: dict[str, Any]) -> bytes:
    return bson.encode(document, codec_options=CODEC)
