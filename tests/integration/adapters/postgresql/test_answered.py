"""How the gateway says it has found documents."""

from typing import Any

import pytest

from adapters.gateway import Generated
from adapters.postgresql.gateway import PostgresGateway
from comparators.operation import Kind, Operation
from comparators.outcome import Answered


def operation(kind: Kind, **arguments: Any) -> Operation:
    return Operation(database="shop", collection="users", kind=kind, arguments=arguments)


@pytest.mark.parametrize("gateway", ["documents"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "arguments", "answered"),
    [
        (Kind.FIND, {"filter": {"_id": 1}}, Answered.PUSHED_DOWN),
        (Kind.FIND, {"filter": {}}, Answered.PUSHED_DOWN),
        (Kind.FIND, {"filter": {"a": 1}}, Answered.NARROWED),
        (Kind.FIND, {"filter": {"a": None}}, Answered.SCANNED),
        (Kind.COUNT, {"query": {"a": None}}, Answered.SCANNED),
        (Kind.AGGREGATE, {"pipeline": [{"$match": {"a": 1}}]}, Answered.NARROWED),
        (
            Kind.UPDATE,
            {"updates": [{"q": {"a": 1}, "u": {"$set": {"b": 1}}}]},
            Answered.NARROWED,
        ),
        (Kind.INSERT, {"documents": [{"_id": 2}]}, None),
    ],
)
async def test_an_outcome_tells_how_its_documents_were_found(
    gateway: PostgresGateway, kind: Kind, arguments: dict[str, Any], answered: Answered | None
) -> None:
    now = Generated(now_ms=0)
    await gateway.run(operation(Kind.INSERT, documents=[{"_id": 1, "a": 1}]), generated=now)

    outcome = await gateway.run(operation(kind, **arguments), generated=now)

    assert outcome.answered is answered


@pytest.mark.parametrize("gateway", ["mapped by objectid"], indirect=True)
@pytest.mark.parametrize(
    ("query", "answered"),
    [({"a": None}, Answered.PUSHED_DOWN), ({"no column": 1}, Answered.SCANNED)],
)
async def test_a_mapped_table_is_scanned_for_what_has_no_column(
    gateway: PostgresGateway, query: dict[str, Any], answered: Answered
) -> None:
    now = Generated(now_ms=0)
    await gateway.run(operation(Kind.INSERT, documents=[{"_id": 1, "a": 1}]), generated=now)

    outcome = await gateway.run(operation(Kind.FIND, filter=query), generated=now)

    assert outcome.answered is answered
