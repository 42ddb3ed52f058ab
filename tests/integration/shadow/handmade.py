"""A log written by hand, record by record, and a verifier in this process that follows it.

What a relay and its clients do by chance happens here in the order that a test asks for. Both databases are real.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from adapters.postgresql.gateway import PostgresGateway
from comparators.verdict import Verdict
from proxy.capture.reader import CaptureReader
from proxy.capture.writer import CaptureWriter
from proxy.ledger.evidence import Evidence
from proxy.ledger.read import read_report
from proxy.ledger.write import Ledger
from proxy.shadow.frontier import Resume
from proxy.shadow.legacy import Legacy
from proxy.shadow.rulebook import Rulebook
from proxy.shadow.verifier import Limits, Verifier
from tests.eventually import eventually
from tests.unit.proxy.shadow.records import message

Command = Mapping[str, Any]

BEGINNING = Resume(position=0, open=frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """A verifier at work."""

    verifier: Verifier
    reader: CaptureReader

    @property
    def is_at_end(self) -> bool:
        """Whether it has read the log, and given each operation its place."""
        return self.reader.is_at_end

    async def drained(self) -> None:
        """Wait until all of the log has its verdict."""
        await eventually(lambda: self.verifier.is_drained, within_s=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handmade:
    """The log, the database that its commands go to, and the gateway of its verifier."""

    directory: Path
    database: AsyncDatabase[dict[str, Any]]
    gateway: PostgresGateway
    writer: CaptureWriter
    ledgers: list[str] = field(default_factory=list)

    def begin(self, command: Command) -> int:
        """Log a write before it is forwarded, and return its position."""
        position = self.writer.intent(
            connection=1,
            received_ns=time.time_ns(),
            request=message({**command, "$db": self.database.name}),
            collection="",
        )
        self.writer.flush()
        return position

    async def answer(self, intent: int, command: Command) -> None:
        """Let MongoDB do a write that was begun, and log its answer."""
        self.log_answer(intent, await self.database.command(dict(command)))

    def log_answer(self, intent: int, answer: Command) -> None:
        """Log what MongoDB answered to a write."""
        self.writer.reply(
            connection=1,
            received_ns=time.time_ns(),
            legacy_ns=1_000_000,
            overhead_ns=1_000,
            intent=intent,
            reply=message(dict(answer)),
            collection="",
        )
        self.writer.flush()

    async def write(self, command: Command) -> int:
        """Do a write as a client through a relay would."""
        intent = self.begin(command)
        await self.answer(intent, command)
        return intent

    async def read(self, command: Command, *, ago_s: float = 0.0) -> None:
        """Ask MongoDB, as if that had been some time ago."""
        answer = await self.database.command(dict(command))
        self.writer.exchange(
            connection=1,
            received_ns=time.time_ns() - int(ago_s * 1e9),
            legacy_ns=1_000_000,
            overhead_ns=1_000,
            request=message({**command, "$db": self.database.name}),
            reply=message(dict(answer)),
            collection="",
        )
        self.writer.flush()

    def killed_at(self, *still_open: int) -> Resume:
        """Return the checkpoint of a verifier that has read all, but for what was still open."""
        reader = CaptureReader(self.directory)
        try:
            return Resume(position=reader.end(), open=frozenset(still_open))
        finally:
            reader.close()

    @asynccontextmanager
    async def verifier(
        self,
        *,
        gateway_timeout_s: float = 30.0,
        resume: Resume = BEGINNING,
        sample_beyond_s: float = 0.0,
    ) -> AsyncIterator[Following]:
        """Verify the log; `resume` is the checkpoint of a verifier that was killed, whose ledger is another one."""
        self.ledgers.append(f"sqlite:///{self.directory.parent / f'ledger{len(self.ledgers)}.db'}")
        ledger = await Ledger.open(self.ledgers[-1])
        reader = CaptureReader(self.directory, resume.reads_from)
        reader.poll(0)
        try:
            async with asyncio.TaskGroup() as writes, asyncio.TaskGroup() as tasks:
                verifier = Verifier(
                    directory=self.directory,
                    log=self.writer.log,
                    reader=reader,
                    resume=resume,
                    gateway=self.gateway,
                    legacy=Legacy(self.database.client, where="mongodb"),
                    ledger=ledger,
                    rules=Rulebook(),
                    limits=Limits(
                        concurrency=8,
                        recheck_within_s=5.0,
                        gateway_timeout_s=gateway_timeout_s,
                        state_checks=True,
                        keep_log=True,
                        silent_after_s=10.0,
                        sample_beyond_s=sample_beyond_s,
                    ),
                    tasks=tasks,
                    writes=writes,
                )
                running = tasks.create_task(verifier.run())
                yield Following(verifier=verifier, reader=reader)
                running.cancel()
        finally:
            reader.close()
            await ledger.close()

    async def verdicts(self) -> dict[tuple[str, Verdict], int]:
        """Return how often operations of each kind had which verdict, once the verifier has ended."""
        evidence = await self.evidence()
        return {
            (shape.kind, verdict): n
            for shape in evidence.shapes
            for verdict, n in {**shape.tally.verdicts, **shape.tally.states}.items()
            if n
        }

    async def evidence(self) -> Evidence:
        """Return what the ledger of the last verifier holds."""
        return await read_report(self.ledgers[-1])


@asynccontextmanager
async def handmade(
    directory: Path, database: AsyncDatabase[dict[str, Any]], gateway_dsn: str
) -> AsyncIterator[Handmade]:
    """Begin a log."""
    writer = CaptureWriter(directory / "capture", opened={})
    try:
        async with PostgresGateway(gateway_dsn) as gateway:
            yield Handmade(
                directory=directory / "capture", database=database, gateway=gateway, writer=writer
            )
    finally:
        writer.close()
