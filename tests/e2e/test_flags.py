"""Flags between a driver and both databases: what they say holds at once, and the ledger knows who said so."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from comparators.operation import Kind, Operation
from comparators.shape import shape_of
from proxy.cli.entry import run
from proxy.cli.relay_status import read_status
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.flags.document import EMPTY, Said, said, with_flag
from proxy.flags.file import read_flags, write_flags
from proxy.flags.phases import Direction, Phase
from proxy.ledger.evidence import Evidence
from proxy.wire.protocol.framing import REPLY_OPCODES, Framer
from tests.eventually import eventually
from tests.peers.messages import document_of, op_msg

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
        settings={"PARALLAX_FLAGS_FILE": str(file), "PARALLAX_VERIFIER_NICE": "0"},
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


def reads_off(sidecar: EmbeddedSidecar) -> int:
    """Return how many reads the relay has not captured."""
    status = read_status(sidecar.data)
    return 0 if status is None else int(status.counts["reads_off"])


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

    assert before == (0, f"reads:{DATABASE}.quiet: shadow → off\n")
    assert (reads_of(evidence, "loud"), reads_of(evidence, "quiet")) == (2, 1)
    # The find and its getMore; the relay says so once a second.
    await eventually(lambda: reads_off(sidecar) == 2, within_s=10)
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


@pytest.mark.parametrize("content", ["{", '{"flags": {}, "$evaluators": 3}', "[" * 100_000])
async def test_a_broken_file_keeps_what_held_and_what_is_not_built_is_refused(
    content: str,
    sidecar: EmbeddedSidecar,
    client: AsyncMongoClient[Document],
    flags: Flags,
    file: Path,
) -> None:
    relay = sidecar.process.pid
    already = len(told(sidecar, "flags_broken"))
    await client[DATABASE]["other"].update_one({"_id": 1}, {"$set": {"n": 1}}, upsert=True)
    await sidecar.drained()
    good = file.read_text() if file.exists() else '{"flags": {}}'

    refused, text = await flags("set", "default", "cutover", "--why", "too soon")
    unreasoned, _ = await flags("set", "default", "off")
    file.write_text(content)
    await eventually(lambda: len(told(sidecar, "flags_broken")) > already, within_s=10)
    broken, _ = await flags("set", "default", "off", "--why", "it cannot be read")
    found = await client[DATABASE]["other"].find_one()
    file.write_text(good)

    assert (refused, unreasoned, broken) == (77, 78, 78)
    assert "reads are in shadow, not in gateway" in " ".join(text.split())
    assert found == {"_id": 1, "n": 1}
    assert sidecar.process.pid == relay, "a file ended the relay"


def gateway_reads(sidecar: EmbeddedSidecar) -> Counter[str]:
    """Return what became of the reads that the gateway was to answer, at most a second ago."""
    status = read_status(sidecar.data)
    return Counter() if status is None else Counter(status.counts["gateway_reads"])


async def gateway_reads_by_now(sidecar: EmbeddedSidecar) -> Counter[str]:
    """Return what became of all reads so far that the gateway was to answer."""
    asked_s = time.monotonic()

    def is_written_since() -> bool:
        status = read_status(sidecar.data)
        return status is not None and status.age_s < time.monotonic() - asked_s

    await eventually(is_written_since, within_s=10)
    return gateway_reads(sidecar)


def gateway_process(sidecar: EmbeddedSidecar) -> int | None:
    """Return the process beside the relay that answers reads from the gateway; None while there is none."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"--behind" in command and parent == sidecar.process.pid:
            return int(folder.name)
    return None


async def answered_from_there(
    sidecar: EmbeddedSidecar, ask: Callable[[], Awaitable[object]]
) -> None:
    """Ask until the gateway has answered."""
    before = (await gateway_reads_by_now(sidecar))["served"]

    async def is_served() -> bool:
        await ask()
        return gateway_reads(sidecar)["served"] > before

    await eventually(is_served, within_s=30)


