"""Aggregation pipelines: the residual evaluator against a real server."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from pymongo import MongoClient
from pymongo.synchronous.database import Database

from comparators.canonical import CODEC
from comparators.errors import UnsupportedError
from proxy.embedded import EmbeddedMongo
from tests.cases.reading import case_files, read_cases, read_document
from tests.differential.answers import agree_but_for_order, holds, piped, piped_by_server
from tests.differential.grammar.pipelines import FOREIGN, GIVEN, pipelines

CASES = 200
DOCUMENTS = read_document("pipeline_documents")


@pytest.fixture
def database(mongo: EmbeddedMongo) -> Iterator[Database[dict[str, Any]]]:
    """Give a database of its own with the codec of the gateway path."""
    name = f"pipelines_{uuid4().hex[:8]}"
    with MongoClient[dict[str, Any]](mongo.uri) as client:
        yield client.get_database(name, codec_options=CODEC)
        client.drop_database(name)


@pytest.mark.parametrize("stage", case_files("pipelines"))
def test_cases_are_true(stage: str, database: Database[dict[str, Any]]) -> None:
    database["c"].insert_many(DOCUMENTS["documents"])
    database["f"].insert_many(DOCUMENTS["foreign"])

    wrong = [
        case
        for case in read_cases("pipelines", stage)
        if not holds(case, piped_by_server(database, "c", case["pipeline"]))
    ]

    assert wrong == []


@pytest.fixture
def filled(database: Database[dict[str, Any]]) -> Database[dict[str, Any]]:
    """Give the documents that random pipelines run over."""
    database["c"].insert_many(GIVEN)
    database["f"].insert_many(FOREIGN)
    return database


@settings(
    max_examples=CASES,
    deadline=None,
    # The same cases in every run of `make test`; `make fuzz` looks for new ones.
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(pipeline=pipelines())
def test_random_pipelines_agree(filled: Database[dict[str, Any]], pipeline: list[Any]) -> None:
    try:
        answer = piped(pipeline, GIVEN, {"f": FOREIGN})
    except UnsupportedError:
        return

    assert agree_but_for_order(answer, piped_by_server(filled, "c", pipeline), pipeline)
