"""Calls of every expression operator with several faults: both sides meet the same one first."""

from collections import Counter
from collections.abc import Iterator
from math import ceil
from random import Random
from typing import Any, Final

import pytest
from pymongo import MongoClient
from pymongo.synchronous.database import Database

from comparators.canonical import CODEC
from comparators.errors import UnsupportedError
from proxy.embedded import EmbeddedMongo
from tests.differential.answers import Answer, evaluated, piped_by_server
from tests.differential.grammar.faults import DOCUMENT, OPERATORS, call
from tests.differential.programs.reporting import tally_of
from tests.differential.programs.tally import End

COLLECTION: Final = "faults"


@pytest.fixture
def database(mongo: EmbeddedMongo) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongo.uri) as client:
        database = client.get_database("faults", codec_options=CODEC)
        database[COLLECTION].insert_one(dict(DOCUMENT))
        yield database
        client.drop_database("faults")


def answered(expression: Any) -> Answer | str:
    """Return what the gateway answers; a text names what it does not support."""
    try:
        return evaluated(expression, dict(DOCUMENT))
    except UnsupportedError as unsupported:
        return unsupported.what


@pytest.mark.timeout(0)
def test_of_several_faults_the_same_comes_first(
    request: pytest.FixtureRequest, database: Database[dict[str, Any]]
) -> None:
    # As many cases as a family of random programs, of all operators alike.
    each = ceil(request.config.getoption("--cases") / len(OPERATORS))
    tally = tally_of(request.config, request.node.name)
    different: dict[tuple[str, Any, Any], Any] = {}
    met: Counter[str] = Counter()

    for operator in OPERATORS:
        random = Random(f"{request.config.getoption('--seed')} {operator}")
        for _ in range(each):
            expression = call(random, operator)
            gateway = answered(expression)
            if isinstance(gateway, str):
                tally.ends[End.UNSUPPORTED] += 1
                tally.unsupported[gateway] += 1
                continue
            legacy = piped_by_server(
                database, COLLECTION, [{"$replaceWith": {"value": expression}}]
            )
            if legacy != gateway:
                tally.ends[End.DIFFERENT] += 1
                different.setdefault((operator, legacy, gateway), expression)
                continue
            refused = isinstance(legacy, int)
            tally.ends[End.REFUSED_ALIKE if refused else End.EQUAL] += 1
            met[operator] += not refused

    assert different == {}
    assert set(met) == set(OPERATORS)
