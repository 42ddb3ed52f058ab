"""Sweeps find every document that differs and no other, and repairs mend them, while an application writes."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import AsyncMongoClient

from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import document_key, encode
from proxy.jobs.runners.dask import DaskRunner
from proxy.ledger.access import opened
from proxy.ledger.entries import DivergenceState
from proxy.ledger.fillings import Fillings, FillingState
from proxy.ledger.read import status
from proxy.shadow.causes import ROUND_THE_PROXY
from tests.eventually import eventually
from tests.faults.sidecar.traffic import drive
from tests.integration.cli.command import environment_of
from tests.integration.jobs.damages import damage, document
from tests.integration.jobs.field import MAPPED, Field, identifier

pytestmark = pytest.mark.timeout(180)

COLLECTIONS = (MAPPED, "notes")
DOCUMENTS = 200
HOT = 3
PAUSE_S = 0.02


@pytest.mark.parametrize("collection", COLLECTIONS)
async def test_fifty_damaged_documents_are_found_and_mended(
    field: Field, collection: str, capsys: pytest.CaptureFixture[str]
) -> None:
    namespace = f"{field.database}.{collection}"
    documents = [document(identifier(collection, n), n) for n in range(DOCUMENTS + 5)]
    documents, extra = documents[:-5], documents[-5:]
    await field.fill(collection, documents)
    before = await field.sweep(collection)
    async with PostgresGateway(field.gateway) as gateway:
        kinds = await damage(gateway, namespace, documents, extra)
    redaction = await field.redaction()
    wanted = {
        redaction.document(namespace, each["_id"])
        for each in [*documents[:40], *extra, *documents[40:45]]
    }

    swept = await field.sweep(collection)
    planned = await field.run("repair", "--dry-run", "--collection", namespace, capsys=capsys)
    again = await field.sweep(collection)
    repaired = await field.run(
        "repair", "--collection", namespace, "--who", "ada", "--why", "test", capsys=capsys
    )
    after = await field.run("sweep", namespace, capsys=capsys)

    assert (before.differing, before.documents, before.chunks > 3) == ([], DOCUMENTS, True)
    assert set(swept.differing) == wanted
    assert (len(swept.differing), swept.suspects, swept.uncompared) == (50, 50, 0)
    assert set(again.differing) == wanted, "a dry run changes nothing"
    assert planned.code == 0
    assert planned.out.count("replace it") == 40
    assert (planned.out.count("insert it"), planned.out.count("delete it")) == (5, 5)
    assert (repaired.code, repaired.out) == (0, "repaired and equal: 50\n")
    assert after.code == 0, after.printed
    divergent = [
        each for each in (await field.sidecar.evidence()).divergent if each.namespace == namespace
    ]
    assert len(divergent) == len(kinds)
    assert {(each.state, each.who, each.why) for each in divergent} == {
        (DivergenceState.REPAIRED, "ada", "test")
    }
    assert all(each.differences for each in divergent)


async def test_one_sided_and_bypassing_writes_are_found_on_every_collection(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    mapped, plain = field.namespaces
    for collection in COLLECTIONS:
        await field.fill(collection, [document(ObjectId(), n) for n in range(20)])
    async with field.past_the_sidecar() as client:
        database = client[field.database]
        await database.notes.update_one({"n": 3}, {"$set": {"name": "past the sidecar"}})
        await database.orders.delete_one({"n": 4})
        await database.only_legacy.insert_one({"_id": 1})
        await database.create_collection("capped", capped=True, size=4096)
        await field.sql("UPDATE {schema}.orders SET n = 1000 WHERE n = 5")
        await field.sql("UPDATE {schema}.order_lines SET sku = 'x' WHERE sku = 'sku 6 1'")

        names = (mapped, plain, f"{field.database}.only_legacy")
        found = await field.run("sweep", *names, capsys=capsys)
        capped = await field.run("sweep", f"{field.database}.capped", capsys=capsys)
        unknown = await field.run("sweep", f"{field.database}.unknown", capsys=capsys)
        async with opened(field.sidecar.ledger) as access:
            await Fillings(access).set({plain: FillingState.PENDING})
        unfilled = await field.run("sweep", plain, capsys=capsys)

    assert found.code == 1
    lines = [line for line in found.out.splitlines() if line.startswith("differs: ")]
    where = sorted(line.split()[1].partition(".")[2] for line in lines)
    assert where == ["notes", "only_legacy", "orders", "orders", "orders"]
    assert (capped.code, "is not compared: capped" in capped.err) == (0, True)
    assert unknown.code == 78
    assert (unfilled.code, "is not backfilled yet" in unfilled.err) == (2, True)
    divergent = [
        each
        for each in (await field.sidecar.evidence()).divergent
        if each.namespace.startswith(field.database)
    ]
    causes = [(each.namespace.partition(".")[2], each.cause) for each in divergent]
    assert sorted(causes) == [
        ("notes", ROUND_THE_PROXY.both),
        ("only_legacy", ROUND_THE_PROXY.only_legacy),
        ("orders", ROUND_THE_PROXY.only_gateway),
        *[("orders", ROUND_THE_PROXY.both)] * 2,
    ]
    assert {path for each in divergent for path in (c.path for c in each.differences)} >= {
        "n",
        "name",
        "lines.*.sku",
    }


async def test_a_sweep_under_traffic_finds_nothing_false(field: Field) -> None:
    ended = asyncio.Event()
    swept = []

    async with asyncio.TaskGroup() as tasks:
        driving = tasks.create_task(
            drive(field.sidecar.uri, field.database, until=ended, clients=2, pause_s=0.05)
        )
        async with field.past_the_sidecar() as client:
            messages = client[field.database].messages
            await eventually(lambda: messages.find_one({"user": 1}), within_s=20)
        for _ in range(2):
            swept += [await field.sweep(name, per_chunk=50) for name in ("users", "messages")]
        ended.set()

    assert driving.result().done > 20
    assert [each.differing for each in swept] == [[]] * 4
    assert sum(each.uncompared for each in swept) == 0
    await field.sidecar.drained()
    after = [await field.sweep(name, per_chunk=50) for name in ("users", "messages")]
    assert [each.suspects for each in after] == [0, 0]
    assert sum(each.documents for each in after) > 5


async def test_what_is_written_all_the_time_is_left_to_the_verifier_and_the_sweep_ends(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    _, namespace = field.namespaces
    documents = [document(n, n) for n in range(20)]
    await field.fill("notes", documents)
    ended = asyncio.Event()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(_write_again_and_again(field, until=ended))
        try:
            async with PostgresGateway(field.gateway) as gateway:
                damaged = encode({**documents[HOT], "total": -1.0})
                await gateway.put_images(namespace, {document_key(HOT): (HOT, damaged)})
            swept = await field.run("sweep", namespace, capsys=capsys)
        finally:
            ended.set()
    await field.sidecar.drained()
    found = [
        (each.namespace, path.path)
        for each in (await field.sidecar.evidence()).divergent
        for path in each.differences
        if each.namespace == namespace
    ]

    assert swept.code == 2, swept.printed
    assert f"pending: 1 of {namespace}, written all the time" in swept.out
    assert (namespace, "total") in found


async def _write_again_and_again(field: Field, *, until: asyncio.Event) -> None:
    async with AsyncMongoClient[Any](field.sidecar.uri, serverMonitoringMode="poll") as client:
        while not until.is_set():
            await client[field.database].notes.update_one({"_id": HOT}, {"$inc": {"hits": 1}})
            await asyncio.sleep(PAUSE_S)


async def test_a_cluster_sweeps_as_this_process_does(field: Field, cluster: str) -> None:
    await field.fill("notes", [document(identifier("notes", n), n) for n in range(300)])
    async with field.past_the_sidecar() as client:
        await client[field.database].notes.delete_one({"n": 17})

    async with DaskRunner(cluster) as runner:
        swept = await field.sweep("notes", runner=runner)

    assert (swept.documents, len(swept.differing), swept.chunks > 3) == (299, 1, True)


async def test_a_sweep_goes_on_within_its_budget_until_it_is_stopped(
    field: Field, tmp_path: Path
) -> None:
    await field.fill("notes", [document(identifier("notes", n), n) for n in range(60)])
    _, namespace = field.namespaces
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "proxy.cli",
            "sweep",
            namespace,
            "--every",
            "0.1",
            "--budget",
            "50",
        ),
        cwd=tmp_path,
        env=environment_of(
            {
                "PARALLAX_LEGACY_URI": field.legacy,
                "PARALLAX_GATEWAY_URI": field.gateway,
                "PARALLAX_LEDGER_URI": field.sidecar.ledger,
            }
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )

    async def moment() -> int:
        found = (await status(field.sidecar.ledger)).sweeps
        return next((each.oldest_ns for each in found if each.namespace == namespace), 0)

    try:
        first = await eventually(moment, within_s=30)

        async def is_swept_again() -> int:
            now = await moment()
            return now if now > first else 0

        second = await eventually(is_swept_again, within_s=30)
    finally:
        process.terminate()
        _, complaints = await process.communicate()

    assert process.returncode == 0, complaints.decode()
    assert second - first > 1e9, "sixty documents take more than a second"
