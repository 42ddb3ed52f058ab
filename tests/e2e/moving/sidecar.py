"""A sidecar whose flags a test sets, with what it tells of writes and the processes it consists of."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient

from proxy.cli.relay_status import read_status
from proxy.embedded.sidecar import EmbeddedSidecar
from proxy.flags.document import EMPTY, Said, with_flag
from proxy.flags.file import write_flags
from proxy.flags.phases import Direction, Phase
from tests.e2e.flagged.asking import told
from tests.eventually import eventually

SHADOW = Said(phase=Phase.SHADOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """A sidecar with a flags file of its own."""

    sidecar: EmbeddedSidecar
    file: Path
    gateway: str
    """The address of its PostgreSQL database."""

    @property
    def uri(self) -> str:
        return self.sidecar.uri

    async def says(self, *, reads: Said = SHADOW, writes: Said = SHADOW) -> None:
        """Let phases hold for all collections, and wait until the relay goes by them."""
        read = len(self.told("flags_read"))
        reading = with_flag(EMPTY, Direction.READS, "", reads)
        write_flags(self.file, with_flag(reading, Direction.WRITES, "", writes))
        await eventually(lambda: len(self.told("flags_read")) > read, within_s=10)

    def told(self, event: str) -> Sequence[Mapping[str, Any]]:
        """Return what was logged of an event."""
        return told(self.sidecar, event)

    async def writes(self) -> Counter[str]:
        """Return what became of all writes so far that were to wait."""
        asked_s = time.monotonic()

        def counts() -> Counter[str] | None:
            status = read_status(self.sidecar.data)
            if status is None or status.age_s >= time.monotonic() - asked_s:
                return None
            # One that is empty is an answer, too.
            return Counter(status.counts["gateway_writes"]) + Counter(status=1)

        return await eventually(counts, within_s=10) - Counter(status=1)

    async def answers_writes(self, database: str, writing: str = "served") -> None:
        """Wait until the gateway answers writes, or confirms them, with some of our own."""
        before = await self.writes()
        async with AsyncMongoClient[dict[str, Any]](
            self.uri, serverMonitoringMode="poll"
        ) as client:

            async def is_served() -> bool:
                await client[database]["answers"].insert_one({})
                return (await self.writes() - before)[writing] > 0

            await eventually(is_served, within_s=60)

    def process(self, argument: str) -> int | None:
        """Return the process beside the relay with an argument; None while there is none."""
        relay = self.sidecar.process.pid
        children = Path(f"/proc/{relay}/task/{relay}/children").read_text().split()
        for child in children:
            try:
                command = Path(f"/proc/{child}/cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if argument.encode() in command.split(b"\0"):
                return int(child)
        return None

    def verifier(self) -> int | None:
        return self.process("verify")

    def server(self) -> int | None:
        """Return the process that answers reads from the gateway."""
        return self.process("--behind")
