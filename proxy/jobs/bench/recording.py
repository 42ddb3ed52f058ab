"""Operations of the built-in workload: people use the application once, and what they ask for is kept.

What they do depends on the seed alone, so that the same seed gives the same operations on every machine.
"""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Final

import bson
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from proxy.jobs.bench.databases import answered_by
from proxy.jobs.bench.operations import Gathering, Operations, decoded
from proxy.jobs.workload import Workload

USERS: Final = 8
BEGIN: Final = datetime(2050, 1, 1, tzinfo=UTC)
"""In the future: nothing expires while it is measured."""


class _Recorder(CommandListener):
    """Keep every command, apart by who sent it: how people take turns is a matter of chance."""

    def __init__(self) -> None:
        self.sent: defaultdict[str, list[bytes]] = defaultdict(list)

    def started(self, event: CommandStartedEvent) -> None:
        """Keep a command as it is sent."""
        task = asyncio.current_task()
        command = {**event.command, "$db": event.database_name}
        self.sent["" if task is None else task.get_name()].append(bson.encode(command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Keep no answer."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Keep no answer: what fails here fails wherever it is driven."""


async def recorded(uri: str, database: str, *, target: str, seed: int, count: int) -> Operations:
    """Let people use the application in a database until they asked for about `count` things, and return these."""
    recorder = _Recorder()
    workload = Workload(uri=uri, users=USERS, seed=seed, begin=BEGIN, database=database)
    with answered_by(target):
        await workload.run(recorder, steps=count // USERS + 1)
    people = [recorder.sent[name] for name in sorted(recorder.sent) if name.startswith("person ")]
    gathering = Gathering()
    for name, commands in recorder.sent.items():
        if not name.startswith("person "):
            for command in commands:
                gathering.take(decoded(command))
    for turn in zip_longest(*people):
        for asked in turn:
            if asked is not None:
                gathering.take(decoded(asked))
    return gathering.operations(f"the built-in workload, seed {seed}")
