"""The cases of tests/cases, each on a real server and in the residual.

A file is a JSON array in Extended JSON. A case has a `claim`, the `documents` of a collection, one
operation (`filter` with `projection` and `sort`, or `update` with `filter`, `arrayFilters` and
`upsert`) and either the `documents_after` / `found` or the `code` of the refusal.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from bson import json_util
from bson.json_util import JSONMode, JSONOptions

from adapters.evaluate.match import matcher
from adapters.evaluate.order import sorted_documents
from adapters.evaluate.project import projector
from adapters.evaluate.update import updater
from adapters.evaluate.upsert import upserted
from adapters.query.filter import parse_filter, parse_query
from adapters.query.projection import parse_projection
from adapters.query.sort import parse_sort
from adapters.query.update import parse_update
from comparators.canonical import encode
from tests.differential.batches import (
    Answer,
    Database,
    Statement,
    found,
    residual,
    stored,
    update_all,
)

CASES = Path(__file__).parent.parent / "cases"
AREAS = ("filters", "projections", "sorts", "updates")
EXACT = JSONOptions(json_mode=JSONMode.CANONICAL, document_class=dict)

Case = dict[str, Any]
Document = dict[str, Any]


def cases_of(area: str) -> Iterator[Any]:
    for file in sorted((CASES / area).glob("*.json")):
        for case in json_util.loads(file.read_text(), json_options=EXACT):
            yield pytest.param(case, id=f"{file.stem}: {case['claim']}")


def every(areas: Sequence[str]) -> list[Any]:
    return [case for area in areas for case in cases_of(area)]


def expected(case: Case) -> Answer:
    if "code" in case:
        return int(case["code"])
    return [encode(each) for each in case["found" if "found" in case else "documents_after"]]


def found_by_residual(case: Case) -> list[Document]:
    query = parse_filter(case.get("filter", {}))
    project = projector(parse_projection(case.get("projection", {})), filter=query)
    ordered = sorted_documents(case["documents"], parse_sort(case.get("sort", {})))
    return [project(each) for each in ordered if matcher(query)(each)]


def left_by_residual(case: Case) -> list[Document]:
    update = parse_update(case["update"], case.get("arrayFilters"))
    query = parse_query(case.get("filter", {}), upsert=case.get("upsert", False))
    change = updater(update, filter=query, now_ms=0)
    after = [change(each) if matcher(query)(each) else each for each in case["documents"]]
    if case.get("upsert") and not any(map(matcher(query), case["documents"])):
        after.append(upserted(update, filter=query, now_ms=0, generated_id="made up"))
    return after


@pytest.mark.parametrize("area", AREAS)
def test_an_area_has_cases(area: str) -> None:
    assert list(cases_of(area))


@pytest.mark.parametrize("case", every(["filters", "projections", "sorts"]))
async def test_a_find_is_true_of_the_server_and_the_residual(
    mongo_database: Database, case: Case
) -> None:
    await stored(mongo_database, case["documents"])
    arguments = {name: case[name] for name in ("filter", "projection", "sort") if name in case}

    assert await found(mongo_database, **arguments) == expected(case)
    assert residual(found_by_residual, case) == expected(case)


@pytest.mark.parametrize("case", every(["updates"]))
async def test_an_update_is_true_of_the_server_and_the_residual(
    mongo_database: Database, case: Case
) -> None:
    await stored(mongo_database, case["documents"])
    statement = Statement(
        query=case.get("filter", {}),
        update=case["update"],
        array_filters=case.get("arrayFilters"),
        upsert=case.get("upsert", False),
    )

    server = await update_all(mongo_database, [statement])

    answer = server.errors.get(0) or [encode(each) for each in server.documents]
    assert answer == expected(case)
    assert residual(left_by_residual, case) == expected(case)
