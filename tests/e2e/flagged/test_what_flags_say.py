"""What flags say holds at once, and the ledger knows who said so; evidence against it sends a collection back."""

from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from proxy.embedded.sidecar import EmbeddedSidecar
from proxy.flags.document import EMPTY, Said, said, with_flag
from proxy.flags.file import read_flags, write_flags
from proxy.flags.phases import Direction, Phase
from tests.e2e.flagged.asking import (
    DATABASE,
    Document,
    Flags,
    answered_from_there,
    gateway_reads_by_now,
    has_been_read,
    reads_of,
    reads_off,
    told,
)
from tests.eventually import eventually


async def test_reads_that_are_off_are_answered_and_not_captured(
    sidecar: EmbeddedSidecar, client: AsyncMongoClient[Document], flags: Flags
) -> None:
    loud, quiet = client[DATABASE]["loud"], client[DATABASE]["quiet"]
    for collection in (loud, quiet):
        await collection.insert_many([{"_id": n} for n in range(150)])
        assert len(await collection.find().to_list()) == 150
    await sidecar.drained()

    read, left_out = len(told(sidecar, "flags_read")), reads_off(sidecar)
    before = await flags("set", f"{DATABASE}.quiet", "off", "--why", "an export")
    await has_been_read(sidecar, read + 1)
    for collection in (loud, quiet):
        assert len(await collection.find().to_list()) == 150
        await collection.update_one({"_id": 1}, {"$set": {"seen": True}})
    await sidecar.drained()
    evidence = await sidecar.evidence()

    assert before == (0, f"reads:{DATABASE}.quiet: shadow → off\n")
    assert (reads_of(evidence, "loud"), reads_of(evidence, "quiet")) == (2, 1)
    # The find and its getMore; the relay says so once a second.
    await eventually(lambda: reads_off(sidecar) == left_out + 2, within_s=10)
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
