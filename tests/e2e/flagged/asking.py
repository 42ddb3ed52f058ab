"""What the tests of flags ask of a sidecar, its processes and both databases."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient

from proxy.cli.relay_status import read_status
from proxy.embedded.sidecar import EmbeddedSidecar
from proxy.ledger.evidence import Evidence
from proxy.wire.protocol.framing import REPLY_OPCODES, Framer
from tests.eventually import eventually
from tests.peers.messages import document_of, op_msg

Document = dict[str, Any]
Flags = Callable[..., Awaitable[tuple[int, str]]]
DATABASE = "flagged"


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


def gateway_reads(sidecar: EmbeddedSidecar) -> Counter[str]:
    """Return what became of the reads that the gateway was to answer, at most a second ago."""
    status = read_status(sidecar.data)
    return Counter() if status is None else Counter(status.counts["gateway_reads"])


async def gateway_reads_by_now(sidecar: EmbeddedSidecar) -> Counter[str]:
    """Return what became of all reads so far that the gateway was to answer."""
    asked_s = time.monotonic()

    def is_written_since() -> bool:
        # Looked at before the file: a pause in between must not make an older file look new.
        since_s = time.monotonic() - asked_s
        status = read_status(sidecar.data)
        return status is not None and status.age_s < since_s

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
