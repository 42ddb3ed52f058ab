"""Whatever is written, whatever the flags say and whoever dies meanwhile: what was acknowledged is there, once, and is read at once."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Coroutine
from typing import Any, cast

from hypothesis import HealthCheck, settings
from hypothesis import Phase as Pass
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from pymongo import MongoClient, ReturnDocument
from pymongo.errors import DuplicateKeyError

from proxy.embedded import EmbeddedMongo
from proxy.flags.document import Said
from proxy.flags.phases import Phase
from tests.e2e.both_sides import both_sides_become_equal
from tests.e2e.ledger import wrong_verdicts
from tests.e2e.moving.sidecar import SHADOW, Moving

Document = dict[str, Any]
DATABASE = "moving_anything"
EXAMPLES = 2
STEPS = 25

NUMBERS = st.integers(0, 5)
HALF, WHOLE = Said(phase=Phase.CANARY, percent=50), Said(phase=Phase.GATEWAY)
READS = st.sampled_from([WHOLE, HALF, SHADOW])
WRITES = st.sampled_from([WHOLE, Said(phase=Phase.DUAL), HALF, SHADOW])
MOVES = st.dictionaries(st.integers(0, STEPS - 5), st.tuples(READS, WRITES), min_size=3, max_size=8)
DEATHS = st.builds(
    lambda who, when: dict(zip(sorted(when), who, strict=True)),
    st.permutations(["verifier", "server", "relay"]),
    st.sets(st.integers(4, STEPS - 5), min_size=3, max_size=3),
)
"""By the number of a step. Not rules, of which some examples would have none."""


class World:
    """The sidecar and a driver's synchronous client on it, for a thread beside the loop."""

    def __init__(
        self, moving: Moving, client: MongoClient[Document], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._moving = moving
        self.client = client
        self._loop = loop
        self._examples = 0
        self.done: Counter[str] = Counter()
        """How often which part was killed, and how often a flag was changed."""

    def collection_name(self) -> str:
        self._examples += 1
        return f"c{self._examples}"

    def is_served(self) -> None:
        """Wait until the gateway answers writes, whoever was killed before."""
        self.move(WHOLE, WHOLE)
        self._wait(self._moving.answers_writes(DATABASE))

    def move(self, reads: Said, writes: Said) -> None:
        self.done["move"] += 1
        self._wait(self._moving.says(reads=reads, writes=writes))

    def kill(self, who: str) -> None:
        """Kill a process; the relay takes those beside it along, and is started again."""
        self.done[who] += 1
        if who == "relay":
            self._wait(self._restart())
            # A driver repeats a read where it finds its connections broken, and an update of many documents it does not.
            self.client[DATABASE]["answers"].find_one()
            return
        process = self._moving.verifier() if who == "verifier" else self._moving.server()
        if process is not None:
            os.kill(process, signal.SIGKILL)

    def _wait(self, doing: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(60)

    async def _restart(self) -> None:
        await self._moving.sidecar.kill()
        await self._moving.sidecar.start()


class Anything(RuleBasedStateMachine):
    """`stored` is what the application was told that there is."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._database = world.client[DATABASE]
        self._collection = self._database[world.collection_name()]
        self._stored: dict[int, int] = {}
        self._moves: dict[int, tuple[Said, Said]] = {}
        self._deaths: dict[int, str] = {}
        self._step = 0

    @rule(number=NUMBERS)
    def insert(self, number: int) -> None:
        try:
            self._collection.insert_one({"_id": number, "n": 0})
        except DuplicateKeyError:
            assert number in self._stored
        else:
            assert number not in self._stored
            self._stored[number] = 0

    @rule(number=NUMBERS)
    def count_up(self, number: int) -> None:
        done = self._collection.update_one({"_id": number}, {"$inc": {"n": 1}})
        assert done.modified_count == (number in self._stored)
        if number in self._stored:
            self._stored[number] += 1

    @rule()
    def count_all_up(self) -> None:
        done = self._collection.update_many({}, {"$inc": {"n": 1}})
        assert done.modified_count == len(self._stored)
        self._stored = {number: n + 1 for number, n in self._stored.items()}

    @rule(number=NUMBERS)
    def take(self, number: int) -> None:
        """Count up, or insert, and see what became of it."""
        self._stored[number] = self._stored.get(number, 0) + 1
        found = self._collection.find_one_and_update(
            {"_id": number}, {"$inc": {"n": 1}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        assert found == {"_id": number, "n": self._stored[number]}

    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        done = self._collection.delete_one({"_id": number})
        assert done.deleted_count == (self._stored.pop(number, None) is not None)

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=3))
    def together(self, numbers: list[int]) -> None:
        """Count several up in a transaction."""

        def count(session: Any) -> None:
            for number in numbers:
                self._collection.update_one(
                    {"_id": number}, {"$inc": {"n": 1}}, upsert=True, session=session
                )

        with self._world.client.start_session() as session:
            session.with_transaction(count)
        for number in numbers:
            self._stored[number] = self._stored.get(number, 0) + 1

    @initialize(moves=MOVES, deaths=DEATHS)
    def begin(self, moves: dict[int, tuple[Said, Said]], deaths: dict[int, str]) -> None:
        self._moves, self._deaths = moves, deaths
        self._world.is_served()

    @invariant()
    def goes_on(self) -> None:
        """Change flags, and kill, between two steps."""
        move, death = self._moves.get(self._step), self._deaths.get(self._step)
        self._step += 1
        if move is not None:
            self._world.move(*move)
        if death is not None:
            self._world.kill(death)

    @invariant()
    def everything_is_read_as_it_was_written(self) -> None:
        found = self._collection.find().sort("_id").to_list()
        wanted = [{"_id": number, "n": n} for number, n in sorted(self._stored.items())]
        assert found == wanted


async def test_no_acknowledged_write_is_lost_or_done_twice_or_unseen(
    moving: Moving, mongo: EmbeddedMongo
) -> None:
    loop = asyncio.get_running_loop()
    options = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        derandomize=True,
        database=None,
        # Each example takes seconds, and what fails hangs on the moment: a smaller one would not show it.
        phases=[Pass.generate],
        suppress_health_check=list(HealthCheck),
    )
    with MongoClient[Document](moving.uri) as client:
        world = World(moving, client, loop)
        await asyncio.to_thread(
            run_state_machine_as_test,
            cast("type[RuleBasedStateMachine]", lambda: Anything(world)),
            settings=options,
        )
    assert world.done.keys() >= {"verifier", "relay", "server"}

    await moving.sidecar.drained()
    await both_sides_become_equal(mongo.uri, moving.gateway, DATABASE)
    assert not wrong_verdicts(await moving.sidecar.evidence(), DATABASE)
