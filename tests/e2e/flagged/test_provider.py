"""Flags from another provider than the file: what it says holds, and a roll-back holds whatever it says."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from pymongo import AsyncMongoClient

from proxy.cli.entry import run
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from tests.e2e.flagged.asking import Document, Flags, answered_from_there, gateway_reads, told
from tests.eventually import eventually
from tests.peers import provider

DATABASE = "provided"
NAME = f"{DATABASE}.moved"
WITHIN_S = 30


@pytest.fixture(scope="module")
def file(server_directory: Path) -> Path:
    path = server_directory / "provided.json"
    path.write_text("{}")
    return path


@pytest.fixture(scope="module")
async def sidecar(
    mongo: EmbeddedMongo, postgres: EmbeddedPostgres, server_directory: Path, file: Path
) -> AsyncIterator[EmbeddedSidecar]:
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE provided")
    await connection.close()
    async with embedded_sidecar(
        server_directory / "provided",
        legacy=mongo.uri,
        gateway=postgres.dsn_of("provided"),
        settings={
            "PARALLAX_FLAGS_PROVIDER": "tests.peers.provider:in_memory",
            "PARALLAX_VERIFIER_NICE": "0",
            provider.VARIABLE: str(file),
        },
    ) as running:
        yield running


async def test_what_another_provider_says_holds_until_the_evidence_turns_bad(
    sidecar: EmbeddedSidecar,
    client: AsyncMongoClient[Document],
    mongo_client: AsyncMongoClient[Document],
    flags: Flags,
    file: Path,
) -> None:
    # First asked for when the provider says nothing of it.
    collection, truth = client[DATABASE]["moved"], mongo_client[DATABASE]["moved"]
    await collection.insert_many([{"_id": n, "v": n} for n in range(5)])
    await sidecar.drained()
    nobody, _ = await flags("release", NAME, "--why", "nothing is held back")

    file.write_text(json.dumps({f"reads:{NAME}": "gateway"}))
    async with AsyncMongoClient[Document](sidecar.uri, serverMonitoringMode="poll") as other:
        # A connection that knows nothing yet asks at once, every other one within seconds.
        moved = other[DATABASE]["moved"]
        await answered_from_there(sidecar, lambda: moved.find_one({"_id": 2}))
    await answered_from_there(sidecar, lambda: collection.find_one({"_id": 2}))
    refused, reason = await flags("set", NAME, "shadow", "--why", "not here")

    # Round the proxy: the gateway cannot know of it, and answers what was there before.
    await truth.update_one({"_id": 1}, {"$set": {"v": "changed"}})
    stale = await collection.find_one({"_id": 1})
    await eventually(lambda: bool(told(sidecar, "rolled_back")), within_s=60)

    async def is_fresh() -> bool:
        return await collection.find_one({"_id": 1}) == {"_id": 1, "v": "changed"}

    await eventually(is_fresh, within_s=5)
    _, held_back = await flags("ls")

    async def is_entered() -> bool:
        return "gateway → shadow" in (await flags("history", NAME))[1]

    await eventually(is_entered, within_s=WITHIN_S)
    before = gateway_reads(sidecar)["served"]
    # What the provider goes on saying is asked anew meanwhile, on a connection that knows nothing yet.
    async with AsyncMongoClient[Document](sidecar.uri, serverMonitoringMode="poll") as other:
        assert await other[DATABASE]["moved"].find_one({"_id": 1}) == {"_id": 1, "v": "changed"}
    again = before, gateway_reads(sidecar)["served"]

    assert (nobody, refused) == (77, 77)
    assert "flags.provider" in reason
    assert stale == {"_id": 1, "v": 1}
    assert again[0] == again[1]
    [line] = [line for line in held_back.splitlines() if NAME in line]
    assert "shadow, braked since" in line
    assert "(the provider says gateway)" in line

    await collection.update_one({"_id": 1}, {"$set": {"v": "mended"}})
    await sidecar.drained()
    unreasoned, _ = await flags("release", NAME)
    released, shown = await flags("release", NAME, "--why", "it is mended")
    await answered_from_there(sidecar, lambda: collection.find_one({"_id": 2}))
    assert await collection.find_one({"_id": 1}) == {"_id": 1, "v": "mended"}
    _, history = await flags("history", NAME)

    assert (unreasoned, released) == (78, 0)
    assert shown == f"reads:{NAME}: braked → released\n"
    assert "it is mended" in history


@pytest.mark.parametrize("said", [provider.RAISE, "sideways", 3])
async def test_a_flag_that_goes_wrong_is_no_error_of_the_application(
    sidecar: EmbeddedSidecar, client: AsyncMongoClient[Document], file: Path, said: object
) -> None:
    name = f"wrong{said}"
    file.write_text(json.dumps({f"reads:{DATABASE}.{name}": said}))

    await client[DATABASE][name].insert_one({"_id": 1})
    found = [await client[DATABASE][name].find_one() for _ in range(5)]

    assert found == [{"_id": 1}] * 5
    complaints = [each["flag"] for each in told(sidecar, "flag_failed")]
    assert complaints.count(f"reads:{DATABASE}.{name}") == 1


async def test_a_provider_that_hangs_is_no_error_of_the_application(
    sidecar: EmbeddedSidecar, client: AsyncMongoClient[Document], file: Path
) -> None:
    file.write_text(json.dumps({f"reads:{DATABASE}.hung": provider.HANG}))

    await client[DATABASE]["hung"].insert_one({"_id": 1})
    found = [await client[DATABASE]["hung"].find_one() for _ in range(5)]

    assert found == [{"_id": 1}] * 5
    assert len(told(sidecar, "flags_provider_failed")) == 1


async def test_without_a_provider_that_can_be_had_everything_is_in_shadow(
    mongo: EmbeddedMongo, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    async with (
        embedded_sidecar(
            tmp_path / "raising",
            legacy=mongo.uri,
            gateway=postgres.dsn_of("provided"),
            settings={"PARALLAX_FLAGS_PROVIDER": "tests.peers.provider:raising"},
            arguments=("--no-verifier",),
        ) as running,
        AsyncMongoClient[Document](running.uri, serverMonitoringMode="poll") as client,
    ):
        await client[DATABASE]["alone"].insert_one({"_id": 1})
        assert await client[DATABASE]["alone"].find_one() == {"_id": 1}
        assert len(told(running, "flags_provider_failed")) == 1


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"PARALLAX_FLAGS_PROVIDER": "nobody"}, "flags.provider"),
        ({"PARALLAX_FLAGS_PROVIDER": "tests.peers.nowhere:made"}, "flags.provider"),
        (
            {"PARALLAX_FLAGS_PROVIDER": "a:b", "PARALLAX_FLAGS_FILE": "flags.json"},
            "PARALLAX_FLAGS_",
        ),
    ],
)
def test_a_provider_that_is_not_there_ends_the_start_with_its_place(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    settings: dict[str, str],
    place: str,
) -> None:
    monkeypatch.setenv("PARALLAX_DATA_DIRECTORY", str(tmp_path))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    code = run(["serve", "--legacy", "mongodb://127.0.0.1:1", "--gateway", "postgresql://h/d"])

    assert code == 78
    assert place in capsys.readouterr().err
