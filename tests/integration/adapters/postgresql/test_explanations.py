"""A slow operation comes with the plans of its statements, and with no value."""

from typing import Any, Final

import pytest

from adapters.gateway import Generated
from adapters.postgresql.gateway import PostgresGateway
from comparators.operation import Kind, Operation
from comparators.outcome import Outcome

SECRET: Final = "hunter2"
ALWAYS_S: Final = 1e-9


async def run(gateway: PostgresGateway, kind: Kind, **arguments: Any) -> Outcome:
    operation = Operation(database="slow", collection="things", kind=kind, arguments=arguments)
    return await gateway.run(operation, generated=Generated(now_ms=0))


async def test_reads_and_writes_are_explained_once(postgres_dsn: str) -> None:
    async with PostgresGateway(postgres_dsn, explain_beyond_s=ALWAYS_S) as gateway:
        inserted = await run(gateway, Kind.INSERT, documents=[{"_id": 1, "a": SECRET}])
        found = await run(gateway, Kind.FIND, filter={"a": SECRET})
        again = await run(gateway, Kind.FIND, filter={"a": SECRET})

    assert inserted.plan is not None
    assert "Insert on things" in inserted.plan
    assert found.plan is not None
    assert "Scan on things" in found.plan
    assert SECRET not in found.plan
    assert again.plan is None


@pytest.mark.parametrize("gone", [True, False])
async def test_what_cannot_be_explained_costs_no_answer(postgres_dsn: str, *, gone: bool) -> None:
    async with PostgresGateway(postgres_dsn, explain_beyond_s=ALWAYS_S) as gateway:
        if not gone:
            await run(gateway, Kind.CREATE)
        found = await run(gateway, Kind.FIND, filter={"a": 1})

    assert found.plan is not None
    assert ("no plan: SQLSTATE" in found.plan) is gone


async def test_nothing_is_explained_unless_asked(postgres_dsn: str) -> None:
    async with PostgresGateway(postgres_dsn) as gateway:
        found = await run(gateway, Kind.FIND, filter={"a": 1})

    assert found.plan is None
