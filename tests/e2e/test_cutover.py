"""The cut-over between drivers and both databases: PostgreSQL alone, MongoDB kept current behind, and back without a loss."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import AsyncMongoClient

from adapters.postgresql.outbox import Outbox
from proxy.capture.authority import read_authority
from proxy.cli.entry import run
from proxy.cli.relay_status import read_status
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres, embedded_mongo
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from tests.e2e.both_sides import both_sides_become_equal
from tests.e2e.moving.application import Application
from tests.e2e.node_runs import as_text, run_node, without_texts
from tests.eventually import eventually

Document = dict[str, Any]
Parallax = Callable[..., Awaitable[tuple[int, str]]]
DATABASE = "cut"
WHY = ("--why", "it is a test")
FORCED = (*WHY, "--force")
PROGRAMS = (
    ("mongoose.mjs", "9", "transactions"),
    ("mongoose.mjs", "8", "unique_index"),
    ("driver.mjs", "definitions"),
)


@pytest.fixture(scope="module")
async def behind(server_directory: Path) -> AsyncIterator[EmbeddedMongo]:
    """Run a MongoDB of this module's own: it is ended."""
    async with embedded_mongo(server_directory / "cut-over-mongo") as servers:
        yield servers


@pytest.fixture(scope="module")
async def sidecar(
    behind: EmbeddedMongo, postgres: EmbeddedPostgres, server_directory: Path
) -> AsyncIterator[EmbeddedSidecar]:
    """Run a sidecar that goes by a flags file."""
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE cut")
    await connection.close()
    folder = server_directory / "cut-over"
    folder.mkdir()
    async with embedded_sidecar(
        folder / "sidecar",
        legacy=behind.uri,
        gateway=postgres.dsn_of("cut"),
        settings={
            "PARALLAX_FLAGS_FILE": str(folder / "flags.json"),
            "PARALLAX_VERIFIER_NICE": "0",
        },
    ) as running:
        # Until there is a verifier there is no ledger.
        async with AsyncMongoClient[Document](running.uri, serverMonitoringMode="poll") as first:
            await first[DATABASE]["first"].insert_one({})
        await running.drained()
        yield running


@pytest.fixture
async def client(sidecar: EmbeddedSidecar) -> AsyncIterator[AsyncMongoClient[Document]]:
    async with AsyncMongoClient[Document](sidecar.uri, serverMonitoringMode="poll") as connected:
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


def gateway_of(sidecar: EmbeddedSidecar) -> str:
    """Return the address of its PostgreSQL database."""
    return str((sidecar.process.environment or {})["PARALLAX_GATEWAY_URI"])


async def mirrored(sidecar: EmbeddedSidecar, *, but_for: int = 0) -> None:
    """Wait until MongoDB has everything, but for so many writes."""

    async def is_empty() -> bool:
        async with Outbox(gateway_of(sidecar)) as outbox:
            return (await outbox.pending()).notes <= but_for

    await eventually(is_empty, within_s=60)


async def test_applications_move_to_postgresql_alone_and_back_without_a_loss(
    sidecar: EmbeddedSidecar, behind: EmbeddedMongo, mongo: EmbeddedMongo, parallax: Parallax
) -> None:
    ended = asyncio.Event()
    alone, text = await parallax("flags", "set", f"{DATABASE}.counters", "cutover", *FORCED)
    async with (
        AsyncMongoClient[Document](
            sidecar.uri, maxPoolSize=3, serverMonitoringMode="poll"
        ) as client,
        asyncio.TaskGroup() as tasks,
    ):
        applications = [Application(client, DATABASE, number, ended) for number in range(3)]
        for each in applications:
            tasks.create_task(each.run())
        try:
            await all_have_counted(applications)
            refused, objections = await parallax("flags", "set", "default", "cutover", *WHY)
            there, told = await parallax("flags", "set", "default", "cutover", *FORCED)
            assert (there, is_cut_over(sidecar)) == (0, True), told
            await behind.members[0].kill()
            await all_have_counted(applications)
            for number, program in enumerate(PROGRAMS):
                await sees_the_same(program, f"{DATABASE}_node_{number}", sidecar, mongo)
            await behind.members[0].start()
            await mirrored(sidecar, but_for=500)
            back, told = await parallax("flags", "set", "default", "shadow", *WHY)
            assert (back, is_cut_over(sidecar)) == (0, False), told
            await all_have_counted(applications)
        finally:
            ended.set()
    await sidecar.drained()
    evidence = await sidecar.evidence()
    shown, history = await parallax("flags", "history", "default")

    assert (alone, refused) == (77, 77)
    assert "one collection cannot be cut over" in text
    assert f"{DATABASE}.first: reads are in shadow, not in gateway" in " ".join(objections.split())
    assert shown == 0, history
    assert history.count("shadow → cutover (forced)") == 2
    for database in (DATABASE, *(f"{DATABASE}_node_{number}" for number in range(len(PROGRAMS)))):
        await both_sides_become_equal(behind.uri, gateway_of(sidecar), database)
    async with AsyncMongoClient[Document](behind.uri, serverMonitoringMode="poll") as legacy:
        counters = await legacy[DATABASE]["counters"].find().sort("_id").to_list()
        entries = await legacy[DATABASE]["entries"].distinct("_id")
    assert counters == [each.stands() for each in applications]
    assert entries == sorted(n for each in applications for n in each.inserted)
    assert evidence.tally.mismatched == 0
    swept, told = await parallax("sweep", f"{DATABASE}.counters", f"{DATABASE}.entries")
    assert swept == 0, told


async def all_have_counted(applications: Sequence[Application]) -> None:
    """Wait until each application has got on."""
    before = [each.times for each in applications]
    await eventually(
        lambda: all(each.times > then + 5 for each, then in zip(applications, before, strict=True)),
        within_s=60,
    )


async def sees_the_same(
    program: Sequence[str], database: str, sidecar: EmbeddedSidecar, mongo: EmbeddedMongo
) -> None:
    """Run a program on a MongoDB and on PostgreSQL alone; assert that it sees the same but for the texts of errors."""
    direct_uri = f"mongodb://{mongo.members[0].address}/{database}"
    direct = await run_node(program, direct_uri, database)
    through = await run_node(program, f"{sidecar.uri}{database}", database)
    assert as_text(without_texts(through.seen)) == as_text(without_texts(direct.seen)), program


async def test_mongodb_is_not_needed_and_hears_of_everything_later(
    sidecar: EmbeddedSidecar,
    behind: EmbeddedMongo,
    client: AsyncMongoClient[Document],
    parallax: Parallax,
) -> None:
    people = client[DATABASE]["people"]
    await people.create_index("name", unique=True)
    await people.insert_many([{"_id": n, "name": f"p{n}"} for n in range(10)])
    await client[DATABASE]["gone"].insert_one({"_id": 1})
    await sidecar.drained()
    cursor = people.find(batch_size=3)
    first = await cursor.next()
    code, told = await parallax("flags", "set", "default", "cutover", *FORCED)
    assert code == 0, told
    assert len([first, *await cursor.to_list()]) == 10, "MongoDB's cursor is read to its end"
    assert len(await people.find(batch_size=3).to_list()) == 10

    await behind.members[0].kill()
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
    await behind.members[0].start()
    await mirrored(sidecar)
    async with AsyncMongoClient[Document](behind.uri, serverMonitoringMode="poll") as again:
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

    def is_back() -> bool:
        status = read_status(sidecar.data)
        return status is not None and status.counts["side"] == "legacy"

    await eventually(is_back, within_s=10)


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
