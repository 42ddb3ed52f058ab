"""The injector around two real gateways: what it damages, what it leaves, what it says of it."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from adapters.entities.entity import EntityMap
from adapters.gateway import Gateway, Generated, Mark
from adapters.injection import (
    DefectKind,
    DefectRecord,
    Entry,
    EntryKind,
    Injection,
    Injector,
    read_record,
)
from adapters.registry import gateway_for
from comparators.canonical import decode
from comparators.operation import Kind, Operation
from comparators.outcome import Documents
from proxy.embedded import EmbeddedPostgres
from tests.differential.maps import STORAGES

NOW = Generated(now_ms=1_700_000_000_000)
STORED_KINDS = {
    DefectKind.WRONG_VALUE,
    DefectKind.LOST_FIELD,
    DefectKind.LOST_DOCUMENT,
    DefectKind.LOST_WRITE,
}


Maps = Mapping[str, EntityMap]


@pytest.fixture(params=["documents", "mapped by key"])
def entities(request: pytest.FixtureRequest) -> Maps:
    return STORAGES[request.param]


@pytest.fixture
async def twin_dsn(postgres: EmbeddedPostgres, postgres_dsn: str) -> AsyncIterator[str]:
    name = f"{postgres_dsn.rsplit('/', 1)[1]}_twin"
    connection = await asyncpg.connect(postgres.dsn)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
        yield postgres.dsn_of(name)
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await connection.close()


async def _run(gateway: Gateway, kind: Kind, position: int | None = None, **arguments: Any) -> Any:
    operation = Operation(database="d", collection="c", kind=kind, arguments=arguments)
    mark = None if position is None else Mark(log="log", position=position)
    return (await gateway.run(operation, generated=NOW, mark=mark)).result


async def _fill(gateway: Gateway, count: int) -> None:
    for number in range(count):
        document = {"_id": number, "text": f"text {number}", "n": number}
        await _run(gateway, Kind.INSERT, number, documents=[document])


async def _stored(gateway: Gateway) -> dict[int, dict[str, Any]]:
    images = await gateway.images("d.c", range(60))
    return {document["_id"]: document for document in map(decode, images.values())}


async def test_documents_are_damaged_again_after_every_write(
    postgres_dsn: str, twin_dsn: str, tmp_path: Path, entities: Maps
) -> None:
    plan = Injection(rate=0.5, seed=1, twin=twin_dsn, record=tmp_path / "defects.jsonl")
    async with (
        gateway_for(postgres_dsn, connections=2, entities=entities) as damaged,
        gateway_for(twin_dsn, connections=2, entities=entities) as twin,
    ):
        with DefectRecord(plan.record) as record:
            injector = Injector(damaged, twin, plan, record)
            await _fill(injector, 60)
            update = {"q": {}, "u": {"$set": {"text": "new", "n": 5}}, "multi": True}
            await _run(injector, Kind.UPDATE, 100, updates=[update])
        held, clean = await _stored(injector), await _stored(twin)

    assert len(clean) == 60
    entries = [entry for entry in read_record(plan.record) if entry.kind is EntryKind.STORED]
    assert {entry.defect for entry in entries} == STORED_KINDS
    different = {number for number in clean if held.get(number) != clean[number]}
    assert len(entries) == len(different)


async def test_without_a_rate_nothing_is_damaged(
    postgres_dsn: str, twin_dsn: str, tmp_path: Path, entities: Maps
) -> None:
    plan = Injection(rate=0, seed=1, twin=twin_dsn, record=tmp_path / "defects.jsonl")
    async with (
        gateway_for(postgres_dsn, connections=2, entities=entities) as damaged,
        gateway_for(twin_dsn, connections=2, entities=entities) as twin,
    ):
        with DefectRecord(plan.record) as record:
            injector = Injector(damaged, twin, plan, record)
            await _fill(injector, 20)
            found = await _run(injector, Kind.FIND, filter={}, sort={"_id": 1})
        held, clean = await _stored(injector), await _stored(twin)

    assert isinstance(found, Documents)
    assert len(found.documents) == 20
    assert held == clean
    assert list(read_record(plan.record)) == []


async def test_a_read_is_damaged_in_the_same_way_when_it_is_repeated(
    postgres_dsn: str, twin_dsn: str, tmp_path: Path, entities: Maps
) -> None:
    plan = Injection(rate=1, seed=1, twin=twin_dsn, record=tmp_path / "defects.jsonl")
    async with (
        gateway_for(postgres_dsn, connections=2, entities=entities) as damaged,
        gateway_for(twin_dsn, connections=2, entities=entities) as twin,
    ):
        await _fill(damaged, 5)
        await _fill(twin, 5)
        with DefectRecord(plan.record) as record:
            injector = Injector(damaged, twin, plan, record)
            arguments: dict[str, Any] = {"filter": {}, "sort": {"n": 1}}
            first = await _run(injector, Kind.FIND, **arguments)
            again = await _run(injector, Kind.FIND, **arguments)
            right = await _run(twin, Kind.FIND, **arguments)

    assert first == again != right
    assert [entry.kind for entry in read_record(plan.record)] == [EntryKind.ANSWERED]


async def test_an_answer_that_differs_because_of_a_lost_document_is_explained(
    postgres_dsn: str, twin_dsn: str, tmp_path: Path, entities: Maps
) -> None:
    plan = Injection(rate=0, seed=1, twin=twin_dsn, record=tmp_path / "defects.jsonl")
    async with (
        gateway_for(postgres_dsn, connections=2, entities=entities) as damaged,
        gateway_for(twin_dsn, connections=2, entities=entities) as twin,
    ):
        await _fill(damaged, 2)
        await _fill(twin, 3)
        with DefectRecord(plan.record) as record:
            injector = Injector(damaged, twin, plan, record)
            await _run(injector, Kind.FIND, filter={"_id": 1})
            await _run(injector, Kind.FIND, filter={"_id": 2})

    entries: list[Entry] = list(read_record(plan.record))
    assert [entry.kind for entry in entries] == [EntryKind.AFFECTED]


async def test_a_transaction_runs_on_both_and_is_damaged_after_its_commit(
    postgres_dsn: str, twin_dsn: str, tmp_path: Path, entities: Maps
) -> None:
    plan = Injection(rate=1, seed=3, twin=twin_dsn, record=tmp_path / "defects.jsonl")
    async with (
        gateway_for(postgres_dsn, connections=2, entities=entities) as damaged,
        gateway_for(twin_dsn, connections=2, entities=entities) as twin,
    ):
        with DefectRecord(plan.record) as record:
            injector = Injector(damaged, twin, plan, record)
            documents = [{"_id": number, "text": "x", "n": 1} for number in range(12)]
            insert = Operation(
                database="d", collection="c", kind=Kind.INSERT, arguments={"documents": documents}
            )
            async with injector.transaction(Mark(log="log", position=1)) as transaction:
                await transaction.run(insert, generated=NOW)
        held, clean = await _stored(injector), await _stored(twin)

    assert len(clean) == 12
    assert held != clean
