"""Aggregation pipelines: the cases are true of a real server."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.synchronous.database import Database

from comparators.canonical import CODEC
from proxy.embedded import EmbeddedMongo
from tests.cases.reading import case_files, read_cases, read_document
from tests.differential.answers import holds, piped_by_server

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
