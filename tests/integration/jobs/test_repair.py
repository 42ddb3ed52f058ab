"""What a repair does about single documents, and what it says when it cannot."""

import asyncio
import io
import itertools
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from bson import Int64, ObjectId
from pymongo import AsyncMongoClient

from comparators.canonical import CODEC, encode
from proxy.cli.entry import run
from proxy.cli.repairing import TO_LEGACY
from proxy.ledger.access import opened
from proxy.ledger.entries import Checkpoint, Divergence, DivergenceState
from proxy.ledger.orders import OrderKind, Orders
from proxy.ledger.read import DivergentDocument
from proxy.ledger.write import Ledger
from tests.eventually import eventually
from tests.faults.sidecar.test_crashes import is_replaced, verifier_pid
from tests.integration.cli.command import Ran, assert_three_lines
from tests.integration.jobs.damages import document
from tests.integration.jobs.field import MAPPED, Field
from tests.integration.ledger.findings import NO_LAG

pytestmark = pytest.mark.timeout(180)


async def divergent(field: Field) -> list[DivergentDocument]:
    found = (await field.sidecar.evidence()).divergent
    return [each for each in found if each.namespace in field.namespaces]


async def test_documents_are_chosen_by_the_name_of_the_report_or_by_their_id(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    _, namespace = field.namespaces
    await field.fill("notes", [document(f"note {n}", n) for n in range(6)])
    await field.sql(
        "DELETE FROM {schema}.notes WHERE body @> '{{\"n\": 1}}' OR body @> '{{\"n\": 2}}'"
    )
    await field.sweep("notes")
    await field.sql("DELETE FROM {schema}.notes WHERE body @> '{{\"n\": 3}}'")
    first, second = await divergent(field)

    by_name = await field.run("repair", "--id", first.document, "--why", "one", capsys=capsys)
    states = {each.document: each.state for each in await divergent(field)}
    by_id = await field.run(
        *("repair", "--collection", namespace, "--id", '"note 3"', "--why", "two"), capsys=capsys
    )
    unknown = await field.run("repair", "--id", "string#00", "--why", "three", capsys=capsys)
    rest = await field.sweep("notes")
    all_of_it = await field.run("repair", "--collection", namespace, "--why", "four", capsys=capsys)
    nothing = await field.run("repair", "--collection", namespace, "--why", "five", capsys=capsys)

    assert by_name.out == "repaired and equal: 1\n"
    assert states == {
        first.document: DivergenceState.REPAIRED,
        second.document: DivergenceState.OPEN,
    }
    assert by_id.out == "repaired and equal: 1\n"
    assert unknown.code == 78
    assert rest.differing == [second.document]
    assert all_of_it.out == "repaired and equal: 1\n"
    assert "nothing to repair" in nothing.out
    assert {each.why for each in await divergent(field)} == {"one", "four"}


async def test_a_document_that_is_gone_from_both_sides_is_closed(
    field: Field, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    _, namespace = field.namespaces
    await field.fill("notes", [document(f"note {n}", n) for n in range(3)])
    async with field.past_the_sidecar() as client:
        await client[field.database].notes.delete_one({"n": 1})
    await field.sweep("notes")
    await field.sql("DELETE FROM {schema}.notes WHERE body @> '{{\"n\": 1}}'")

    planned = await field.run("repair", "--collection", namespace, "--dry-run", capsys=capsys)
    repaired = await field.run("repair", "--collection", namespace, "--why", "gone", capsys=capsys)

    assert "on neither side" in planned.out
    assert repaired.code == 0
    [closed] = await divergent(field)
    assert (closed.state, closed.why) == (DivergenceState.RESOLVED, "gone")


async def test_the_way_back_asks_first_and_overwrites_mongodb(
    field: Field, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    mapped, _ = field.namespaces
    documents = [document(ObjectId(), n) for n in range(6)]
    await field.fill(MAPPED, documents)
    async with field.past_the_sidecar() as client:
        there = client[field.database].get_collection(MAPPED, codec_options=CODEC)
        await there.update_one({"n": 1}, {"$set": {"sub.a": Int64(1)}})
        await there.delete_one({"n": 2})
        await there.insert_one(document(ObjectId(), 7))
    await field.sweep(MAPPED)
    back = ("repair", "--to", "legacy", "--collection", mapped, "--who", "ada")

    planned = await field.run(*back, "--dry-run", capsys=capsys)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    refused = await field.run(*back, "--why", "restored", capsys=capsys)
    unheard = await field.run(*back, "--why", "restored", capsys=capsys)
    before = await divergent(field)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    repaired = await field.run(*back, "--why", "restored", capsys=capsys)

    steps = [planned.out.count(step) for step in ("replace it", "insert it", "delete it")]
    assert ("on MongoDB" in planned.out, steps) == (True, [1, 1, 1]), planned.printed
    assert "3 documents become as the gateway has them" in refused.err
    assert (refused.code, unheard.code) == (77, 77), unheard.printed
    assert {each.state for each in before} == {DivergenceState.OPEN}
    assert repaired.code == 0, repaired.printed
    assert "repaired and equal: 3\n" in repaired.out
    async with field.past_the_sidecar() as client:
        there = client[field.database].get_collection(MAPPED, codec_options=CODEC)
        found = [encode(each) async for each in there.find().sort("n", 1)]
    assert found == [encode(each) for each in documents]
    assert (await field.sweep(MAPPED)).suspects == 0
    assert {(each.state, each.who, each.why) for each in await divergent(field)} == {
        (DivergenceState.REPAIRED, "ada", f"restored {TO_LEGACY}")
    }


async def test_the_way_back_loses_no_write_that_comes_in_between(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    _, namespace = field.namespaces
    await field.fill("notes", [document(n, n) for n in range(60)])
    async with field.past_the_sidecar() as client:
        await client[field.database].notes.update_many({}, {"$set": {"name": "past the sidecar"}})
    await field.sweep("notes")
    ended = asyncio.Event()
    back = ("repair", "--to", "legacy", "--yes", "--collection", namespace, "--why", "test")

    async with asyncio.TaskGroup() as tasks:
        counting = tasks.create_task(_count_up(field, until=ended))
        try:
            await field.run(*back, capsys=capsys)
        finally:
            ended.set()
    await field.sidecar.drained()
    rest = await field.run(*back, capsys=capsys)

    assert rest.code == 0, rest.printed
    assert (await field.sweep("notes")).suspects == 0
    async with field.past_the_sidecar() as client:
        notes = client[field.database].notes
        stored = {each["_id"]: each async for each in notes.find()}
    assert {n: each.get("hits", 0) for n, each in stored.items()} == counting.result()
    assert {each["name"] for each in stored.values()} == {f"order {n}" for n in range(60)}


async def _count_up(field: Field, *, until: asyncio.Event) -> dict[int, int]:
    """Increment documents in turn through the sidecar; return how often each was."""
    counts = dict.fromkeys(range(60), 0)
    async with AsyncMongoClient[Any](field.sidecar.uri, serverMonitoringMode="poll") as client:
        for n in itertools.cycle(counts):
            if until.is_set():
                break
            await client[field.database].notes.update_one({"_id": n}, {"$inc": {"hits": 1}})
            counts[n] += 1
            await asyncio.sleep(0.01)
    return counts


async def test_a_repair_outlives_the_verifier(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    _, namespace = field.namespaces
    await field.fill("notes", [document(ObjectId(), n) for n in range(300)])
    await field.sql("DELETE FROM {schema}.notes")
    swept = await field.sweep("notes", per_chunk=1000)
    killed = verifier_pid(field.sidecar)
    assert killed is not None

    async def kill_when_begun() -> None:
        async with opened(field.sidecar.ledger) as access:
            orders = Orders(access)
            await eventually(
                lambda: orders.unsettled([OrderKind.MEND], of_each=9, log=""), within_s=30
            )
            os.kill(killed, signal.SIGKILL)
        await eventually(lambda: is_replaced(field.sidecar, killed), within_s=30)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(kill_when_begun())
        repairing = tasks.create_task(
            field.run("repair", "--collection", namespace, "--why", "killed", capsys=capsys)
        )

    assert len(swept.differing) == 300
    assert repairing.result().out == "repaired and equal: 300\n", repairing.result().err
    assert (await field.sweep("notes")).suspects == 0


async def test_without_a_verifier_it_says_what_to_start(
    field: Field, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = await Ledger.open(url)
    entry = Divergence(namespace="shop.orders", document=ObjectId(), cause="differs", since_ns=1)
    long_ago = Checkpoint(log="log", position=1, at_ns=1)
    await ledger.record([], checkpoint=long_ago, lag=NO_LAG, diverged=[entry])
    await ledger.close()
    async with field.past_the_sidecar() as client:
        await client[field.database].alone.insert_one({"_id": 1})
    sides = ["--legacy", field.legacy, "--gateway", field.gateway, "--ledger", url]

    async def parallax(*arguments: str) -> Ran:
        code = await asyncio.to_thread(run, [*arguments, *sides])
        printed = capsys.readouterr()
        return Ran(code=code, out=printed.out, err=printed.err)

    swept = await parallax("sweep", f"{field.database}.alone")
    async with opened(url) as access:
        asked = await Orders(access).unsettled(OrderKind, of_each=9, log="")
    repaired = await parallax("repair", "--id", str(entry.document), "--why", "test")

    for ran in (swept, repaired):
        assert ran.code == 69
        assert_three_lines(ran, what="no verifier works on this ledger", where="ledger.db")
        assert "parallax serve" in ran.err
    assert asked == []


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (["--to", "legacy", "--yes"], 78, "goes on the ledger with its reason"),
        ([], 78, "goes on the ledger with its reason"),
    ],
)
def test_what_is_not_to_be_done_is_refused(
    arguments: list[str], code: int, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["repair", *arguments]) == code
    assert what in capsys.readouterr().err