async def pipelined(sidecar: EmbeddedSidecar, name: str, requests: int) -> list[Document]:
    """Send finds without waiting for any reply, and return what came, with the number that each answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.port)
    for number in range(1, requests + 1):
        find = {"find": name, "filter": {"_id": number}, "$db": DATABASE}
        writer.write(op_msg(find, request_id=number))
        await asyncio.sleep(0)
    framer = Framer(peer="relay", opcodes=REPLY_OPCODES)
    replies: list[Document] = []
    while len(replies) < requests:
        framer.receive(await reader.read(1 << 16))
        while (frame := framer.next_frame()) is not None:
            replies.append({"to": frame.response_to, **document_of(frame.raw)})
    writer.close()
    await writer.wait_closed()
    return replies


async def open_cursors(client: AsyncMongoClient[Document]) -> int:
    """Return how many cursors MongoDB holds, those of other tests included."""
    status = await client.admin.command("serverStatus")
    return int(status["metrics"]["cursor"]["open"]["total"])


async def test_reads_move_to_the_gateway_and_back(
    sidecar: EmbeddedSidecar,
    client: AsyncMongoClient[Document],
    mongo_client: AsyncMongoClient[Document],
    flags: Flags,
) -> None:
    collection, truth = client[DATABASE]["moved"], mongo_client[DATABASE]["moved"]
    before = await open_cursors(mongo_client)
    await collection.insert_many([{"_id": n, "v": n % 7} for n in range(300)])
    await sidecar.drained()
    name = f"{DATABASE}.moved"

    refused, objections = await flags("set", name, "gateway", "--why", "now")
    forced, _ = await flags("set", name, "gateway", "--why", "it is a test", "--force")
    await answered_from_there(sidecar, lambda: collection.find_one({"_id": 1}))
    for _ in range(3):
        assert await collection.find().to_list() == await truth.find().to_list()
        assert await collection.find(batch_size=50).to_list() == await truth.find().to_list()
        assert await collection.find({"v": 3}, limit=5).to_list() == (
            await truth.find({"v": 3}, limit=5).to_list()
        )
        assert await collection.count_documents({"v": {"$gt": 4}}) == 85
        assert await collection.distinct("v") == list(range(7))
        assert len(await (await collection.aggregate([{"$match": {"v": 1}}])).to_list()) == 43
    with pytest.raises(OperationFailure, match=r"\$nope"):
        await collection.find_one({"v": {"$nope": 1}})
    replies = await pipelined(sidecar, "moved", 200)
    assert [reply["to"] for reply in replies] == list(range(1, 201))
    found = [reply["cursor"]["firstBatch"][0]["_id"] for reply in replies]
    assert found == list(range(1, 201))
    for n in range(100):
        await collection.update_one({"_id": n % 3}, {"$set": {"n": n}, "$inc": {"times": 1}})
        seen = await collection.find_one({"_id": n % 3})
        assert seen is not None
        assert (seen["n"], seen["times"]) == (n, n // 3 + 1)
    async with client.start_session() as session, await session.start_transaction():
        await collection.insert_one({"_id": "mine"}, session=session)
        assert await collection.find_one({"_id": "mine"}, session=session) is not None
        assert await collection.find_one({"_id": "mine"}) is None
    assert await collection.find_one({"_id": "mine"}) == {"_id": "mine"}

    back, _ = await flags("set", name, "shadow", "--why", "enough")
    await sidecar.drained()
    evidence = await sidecar.evidence()
    history, shown = await flags("history", name)
    counts = await gateway_reads_by_now(sidecar)

    assert (refused, forced, back, history) == (77, 0, 0, 0)
    assert "gate samples" in objections
    assert "shadow → gateway (forced)" in shown
    assert counts["served"] > 10
    assert counts["error"] + counts["refused"] >= 1, f"an error: {counts}"
    assert counts["behind"] > 0
    assert evidence.tally.mismatched == 0
    assert not evidence.divergent
    assert await open_cursors(mongo_client) <= before, "a cursor of the application was left open"


async def test_a_cursor_is_read_on_from_the_gateway_and_survives_it(
    sidecar: EmbeddedSidecar,
    client: AsyncMongoClient[Document],
    mongo_client: AsyncMongoClient[Document],
    file: Path,
) -> None:
    collection = client[DATABASE]["long"]
    documents = [{"_id": n, "v": n % 3} for n in range(120)]
    await collection.insert_many(documents)
    await sidecar.drained()
    opened = await open_cursors(mongo_client)
    reads = len(told(sidecar, "flags_read"))
    write_flags(file, with_flag(EMPTY, Direction.READS, "", Said(phase=Phase.GATEWAY)))
    await has_been_read(sidecar, reads + 1)
    await answered_from_there(sidecar, lambda: collection.find_one({"_id": 1}))

    before = await gateway_reads_by_now(sidecar)
    assert await collection.find(batch_size=20).to_list() == documents
    pipeline = [{"$match": {"v": 1}}, {"$sort": {"_id": -1}}]
    summed = await collection.aggregate(pipeline, batchSize=7)
    assert [each["_id"] for each in await summed.to_list()] == list(range(118, 0, -3))
    left = collection.find(batch_size=20)
    assert [await left.next() for _ in range(45)] == documents[:45]
    await left.close()
    counts = await gateway_reads_by_now(sidecar) - before
    assert counts.keys() == {"served"}, counts
    # 120 / 20, 40 / 7 and 3 batches. The last empty one is MongoDB's alone.
    assert counts["served"] == 6 + 6 + 3

    interrupted = collection.find(batch_size=20)
    assert [await interrupted.next() for _ in range(30)] == documents[:30]
    killed = gateway_process(sidecar)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert await interrupted.to_list() == documents[30:]

    write_flags(file, EMPTY)
    await sidecar.drained()
    evidence = await sidecar.evidence()
    assert evidence.tally.mismatched == 0
    assert await open_cursors(mongo_client) <= opened


async def test_one_session_always_meets_the_same_side_whatever_its_connection(
    sidecar: EmbeddedSidecar, client: AsyncMongoClient[Document], file: Path
) -> None:
    collection = client[DATABASE]["sticky"]
    await collection.insert_one({"_id": 1})
    await sidecar.drained()
    by_id = Operation(
        database=DATABASE, collection="sticky", kind=Kind.FIND, arguments={"filter": {"_id": 1}}
    )
    async with client.start_session() as one, client.start_session() as other:
        [moved, stays] = (bytes(each.session_id["id"]).hex() for each in (one, other))
        document = with_flag(EMPTY, Direction.READS, "", Said(phase=Phase.GATEWAY))
        document["flags"]["reads"]["targeting"] = {
            "if": [
                {
                    "and": [
                        {"==": [{"var": "session"}, moved]},
                        {"==": [{"var": "shape"}, shape_of(by_id).id]},
                    ]
                },
                "gateway",
                "shadow",
            ]
        }
        reads = len(told(sidecar, "flags_read"))
        write_flags(file, document)
        await has_been_read(sidecar, reads + 1)
        # A limit of one is part of the shape of `find_one`.
        ask = partial(collection.find, {"_id": 1})
        await answered_from_there(sidecar, lambda: ask(session=one).to_list())

        before = await gateway_reads_by_now(sidecar)
        for _ in range(5):
            assert await ask(session=one).to_list() == [{"_id": 1}]
            assert await ask(session=other).to_list() == [{"_id": 1}]
            assert await collection.find({}, session=one).to_list() == [{"_id": 1}]
        counts = await gateway_reads_by_now(sidecar) - before
        # Whatever became of them on a busy machine: these five were the gateway's to answer, and no others.
        assert counts.total() == 5, counts
        assert counts.keys() <= {"served", "behind", "late"}, counts
        assert moved != stays

    write_flags(file, EMPTY)


async def test_what_is_slow_in_one_collection_keeps_back_no_other(
    sidecar: EmbeddedSidecar, client: AsyncMongoClient[Document], file: Path
) -> None:
    slow, quick = client[DATABASE]["slow"], client[DATABASE]["quick"]
    for collection in (slow, quick):
        await collection.insert_one({"_id": 1, "v": 0})
    reads = len(told(sidecar, "flags_read"))
    write_flags(file, with_flag(EMPTY, Direction.READS, "", Said(phase=Phase.GATEWAY)))
    await has_been_read(sidecar, reads + 1)

    async with client.start_session() as session, await session.start_transaction():
        await slow.update_one({"_id": 1}, {"$set": {"v": 1}}, session=session)
        await quick.update_one({"_id": 1}, {"$set": {"v": 2}})
        await answered_from_there(sidecar, lambda: quick.find_one({"_id": 1}))
        assert await quick.find_one() == {"_id": 1, "v": 2}
        before = await gateway_reads_by_now(sidecar)
        assert await slow.find_one() == {"_id": 1, "v": 0}
        assert await gateway_reads_by_now(sidecar) - before == Counter(behind=1)
    assert await slow.find_one() == {"_id": 1, "v": 1}

    write_flags(file, EMPTY)


async def test_nobody_notices_that_the_gateway_process_dies_or_hangs(
    sidecar: EmbeddedSidecar, client: AsyncMongoClient[Document], flags: Flags
) -> None:
    collection = client[DATABASE]["unharmed"]
    document = {"_id": 1, "v": "x"}
    await collection.insert_one(document)
    await sidecar.drained()
    forced = ("--why", "it is a test", "--force")
    assert (await flags("set", f"{DATABASE}.unharmed", "canary", *forced))[0] == 0
    await answered_from_there(sidecar, lambda: collection.find_one({"_id": 1}))
    ended = asyncio.Event()
    longest_s = 0.0

    async def read_on() -> None:
        nonlocal longest_s
        while not ended.is_set():
            began_s = time.monotonic()
            assert await collection.find_one({"_id": 1}) == document
            longest_s = max(longest_s, time.monotonic() - began_s)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read_on())
        killed = gateway_process(sidecar)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        await eventually(lambda: gateway_process(sidecar) not in {None, killed}, within_s=20)
        before = gateway_reads(sidecar)
        await eventually(
            lambda: gateway_reads(sidecar)["served"] > before["served"] + 10, within_s=30
        )
        hung = gateway_process(sidecar)
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        before = gateway_reads(sidecar)
        await eventually(
            lambda: gateway_reads(sidecar)["resting"] > before["resting"] + 10, within_s=20
        )
        os.kill(hung, signal.SIGCONT)
        assert gateway_reads(sidecar)["late"] >= 5, "as often as the breaker takes to open"
        before = gateway_reads(sidecar)
        await eventually(
            lambda: gateway_reads(sidecar)["served"] > before["served"] + 10, within_s=30
        )
        ended.set()

    counts = gateway_reads(sidecar)
    assert counts["lost"] + counts["connecting"] >= 2
    assert longest_s < 5
    assert (await flags("set", f"{DATABASE}.unharmed", "shadow", "--why", "enough"))[0] == 0


async def test_a_confirmed_mismatch_sends_a_collection_back_within_a_second(
    sidecar: EmbeddedSidecar,
    client: AsyncMongoClient[Document],
    mongo_client: AsyncMongoClient[Document],
    flags: Flags,
    file: Path,
) -> None:
    collection = client[DATABASE]["damaged"]
    await collection.insert_many([{"_id": n, "v": n} for n in range(5)])
    await sidecar.drained()
    name, forced = f"{DATABASE}.damaged", ("--why", "it is a test", "--force")
    assert (await flags("set", name, "canary", "--percent", "100", *forced))[0] == 0
    assert (await flags("set", f"{DATABASE}.sound", "gateway", *forced))[0] == 0
    await answered_from_there(sidecar, lambda: collection.find_one({"_id": 1}))

    # Round the proxy: the gateway cannot know of it, and answers what was there before.
    await mongo_client[DATABASE]["damaged"].update_one({"_id": 1}, {"$set": {"v": "changed"}})
    stale = await collection.find_one({"_id": 1})
    await eventually(lambda: bool(told(sidecar, "rolled_back")), within_s=60)
    [mismatch] = told(sidecar, "mismatch_confirmed")
    [rolled_back] = told(sidecar, "rolled_back")

    async def is_fresh() -> bool:
        return await collection.find_one({"_id": 1}) == {"_id": 1, "v": "changed"}

    await eventually(is_fresh, within_s=5)
    assert stale == {"_id": 1, "v": 1}
    took = datetime.fromisoformat(rolled_back["timestamp"]) - datetime.fromisoformat(
        mismatch["timestamp"]
    )
    assert took.total_seconds() < 1
    document = read_flags(file)
    assert str(said(document, Direction.READS, name)) == "shadow"
    assert str(said(document, Direction.READS, f"{DATABASE}.sound")) == "gateway"

    async def is_entered() -> bool:
        return "canary → shadow" in (await flags("history", name))[1]

    await eventually(is_entered, within_s=20)
    _, shown = await flags("history", name)
    [line] = [line for line in shown.splitlines() if "canary → shadow" in line]
    assert "parallax" in line
    assert "mismatches fail" in shown, "the evidence holds the very mismatch"


async def test_a_collection_that_is_not_filled_is_not_answered_by_the_gateway(
    sidecar: EmbeddedSidecar, client: AsyncMongoClient[Document], file: Path
) -> None:
    old = client[DATABASE]["old"]
    before = await gateway_reads_by_now(sidecar)
    reads = len(told(sidecar, "flags_read"))
    write_flags(file, with_flag(EMPTY, Direction.READS, "", Said(phase=Phase.GATEWAY)))
    await has_been_read(sidecar, reads + 1)
    await old.update_one({"_id": 1}, {"$set": {"v": 1}})
    await sidecar.drained()

    found = [await old.find().to_list() for _ in range(20)]
    write_flags(file, EMPTY)

    assert found == [[{"_id": 0}, {"_id": 1, "v": 1}, {"_id": 2}]] * 20
    assert await gateway_reads_by_now(sidecar) - before == Counter(behind=20)


async def test_flags_flip_under_load_and_everybody_sees_what_was_written(
    sidecar: EmbeddedSidecar, client: AsyncMongoClient[Document], file: Path
) -> None:
    await client[DATABASE]["calm"].insert_one({"_id": 1})
    phases = [Phase.GATEWAY, Phase.SHADOW, Phase.CANARY, Phase.OFF]
    ended = asyncio.Event()
    written = Counter[str]()

    async def write_and_read(client: AsyncMongoClient[Document], name: str) -> None:
        """Write, and read what was written through whatever connection is free; and what was written before."""
        collection, calm = client[DATABASE][name], client[DATABASE]["calm"]
        await collection.insert_one({"_id": 1, "n": 0})
        while not ended.is_set():
            written[name] += 1
            await collection.update_one({"_id": 1}, {"$inc": {"n": 1}})
            for _ in range(10):
                assert await collection.find_one({"_id": 1}) == {"_id": 1, "n": written[name]}
                assert await calm.find_one({"_id": 1}) == {"_id": 1}

    await sidecar.drained()
    before = gateway_reads(sidecar)
    async with (
        AsyncMongoClient[Document](
            sidecar.uri, maxPoolSize=3, serverMonitoringMode="poll"
        ) as several,
        asyncio.TaskGroup() as tasks,
    ):
        for number in range(3):
            tasks.create_task(write_and_read(several, f"flipped{number}"))
        for flip in count():
            if flip >= 16 and len(written) == 3 and min(written.values()) > 5:
                break
            said_now = Said(phase=phases[flip % 4], percent=60 if flip % 4 == 2 else 100)
            reads = len(told(sidecar, "flags_read"))
            write_flags(file, with_flag(EMPTY, Direction.READS, "", said_now))
            await has_been_read(sidecar, reads + 1)
        ended.set()
    write_flags(file, EMPTY)
    await sidecar.drained()
    evidence = await sidecar.evidence()
    flipped = [each for each in evidence.collections if ".flipped" in each.namespace]

    await eventually(lambda: gateway_reads(sidecar)["served"] > before["served"], within_s=5)
    assert [each.tally.mismatched for each in flipped] == [0, 0, 0]
    assert not [each for each in evidence.divergent if ".flipped" in each.namespace]


async def test_a_collection_that_is_written_all_the_time_is_read_from_the_gateway(
    sidecar: EmbeddedSidecar, client: AsyncMongoClient[Document], file: Path
) -> None:
    name, reads = "busy", 150
    await client[DATABASE][name].insert_one({"_id": 1, "n": 0})
    await sidecar.drained()
    read = len(told(sidecar, "flags_read"))
    said_now = Said(phase=Phase.GATEWAY)
    write_flags(file, with_flag(EMPTY, Direction.READS, f"{DATABASE}.{name}", said_now))
    await has_been_read(sidecar, read + 1)
    await answered_from_there(sidecar, lambda: client[DATABASE][name].find_one({"_id": 1}))
    acknowledged, ended = 0, asyncio.Event()

    async def write(writer: AsyncMongoClient[Document]) -> None:
        nonlocal acknowledged
        while not ended.is_set():
            await writer[DATABASE][name].update_one({"_id": 1}, {"$inc": {"n": 1}})
            acknowledged += 1

    before, seen = await gateway_reads_by_now(sidecar), 0
    async with (
        AsyncMongoClient[Document](
            sidecar.uri, maxPoolSize=1, serverMonitoringMode="poll"
        ) as writer,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(write(writer))
        for _ in range(reads):
            at_least = max(acknowledged, seen)
            found = await client[DATABASE][name].find_one({"_id": 1})
            assert found is not None
            assert found["n"] >= at_least, "it was written, or seen, before"
            seen = found["n"]
        ended.set()
    became = await gateway_reads_by_now(sidecar) - before
    write_flags(file, EMPTY)
    await sidecar.drained()

    assert acknowledged > reads / 10
    assert became["served"] > reads / 2, became
    mismatched = [each["collection"] for each in told(sidecar, "mismatch_confirmed")]
    assert f"{DATABASE}.{name}" not in mismatched
