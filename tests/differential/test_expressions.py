"""Aggregation expressions: the cases are true of a real server."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.synchronous.database import Database

from comparators.canonical import CODEC
from proxy.embedded import EmbeddedMongo
from tests.cases.reading import case_files, read_cases
from tests.differential.answers import evaluated_by_server, expected


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
