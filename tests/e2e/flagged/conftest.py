"""One sidecar that goes by a flags file, for all tests of this folder that do not bring another."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from pymongo import AsyncMongoClient

from proxy.cli.entry import run
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from tests.e2e.flagged.asking import DATABASE, Document, Flags
from tests.peers.collector import Received, collector_beside


@pytest.fixture(scope="package")
def file(server_directory: Path) -> Path:
    """Give a flags file that is not there yet, in a folder that is."""
    folder = server_directory / "flags"
    folder.mkdir()
    return folder / "flags.json"


@pytest.fixture(scope="package")
def collecting() -> Iterator[tuple[str, Received]]:
    """Run a collector; give its endpoint and what it receives."""
    with collector_beside() as running:
        yield running


@pytest.fixture(scope="package")
async def sidecar(
    mongo: EmbeddedMongo,
    postgres: EmbeddedPostgres,
    server_directory: Path,
    file: Path,
    collecting: tuple[str, Received],
) -> AsyncIterator[EmbeddedSidecar]:
    """Run a sidecar that goes by the file, beside documents that were there before it."""
    async with AsyncMongoClient[Document](mongo.uri, serverMonitoringMode="poll") as before:
        await before[DATABASE]["old"].insert_many([{"_id": n} for n in range(3)])
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE flagged")
    await connection.close()
    async with embedded_sidecar(
        server_directory / "flagged",
        legacy=mongo.uri,
        gateway=postgres.dsn_of("flagged"),
        settings={
            "PARALLAX_FLAGS_FILE": str(file),
            "PARALLAX_VERIFIER_NICE": "0",
            "PARALLAX_TELEMETRY_OTLP_ENDPOINT": collecting[0],
            "PARALLAX_TELEMETRY_SIGNALS": "metrics,traces",
            "PARALLAX_TELEMETRY_INTERVAL_S": "1",
        },
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
        if name.startswith(("PARALLAX_", "TESTS_")):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "400")

    async def run_flags(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(run, ["flags", *arguments])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run_flags
