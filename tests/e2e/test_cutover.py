"""The cut-over between drivers and both databases: PostgreSQL alone, MongoDB kept current behind, and back without a loss."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import AsyncMongoClient

from proxy.capture.authority import read_authority
from proxy.cli.entry import run
from proxy.cli.relay_status import read_status
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres, embedded_mongo
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from tests.eventually import eventually

Document = dict[str, Any]
Parallax = Callable[..., Awaitable[tuple[int, str]]]
DATABASE = "cut"
FORCED = ("--why", "it is a test", "--force")


@pytest.fixture(scope="module")
async def mongo(server_directory: Path) -> AsyncIterator[EmbeddedMongo]:
    """Run a MongoDB of this module's own: it is ended."""
    async with embedded_mongo(server_directory / "cut-over-mongo") as servers:
        yield servers


@pytest.fixture(scope="module")
async def sidecar(
    mongo: EmbeddedMongo, postgres: EmbeddedPostgres, server_directory: Path
) -> AsyncIterator[EmbeddedSidecar]:
    """Run a sidecar that goes by a flags file."""
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE cut")
    await connection.close()
    folder = server_directory / "cut-over"
    folder.mkdir()
    async with embedded_sidecar(
        folder / "sidecar",
        legacy=mongo.uri,
        gateway=postgres.dsn_of("cut"),
        settings={
            "PARALLAX_FLAGS_FILE": str(folder / "flags.json"),
            "PARALLAX_VERIFIER_NICE": "0",
        },
    ) as running:
        yield running


@pytest.fixture
async def client(sidecar: EmbeddedSidecar) -> AsyncIterator[AsyncMongoClient[Document]]:
    async with AsyncMongoClient[Document](sidecar.uri, serverMonitoringMode="poll") as connected:
        yield connected


@pytest.fixture
async def truth(mongo: EmbeddedMongo) -> AsyncIterator[AsyncMongoClient[Document]]:
    """Connect to MongoDB past the relay."""
    async with AsyncMongoClient[Document](mongo.uri, serverMonitoringMode="poll") as connected:
        yield connected


