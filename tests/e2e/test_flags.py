"""Flags between a driver and both databases: what they say holds at once, and the ledger knows who said so."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import AsyncMongoClient

from proxy.cli.entry import run
from proxy.cli.relay_status import read_status
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.ledger.evidence import Evidence
from tests.eventually import eventually

Document = dict[str, Any]
Flags = Callable[..., Awaitable[tuple[int, str]]]
DATABASE = "flagged"


@pytest.fixture(scope="module")
def file(server_directory: Path) -> Path:
    """Give a flags file that is not there yet, in a folder that is."""
    folder = server_directory / "flags"
    folder.mkdir()
    return folder / "flags.json"


@pytest.fixture(scope="module")
async def sidecar(
    mongo: EmbeddedMongo, postgres: EmbeddedPostgres, server_directory: Path, file: Path
) -> AsyncIterator[EmbeddedSidecar]:
    """Run a sidecar that goes by the file."""
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE flagged")
    await connection.close()
    async with embedded_sidecar(
        server_directory / "flagged",
        legacy=mongo.uri,
        gateway=postgres.dsn_of("flagged"),
        settings={"PARALLAX_FLAGS_FILE": str(file)},
    ) as running:
        yield running


@pytest.fixture
async def client(sidecar: EmbeddedSidecar) -> AsyncIterator[AsyncMongoClient[Document]]:
    async with AsyncMongoClient[Document](
        sidecar.uri, maxPoolSize=1, serverMonitoringMode="poll"
    ) as connected:
        yield connected


@pytest.fixture
def flags(
    sidecar: EmbeddedSidecar, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Flags:
    """Let a test call `parallax flags` as an operator would: it returns the exit code and all that was printed."""
    for name, value in (sidecar.process.environment or {}).items():
        if name.startswith("PARALLAX_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")

    async def run_flags(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(run, ["flags", *arguments])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run_flags


def told(sidecar: EmbeddedSidecar, event: str) -> list[Document]:
    """Return what the sidecar has logged of an event."""
    lines = sidecar.process.log_path.read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == event]


async def has_been_read(sidecar: EmbeddedSidecar, times: int) -> None:
    """Wait until the relay has read its flags so many times."""
    await eventually(lambda: len(told(sidecar, "flags_read")) >= times, within_s=10)


def reads_of(evidence: Evidence, name: str) -> int:
    """Return how many finds of a collection were seen."""
    return sum(
        shape.tally.seen
        for shape in evidence.shapes
        if shape.namespace == f"{DATABASE}.{name}" and shape.kind == "find"
    )


async def test_reads_that_are_off_are_answered_and_not_captured(
    sidecar: EmbeddedSidecar, client: AsyncMongoClient[Document], flags: Flags
) -> None:
    loud, quiet = client[DATABASE]["loud"], client[DATABASE]["quiet"]
    for collection in (loud, quiet):
        await collection.insert_many([{"_id": n} for n in range(150)])
        assert len(await collection.find().to_list()) == 150
    await sidecar.drained()

    before = await flags("set", f"{DATABASE}.quiet", "off", "--why", "an export")
    await has_been_read(sidecar, 1)
    for collection in (loud, quiet):
        assert len(await collection.find().to_list()) == 150
        await collection.update_one({"_id": 1}, {"$set": {"seen": True}})
    await sidecar.drained()
    evidence = await sidecar.evidence()
    status = read_status(sidecar.data)

    assert before == (0, f"reads:{DATABASE}.quiet: shadow → off\n")
    assert (reads_of(evidence, "loud"), reads_of(evidence, "quiet")) == (2, 1)
    assert status is not None
    assert status.counts["reads_off"] == 2  # the find and its getMore
    assert evidence.tally.mismatched == 0
    assert not evidence.divergent

    code, shown = await flags("ls")
    assert code == 0
    assert [line.split()[1:4:2] for line in shown.splitlines() if "quiet" in line] == [
        [f"{DATABASE}.quiet", "off"]
    ]
    code, shown = await flags("history", f"{DATABASE}.quiet")
    assert code == 0
    assert "shadow → off" in shown
    assert "an export" in shown
    assert "samples inconclusive" in shown


async def test_a_broken_file_keeps_what_held_and_what_is_not_built_is_refused(
    sidecar: EmbeddedSidecar, client: AsyncMongoClient[Document], flags: Flags, file: Path
) -> None:
    await client[DATABASE]["other"].insert_one({"_id": 1})
    await sidecar.drained()
    good = file.read_text() if file.exists() else '{"flags": {}}'

    refused, text = await flags("set", "default", "cutover", "--why", "too soon")
    unreasoned, _ = await flags("set", "default", "off")
    file.write_text("{")
    await eventually(lambda: bool(told(sidecar, "flags_broken")), within_s=10)
    broken, _ = await flags("set", "default", "off", "--why", "it cannot be read")
    found = await client[DATABASE]["other"].find_one()
    file.write_text(good)

    assert (refused, unreasoned, broken) == (77, 78, 78)
    assert "the phase `cutover` of reads is not built yet" in text
    assert found == {"_id": 1}
