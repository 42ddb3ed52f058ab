"""Reads from the gateway between a driver and both databases: nobody notices which side answers."""

import asyncio
import os
import signal
import time
from collections import Counter
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from comparators.operation import Kind, Operation
from comparators.shape import shape_of
from proxy.embedded.sidecar import EmbeddedSidecar
from proxy.flags.document import EMPTY, Said, with_flag
from proxy.flags.file import write_flags
from proxy.flags.phases import Direction, Phase
from tests.e2e.flagged.asking import (
    DATABASE,
    Document,
    Flags,
    answered_from_there,
    gateway_process,
    gateway_reads,
    gateway_reads_by_now,
    has_been_read,
    open_cursors,
    pipelined,
    told,
)
from tests.e2e.test_traces import of_trace, traceparent
from tests.eventually import eventually
from tests.peers.collector import Received, values_of


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


async def test_a_read_from_the_gateway_is_in_the_trace_of_the_application(
    sidecar: EmbeddedSidecar,
    client: AsyncMongoClient[Document],
    file: Path,
    collecting: tuple[str, Received],
) -> None:
    _, received = collecting
    collection = client[DATABASE]["traced"]
    await collection.insert_one({"_id": 1})
    await sidecar.drained()
    reads = len(told(sidecar, "flags_read"))
    write_flags(file, with_flag(EMPTY, Direction.READS, "", Said(phase=Phase.GATEWAY)))
    await has_been_read(sidecar, reads + 1)
    await answered_from_there(sidecar, lambda: collection.find_one({"_id": 1}))
    header, trace, above = traceparent()

    await collection.find_one({"_id": 1}, comment=header)
    await sidecar.drained()

    spans = await eventually(
        lambda: found if len(found := of_trace(received, trace)) == 4 else None, within_s=20
    )
    (served,) = [span for span in spans if span.name == "serving find traced"]
    (legacy,) = [span for span in spans if span.parent_span_id == above and span is not served]
    assert served.kind == Span.SPAN_KIND_SERVER
    assert served.parent_span_id == above
    assert served.start_time_unix_nano < served.end_time_unix_nano
    assert values_of(served.attributes) == {
        "db.system.name": "postgresql",
        "db.namespace": DATABASE,
        "db.collection.name": "traced",
        "db.operation.name": "find",
        "parallax.side": "gateway",
    }
    assert values_of(legacy.attributes)["parallax.side"] == "legacy"


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