@pytest.fixture
def parallax(
    sidecar: EmbeddedSidecar, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Parallax:
    """Let a test call commands as an operator would: it returns the exit code and all that was printed."""
    for name, value in (sidecar.process.environment or {}).items():
        if name.startswith("PARALLAX_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")

    async def run_command(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(run, list(arguments))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run_command


def is_cut_over(sidecar: EmbeddedSidecar) -> bool:
    """Return whether PostgreSQL has the last word."""
    return read_authority(sidecar.data / "capture").is_gateway


async def mirrored(sidecar: EmbeddedSidecar) -> None:
    """Wait until MongoDB has everything."""

    async def is_empty() -> bool:
        connection = await asyncpg.connect(
            str((sidecar.process.environment or {})["PARALLAX_GATEWAY_URI"])
        )
        try:
            return bool(await connection.fetchval("SELECT count(*) = 0 FROM parallax.outbox"))
        finally:
            await connection.close()

    await eventually(is_empty, within_s=30)


async def test_everything_moves_and_comes_back_with_what_was_written(
    sidecar: EmbeddedSidecar,
    client: AsyncMongoClient[Document],
    truth: AsyncMongoClient[Document],
    parallax: Parallax,
) -> None:
    counters = client[DATABASE]["counters"]
    await counters.insert_many([{"_id": n, "n": 0} for n in range(50)])
    await sidecar.drained()
    written = 0
    ended = asyncio.Event()

    async def write_on() -> None:
        nonlocal written
        while not ended.is_set():
            found = await counters.find_one_and_update(
                {"_id": written % 50}, {"$inc": {"n": 1}}, return_document=True
            )
            assert found == {"_id": written % 50, "n": written // 50 + 1}
            written += 1

    alone, text = await parallax("flags", "set", f"{DATABASE}.counters", "cutover", *FORCED)
    refused, objections = await parallax("flags", "set", "default", "cutover", "--why", "now")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write_on())
        there, _ = await parallax("flags", "set", "default", "cutover", *FORCED)
        at_crossing = written
        await eventually(lambda: written > at_crossing + 20, within_s=20)
        assert is_cut_over(sidecar)
        back, _ = await parallax("flags", "set", "default", "shadow", "--why", "enough")
        at_return = written
        await eventually(lambda: written > at_return + 20, within_s=20)
        ended.set()
    await sidecar.drained()
    evidence = await sidecar.evidence()
    _, history = await parallax("flags", "history", "default")

    assert (alone, refused, there, back) == (77, 77, 0, 0)
    assert "one collection cannot be cut over" in text
    assert f"{DATABASE}.counters: reads are in shadow, not in gateway" in " ".join(
        objections.split()
    )
    assert sum([each["n"] async for each in truth[DATABASE]["counters"].find()]) == written
    assert not is_cut_over(sidecar)
    assert evidence.tally.mismatched == 0
    assert not evidence.divergent
    assert history.count("shadow → cutover (forced)") == 2
    swept, told = await parallax("sweep", f"{DATABASE}.counters")
    assert swept == 0, told


async def test_mongodb_is_not_needed_and_hears_of_everything_later(
    sidecar: EmbeddedSidecar,
    mongo: EmbeddedMongo,
    client: AsyncMongoClient[Document],
    parallax: Parallax,
) -> None:
    people = client[DATABASE]["people"]
    await people.create_index("name", unique=True)
    await people.insert_many([{"_id": n, "name": f"p{n}"} for n in range(10)])
    await client[DATABASE]["gone"].insert_one({"_id": 1})
    await sidecar.drained()
    assert (await parallax("flags", "set", "default", "cutover", *FORCED))[0] == 0

    await mongo.members[0].kill()
    # Two swap a name: on the way to MongoDB each is in the way of the other.
    await people.update_one({"_id": 1}, {"$set": {"name": "between"}})
    await people.update_one({"_id": 2}, {"$set": {"name": "p1"}})
    await people.update_one({"_id": 1}, {"$set": {"name": "p2"}})
    await people.delete_many({"_id": {"$gte": 8}})
    await people.insert_one({"_id": 100, "name": "new"})
    await client[DATABASE]["gone"].drop()
    await client[DATABASE].create_collection("made", validator={"n": {"$gt": 0}})
    await client[DATABASE]["made"].create_index("n", expireAfterSeconds=3600)
    async with client.start_session() as session, await session.start_transaction():
        await people.insert_one({"_id": 101, "name": "together"}, session=session)
        await client[DATABASE]["made"].insert_one({"_id": 1, "n": 5}, session=session)
    await sidecar.stop()
    await sidecar.start()
    async with AsyncMongoClient[Document](sidecar.uri, serverMonitoringMode="poll") as later:
        assert await later[DATABASE]["people"].count_documents({}) == 10
        for process in ("--instead", "mirror"):
            os.kill(child_of(sidecar, process), signal.SIGKILL)
            await later[DATABASE]["people"].update_one({"_id": 3}, {"$inc": {"times": 1}})
    await mongo.members[0].start()
    await mirrored(sidecar)
    async with AsyncMongoClient[Document](mongo.uri, serverMonitoringMode="poll") as again:
        named = {each["_id"]: each["name"] async for each in again[DATABASE]["people"].find()}
        assert named == {
            0: "p0",
            1: "p2",
            2: "p1",
            **{n: f"p{n}" for n in range(3, 8)},
            100: "new",
            101: "together",
        }
        assert (await again[DATABASE]["people"].find_one({"_id": 3}) or {})["times"] == 2
        assert await again[DATABASE]["made"].find().to_list() == [{"_id": 1, "n": 5}]
        assert (await again[DATABASE]["made"].index_information())["n_1"][
            "expireAfterSeconds"
        ] == 3600
        assert (await again[DATABASE]["made"].options())["validator"] == {"n": {"$gt": 0}}
        assert "gone" not in await again[DATABASE].list_collection_names()

    code, told = await parallax("flags", "set", "default", "shadow", "--why", "enough")
    assert code == 0, told
    swept, told = await parallax("sweep", f"{DATABASE}.people")
    assert swept == 0, told
    status = read_status(sidecar.data)
    assert status is not None
    assert status.counts["side"] == "legacy"


def child_of(sidecar: EmbeddedSidecar, argument: str) -> int:
    """Return a process of the sidecar, by a word of its command."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\x00")
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if argument.encode() in command and parent == sidecar.process.pid:
            return int(folder.name)
    raise AssertionError(argument)
