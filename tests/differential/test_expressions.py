"""Aggregation expressions: the residual evaluator against a real server."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from pymongo import MongoClient
from pymongo.synchronous.database import Database

from comparators.canonical import CODEC
from comparators.errors import UnsupportedError
from proxy.embedded import EmbeddedMongo
from tests.cases.reading import case_files, read_cases
from tests.differential.answers import agree, evaluated, evaluated_by_server, expected
from tests.differential.grammar.documents_of_kinds import documents
from tests.differential.grammar.expressions import expressions

CASES = 300


@pytest.fixture
def database(mongo: EmbeddedMongo) -> Iterator[Database[dict[str, Any]]]:
    """Connect with the codec of the gateway path; expressions need no stored document."""
    with MongoClient[dict[str, Any]](mongo.uri) as client:
        yield client.get_database("expressions", codec_options=CODEC)


@pytest.mark.parametrize("family", case_files("expressions"))
def test_cases_are_true(family: str, database: Database[dict[str, Any]]) -> None:
    wrong = [
        case
        for case in read_cases("expressions", family)
        if evaluated_by_server(database, case["expression"], {"_id": 1}) != expected(case)
    ]

    assert wrong == []


@settings(
    max_examples=CASES,
    deadline=None,
    # The same cases in every run of `make test`; `make fuzz` looks for new ones.
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(expression=expressions(), document=documents())
@example(expression={"$add": ["$a", "$b"]}, document={"_id": 1, "a": 2**31 - 1, "b": 1})
def test_random_expressions_agree(
    database: Database[dict[str, Any]], expression: Any, document: dict[str, Any]
) -> None:
    try:
        answer = evaluated(expression, document)
    except UnsupportedError:
        return

    assert agree(answer, evaluated_by_server(database, expression, document))
