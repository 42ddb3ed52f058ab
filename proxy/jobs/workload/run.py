"""Let several people use the application at the same time, until a moment or for a number of steps."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener

from proxy.jobs.workload.access import Access
from proxy.jobs.workload.accounts import Accounts
from proxy.jobs.workload.agents import Agents
from proxy.jobs.workload.balances import Balances
from proxy.jobs.workload.conversations import Conversations
from proxy.jobs.workload.farewell import Farewell
from proxy.jobs.workload.files import Files
from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.indexes import create_indexes
from proxy.jobs.workload.insights import Insights
from proxy.jobs.workload.messages import Messages
from proxy.jobs.workload.pace import Pace
from proxy.jobs.workload.person import Person, new_person
from proxy.jobs.workload.presets import Presets
from proxy.jobs.workload.prompts import Prompts
from proxy.jobs.workload.queue import Queue
from proxy.jobs.workload.sharing import Sharing
from proxy.jobs.workload.tags import Tags

DATABASE: Final = "chat"
_FLOWS: Final[tuple[type[Flow], ...]] = (
    Accounts,
    Conversations,
    Messages,
    Tags,
    Sharing,
    Files,
    Balances,
    Presets,
    Agents,
    Prompts,
    Access,
    Queue,
    Insights,
)
_LEAVES: Final = 0.002
"""The chance, at each step, that a person leaves and another one signs up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """People who use the application behind `uri`.

    The same `seed` and `begin` lead each person through the same steps with the same values, however
    they are scheduled; `pace` may change meanwhile.
    """

    uri: str
    users: int
    seed: int
    begin: datetime
    pace: Pace = field(default_factory=Pace)
    database: str = DATABASE

    async def run(
        self,
        tally: CommandListener,
        *,
        until_s: float | None = None,
        steps: int | None = None,
        until: Callable[[], bool] | None = None,
    ) -> None:
        """Go on until the monotonic clock shows `until_s`, until everyone took so many steps, or until something holds.

        Everyone finishes the step they are in. Driver errors that the application does not expect are raised.
        """
        async with AsyncMongoClient[dict[str, Any]](
            self.uri, tz_aware=True, event_listeners=[tally], serverMonitoringMode="poll"
        ) as client:
            database = client[self.database]
            await create_indexes(database)
            async with asyncio.TaskGroup() as people:
                for number in range(self.users):
                    life = _Life(self, database, number)
                    people.create_task(
                        life.run(_ends(until_s, steps, until)), name=f"person {number}"
                    )


def _ends(
    until_s: float | None, steps: int | None, until: Callable[[], bool] | None
) -> Callable[[int], bool]:
    """Return whether the end is reached after so many steps."""

    def is_over(taken: int) -> bool:
        if steps is not None and taken >= steps:
            return True
        if until is not None and until():
            return True
        return until_s is not None and time.monotonic() >= until_s

    return is_over


class _Life:
    """One seat before the screen: a person, and after them the next."""

    def __init__(self, workload: Workload, database: Database, number: int) -> None:
        self._random = Random(f"{workload.seed}:{number}")  # noqa: S311 - repeatable on purpose
        self._pace = workload.pace
        self._moment = workload.begin
        self._number = number
        self._seats = workload.users
        self._accounts = Accounts(database)
        self._conversations = Conversations(database)
        self._farewell = Farewell(database)
        weighted: dict[Step, int] = {}
        for flow in _FLOWS:
            weighted.update(flow(database).steps())
        self._steps = list(weighted)
        self._weights = list(weighted.values())

    async def run(self, is_over: Callable[[int], bool]) -> None:
        person = await self._arrive()
        taken = 0
        while not is_over(taken):
            if person.happens(_LEAVES):
                await self._farewell.leave(person)
                self._moment = person.now()
                self._number += self._seats
                person = await self._arrive()
            step = self._random.choices(self._steps, self._weights)[0]
            await step(person)
            taken += 1
            await asyncio.sleep(self._random.uniform(0, 2) * self._pace.pause_s)

    async def _arrive(self) -> Person:
        person = new_person(self._random, self._moment, self._number)
        await self._accounts.sign_up(person)
        await self._conversations.begin(person)
        return person
