"""What may happen between two verifiers of which one is starved: each step at the moment that a test chooses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from adapters.board import Notice, Touch
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Outcome
from proxy.shadow.exchange import Exchange
from proxy.shadow.patience import Outage, Side
from proxy.shadow.peers import DOUBTED, LATE, STALLED, Own, Peers
from proxy.shadow.places import write_at
from proxy.shadow.units import InDoubt, Single
from tests.eventually import eventually

NAMESPACE = "shop.users"
KEY = b"1"
SILENT_AFTER_S = 10.0
BEGINNING = 1_800_000_000 << 32
"""A clock of MongoDB."""


class Wall:
    """A board in memory with a clock that a test moves on; who is starved does not get to it."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.starved: dict[str, asyncio.Event] = {}
        self.between: dict[str, tuple[asyncio.Event, asyncio.Event]] = {}
        """Who is to stop between telling and hearing: whether it is there, and until when."""
        self._listening: list[Callable[[], None]] = []
        self._notices: dict[str, tuple[Notice, float]] = {}
        self._touches: dict[str, list[Touch]] = {}

    async def trade(
        self, notice: Notice, touches: Sequence[Touch], *, known: Mapping[str, int], wakes: bool
    ) -> tuple[Sequence[Notice], Mapping[str, tuple[int, Sequence[Touch]]]]:
        if notice.log in self.starved:
            await self.starved[notice.log].wait()
        self._notices[notice.log] = (notice, self.now_s)
        self._touches.setdefault(notice.log, []).extend(touches)
        if notice.log in self.between:
            is_there, goes_on = self.between.pop(notice.log)
            is_there.set()
            await goes_on.wait()
        others = [
            replace(each, age_s=self.now_s - beat)
            for log, (each, beat) in self._notices.items()
            if log != notice.log
        ]
        found = {
            log: (len(self._touches[log]), self._touches[log][number:])
            for log, number in known.items()
        }
        return others, found

    async def leave(self, log: str) -> None:
        del self._notices[log]

    async def listen(self, woken: Callable[[], None]) -> None:
        self._listening.append(woken)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds, and have everybody look meanwhile."""

        def holds() -> bool:
            for woken in self._listening:
                woken()
            return condition()

        await eventually(holds)

    def starve(self, log: str) -> None:
        self.starved[log] = asyncio.Event()

    def feed(self, log: str) -> None:
        self.starved.pop(log).set()

    def beat(self, log: str) -> float:
        return self._notices[log][1]

    def notice(self, log: str) -> Notice:
        return self._notices[log][0]


@dataclass(slots=True, kw_only=True)
class Verifying:
    """What one verifier knows of itself, as a test says, and what it knows of the other."""

    log: str
    wall: Wall
    highest: int = BEGINNING
    lowest: int | None = None
    doubtful: tuple[str, ...] = ()
    peers: Peers = field(init=False)

    def __post_init__(self) -> None:
        def ended(_side: Side, _since_ns: int, _until_ns: int) -> None:
            raise AssertionError("nothing was away")

        self.peers = Peers(
            self.wall,
            self._own(),
            silent_after_s=SILENT_AFTER_S,
            outage=Outage(Side.GATEWAY, ended),
            now_s=lambda: self.wall.now_s,
        )

    def _own(self) -> Own:
        async def clock() -> int:
            return self.highest

        async def redefine() -> None:
            pass

        return Own(
            log=self.log,
            cluster="set",
            lowest=lambda: self.lowest,
            highest=lambda: self.highest,
            steps=lambda: None,
            position=lambda: 0,
            end=lambda: 0,
            clock=clock,
            disputed=lambda: (),
            doubtful=lambda: self.doubtful,
            filling=lambda: (),
            definitions=lambda: 0,
            redefine=redefine,
        )


def update(clock: int, start: int = 1) -> Single:
    """Return a write of one document that changed it at a clock."""
    statement = {"q": {"_id": 1}, "u": {"$inc": {"n": 1}}}
    return Single(
        exchange=Exchange(
            start=start,
            position=start,
            connection=1,
            received_ns=1,
            legacy_s=0.0,
            overhead_s=0.0,
            namespace=NAMESPACE,
            legacy=Outcome(result=Acknowledgement(n=1, modified=1), duration_s=0.0),
            clock=clock,
            session=None,
            batch=None,
            operation=Operation(
                database="shop",
                collection="users",
                kind=Kind.UPDATE,
                arguments={"updates": [statement]},
            ),
            writes=True,
            endless=False,
            retried=False,
        )
    )


@asynccontextmanager
async def both() -> AsyncIterator[tuple[Verifying, Verifying]]:
    """Have two verifiers that wait for each other."""
    wall = Wall()
    one, two = Verifying(log="one", wall=wall), Verifying(log="two", wall=wall)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each.peers.run()) for each in (one, two)]
        for each in (one, two, one, two):
            await looked(each)
        for each, other in ((one, two), (two, one)):
            assert each.peers.has_company
            await wall.until(partial(_sees, wall, each.log, other.log))
        for each in (one, two):
            await looked(each)
            await each.peers.have_noticed()
        yield one, two
        for task in running:
            task.cancel()


async def looked(verifying: Verifying) -> None:
    """Have it tell what it knows, and hear."""
    await verifying.peers.unsure_of(update(BEGINNING))


def _sees(wall: Wall, log: str, other: str) -> bool:
    return wall.notice(other).name in wall.notice(log).sees


async def forsaken(one: Verifying) -> None:
    """Let so much time pass that the other one, which is starved, is waited for no more."""
    wall = one.wall
    while one.peers.has_company:
        wall.now_s += SILENT_AFTER_S / 4
        await wall.until(lambda: wall.beat(one.log) == wall.now_s)


async def test_who_stood_still_lets_nothing_go_until_it_has_looked() -> None:
    async with both() as (one, two):
        place = write_at(BEGINNING)
        await two.wall.until(lambda: two.peers.may_pass(place))

        two.wall.starve("two")
        await forsaken(one)

        assert not two.peers.may_pass(place), "it would be let go by what was true long ago"


async def test_what_others_went_past_is_late_although_nobody_saw_them_go() -> None:
    """The other one drops it and notices it again while it is between telling and hearing."""
    async with both() as (one, two):
        wall, unit = two.wall, update(BEGINNING + 1)
        wall.starve("two")
        await forsaken(one)
        # Alone it goes past.
        one.highest = BEGINNING + 5
        later = update(BEGINNING + 5)
        await wall.until(lambda: one.peers.may_pass(write_at(BEGINNING + 5)))
        one.peers.pass_on(later, write_at(BEGINNING + 5))
        is_there, goes_on = wall.between["two"] = asyncio.Event(), asyncio.Event()
        wall.feed("two")
        await is_there.wait()
        await wall.until(partial(_sees, wall, "one", "two"))
        goes_on.set()

        await wall.until(lambda: two.peers.may_pass(write_at(BEGINNING + 1)))
        passed = two.peers.pass_on(unit, write_at(BEGINNING + 1))

    assert isinstance(passed, InDoubt)
    assert passed.reason == LATE


async def test_what_ends_after_it_was_waited_for_is_excused() -> None:
    async with both() as (one, two):
        unit = update(BEGINNING)
        await two.wall.until(lambda: two.peers.may_pass(write_at(BEGINNING)))
        assert two.peers.pass_on(unit, write_at(BEGINNING)) is unit

        two.wall.starve("two")
        await forsaken(one)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(two.peers.ended(unit))
            two.wall.feed("two")

        assert two.peers.disputed_before(unit.exchange.start) == STALLED


async def test_what_ends_in_time_is_not_excused() -> None:
    async with both() as (_, two):
        unit = update(BEGINNING)
        two.peers.pass_on(unit, write_at(BEGINNING))

        await two.peers.ended(unit)

        assert two.peers.disputed_before(unit.exchange.start) is None
        assert await two.peers.unsure_of(unit) is None


async def test_a_reading_from_before_a_silence_is_not_trusted_by_either() -> None:
    """What the one wrote while it was alone it told nobody, and what the other one wrote it could tell nobody."""
    async with both() as (one, two):
        clocks = await one.peers.clock(), await two.peers.clock()
        assert not one.peers.moved(NAMESPACE, KEY, clocks[0])

        one.highest = two.highest = BEGINNING + 1
        two.wall.starve("two")
        await forsaken(one)
        assert one.peers.moved(NAMESPACE, KEY, clocks[0])
        assert two.peers.moved(NAMESPACE, KEY, clocks[1]), "it cannot know"

        one.peers.pass_on(update(BEGINNING + 1), write_at(BEGINNING + 1))
        one.peers.touched(NAMESPACE, [KEY])
        two.wall.feed("two")
        await looked(two)
        await two.peers.have_noticed()

        assert two.peers.moved(NAMESPACE, KEY, clocks[1])
        assert not two.peers.moved(NAMESPACE, KEY, await two.peers.clock())


async def test_a_write_beside_a_stand_is_known_once_all_have_stood() -> None:
    """The first one stands right before its own next write, and the other one may do the write that comes there."""
    async with both() as (one, two):
        clock = await one.peers.clock()
        beside = write_at(BEGINNING + 1)
        for each in (one, two):
            each.highest, each.lowest = BEGINNING + 1, beside
        await two.wall.until(lambda: two.wall.notice("two").frontier == beside - 1)
        await one.wall.until(lambda: one.wall.notice("one").frontier == beside - 1)

        async with one.peers.standing() as stood:
            await two.wall.until(lambda: two.peers.may_pass(beside))
            # It writes, and has not told of it.
            assert not one.peers.moved(NAMESPACE, KEY, clock)
        two.peers.touched(NAMESPACE, [KEY])
        two.lowest = None
        await one.peers.have_stood(stood)

        assert one.peers.moved(NAMESPACE, KEY, clock)


async def test_two_may_stand_at_one_place() -> None:
    async with both() as (one, two):
        for each in (one, two):
            each.highest, each.lowest = BEGINNING + 1, write_at(BEGINNING + 1)
        await two.wall.until(lambda: two.wall.notice("two").frontier == write_at(BEGINNING + 1) - 1)
        await one.wall.until(lambda: one.wall.notice("one").frontier == write_at(BEGINNING + 1) - 1)

        async def stand(verifying: Verifying) -> None:
            async with verifying.peers.standing() as stood:
                assert stood == write_at(BEGINNING + 1) - 1
            verifying.lowest = None
            await verifying.peers.have_stood(stood)

        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            tasks.create_task(stand(one))
            tasks.create_task(stand(two))


async def test_a_write_that_may_meet_what_another_one_owes_is_excused_and_its_documents_are_not() -> (
    None
):
    async with both() as (one, two):
        one.doubtful = (NAMESPACE,)
        one.highest = two.highest = BEGINNING + 1
        await one.wall.until(lambda: one.wall.notice("one").doubtful == (NAMESPACE,))
        await looked(two)
        two.highest += 1_000 << 32
        two.peers.pass_on(update(BEGINNING, start=1), write_at(BEGINNING))

        one.highest = two.highest
        one.peers.touched(NAMESPACE, None)
        await looked(one)
        await looked(two)
        two.peers.pass_on(update(BEGINNING, start=2), write_at(BEGINNING))

        assert two.peers.doubted_before(1) is None, "the other one did not write it"
        assert two.peers.doubted_before(2) == DOUBTED
        assert two.peers.disputed_before(2) is None
        assert two.peers.doubts(NAMESPACE, {KEY})


async def test_before_it_is_noticed_nothing_it_reads_is_trusted() -> None:
    wall = Wall()
    one = Verifying(log="one", wall=wall)

    assert one.peers.moved(NAMESPACE, KEY, None)
