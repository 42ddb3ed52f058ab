"""Several sidecars on one gateway: apply what is on their logs in the order of MongoDB's clock.

Each verifier has a log of its own and tells the others how far it is (`adapters/board.py`). An operation runs only once every other
one has applied all that comes before it; so between them, they do what one verifier with one log would do. An idle one
gets on by asking MongoDB for its clock before it looks for the end of its log: what is not on the log by then comes
later. Documents are read from MongoDB and put on the gateway only while everybody stands still at one place.

Whoever is alone looks for others once a second. What it runs before it notices one may lack that one's writes: before it
calls an answer wrong, it looks once more.

One that is silent for too long is waited for no more. What it had not applied is missing then: until it is back, differences say nothing. When
it comes back, what others have gone past in the meantime is late, and is read again from legacy instead of
being applied out of order. It may only have stood still, and know nothing of it: so nobody goes on whose own notice is too old, and
what ended then is no evidence (`lease.py`). A verifier that is alone asks nobody and tells nobody, but once a second that it is there.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from adapters.board import Board, Notice, Touch
from proxy.shadow.contention import exchanges_of, has_steps, known_keys
from proxy.shadow.exchange import Exchange
from proxy.shadow.lease import Lease
from proxy.shadow.others import Others
from proxy.shadow.patience import Outage
from proxy.shadow.places import before, clock_at, place_of, write_at
from proxy.shadow.progress import Progress
from proxy.shadow.reach import namespaces_of
from proxy.shadow.units import Committed, InDoubt, Single, Unit

_log = structlog.get_logger()

DISPUTED: Final = "documents of its collection were being read again from legacy"
LATE: Final = "another sidecar had gone past it"
SILENT: Final = "another sidecar is silent: its writes may be missing"
DOUBTED: Final = "another sidecar had not compared documents that may differ"
STALLED: Final = "this sidecar was silent: others may have gone past it"
UNNOTICED: Final = "another sidecar was not noticed yet: its writes may have been missing"
"""Reasons of `not_comparable`."""

_REMEMBERED_S: Final = 3600.0
"""Whoever is silent for longer is taken for gone; a sweep finds what it left undone."""
_NEVER: Final = (1 << 63) - 1
_MOST_REMEMBERED: Final = 100_000
"""Exchanges that are excused: most have their verdict long before."""
_ALONE_S: Final = 1.0
_QUIET_S: Final = 0.1
_BUSY_S: Final = 0.003
_DOUBTED_S: Final = 600.0
"""What was written longer ago is compared, or is written so often that it is among what was written since."""
_LEASE_S: Final = 4
"""How far ahead of MongoDB's clock one that is alone may go without saying so."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Own:
    """What this verifier knows of itself.

    `lowest`: the place before which nothing is left to apply of what was read; None if nothing is. `highest`: the highest clock that was read.
    `steps`: the clock from which on a write of several steps may be under way, None without one.
    """

    log: str
    cluster: str
    lowest: Callable[[], int | None]
    highest: Callable[[], int]
    steps: Callable[[], int | None]
    position: Callable[[], int]
    end: Callable[[], int]
    clock: Callable[[], Awaitable[int]]
    disputed: Callable[[], tuple[str, ...]]
    doubtful: Callable[[], tuple[str, ...]]
    filling: Callable[[], tuple[str, ...]]
    definitions: Callable[[], int]
    redefine: Callable[[], Awaitable[None]]


class Peers:
    """The other verifiers, as far as this one has to mind them."""

    def __init__(
        self,
        board: Board | None,
        own: Own,
        *,
        silent_after_s: float,
        outage: Outage,
        announced: Callable[[], None] = lambda: None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without a board this verifier is alone whatever happens. `announced` is called once all others know of it."""
        self._board = board
        self._own = own
        self._silent_after_s = silent_after_s
        self._lease = Lease(silent_after_s, now_s)
        self._outage = outage
        self._announced = announced
        self._epoch = time.time_ns()
        self._live: dict[str, Notice] = {}
        self._silent: frozenset[str] = frozenset()
        self._joined = board is None
        self._late = -1
        self._frontier = 0
        self._frozen: int | None = None
        self._passed = _NEVER if board is None else 0
        self._admitted = 0
        self._unsure = (-1, UNNOTICED)
        """Up to which place units may have run without regard for others, and why."""
        self._begun = 0
        self._traded = 0
        """How many trades were begun, and how many of them are over."""
        self._wanted = 0
        """The place that an operation waits for others to reach."""
        self._wanted_standing = 0
        self._wanted_after: list[int] = []
        """The places that others are to reach before what was done while all stood is believed."""
        self._reaching = 0
        self._base = 0
        self._asked: tuple[int, int] | None = None
        """MongoDB's clock, and the end of the log after it was asked."""
        self._outbox: list[Touch] = []
        self._posted: Notice | None = None
        self._redefined: dict[str, tuple[int, int]] = {}
        self._numbers: dict[str, int] = {}
        """Up to where the touches of others were read."""
        self._sees: tuple[str, ...] = ()
        self._others = Others()
        self._raced: dict[int, None] = {}
        self._disputed: dict[int, str] = {}
        """By the start of an exchange: why documents of its collections may have been missing when it was let go."""
        self._doubted: dict[int, None] = {}
        """The starts of writes that may meet documents which another one has not compared yet."""
        self._stand = asyncio.Lock()
        self._putting_alone = 0
        self._wake = asyncio.Event()
        self._news = Progress(0)

    @property
    def has_company(self) -> bool:
        """Return whether another verifier is there."""
        return bool(self._live)

    async def have_noticed(self) -> None:
        """Wait until this verifier knows of the others, and they of it."""
        await self._news.until(lambda: self._joined)

    async def run(self) -> None:
        """Tell and hear until cancelled."""
        if self._board is None:
            self._announced()
            return
        while True:
            await self._trade()
            await self._rest()

    async def leave(self) -> None:
        """Take leave for good: nothing is left to do."""
        if self._board is not None:
            await self._board.leave(self._own.log)

    # ---- the order of operations

    def place_of(self, unit: Unit) -> int | None:
        """Return the place of a unit among those of all logs, None where it does not matter."""
        if self._board is None or not isinstance(unit, Single | Committed | InDoubt):
            return None
        place = place_of(unit)
        return write_at(self._own.highest()) if place is None else place

    def may_pass(self, place: int) -> bool:
        """Return whether all that comes before a place was applied everywhere; if not, ask for it."""
        if not self._may_pass(place):
            if self._wanted != place - 1:
                self._wanted = place - 1
                self._wake.set()
            return False
        self._wanted = 0
        return True

    def pass_on(self, unit: Unit, place: int) -> Unit:
        """Return what is to become of a unit that may pass: what is late is in doubt."""
        self._admitted = max(self._admitted, place)
        if self._live:
            self._note_races(unit, place)
            self._note_disputes(unit)
        return self._in_time(unit, place)

    def has_raced(self, start: int) -> bool:
        """Return whether a write met one of another sidecar in an order that nobody knows."""
        return start in self._raced

    def disputed_before(self, start: int) -> str | None:
        """Return why a difference in an exchange says nothing, as it stood when it was let go: soon afterwards it may be over."""
        return self._disputed.get(start)

    def doubted_before(self, start: int) -> str | None:
        """Return why the answer to a write says nothing, as it stood when it was let go; its own documents are no worse for it."""
        return DOUBTED if start in self._doubted else None

    async def unsure_of(self, unit: Unit) -> str | None:
        """Return, after another look, why a unit may have run without regard for what another sidecar did, else None."""
        await self._look()
        return self._unsure_of(unit)

    async def ended(self, unit: Unit) -> None:
        """Note that a unit has just ended on the gateway: if it took too long, others have not waited for it."""
        if self._lease.is_over:
            await self._look()
        reason = self._unsure_of(unit)
        if reason is not None and isinstance(unit, Single | Committed):
            # A read that differs is asked again anyhow.
            for exchange in exchanges_of(unit):
                if exchange.writes:
                    self._disputed[exchange.start] = reason
            _bound(self._disputed)

    def _unsure_of(self, unit: Unit) -> str | None:
        up_to, why = self._unsure
        if up_to < 0 or not self._has_others:
            return None
        place = self.place_of(unit)
        return why if place is not None and place <= up_to else None

    async def _look(self) -> None:
        """Tell and hear once more."""
        wanted = self._begun + 1
        self._wake.set()
        await self._news.until(lambda: self._traded >= wanted)

    @property
    def _has_others(self) -> bool:
        return bool(self._live or self._silent)

    @property
    def are_silent(self) -> bool:
        """Return whether one of them is missing."""
        return bool(self._silent)

    def disputes(self, namespace: str) -> str | None:
        """Return why a difference in a collection says nothing, None where it does."""
        if self._silent:
            return SILENT
        for each in self._live.values():
            if namespace in each.disputed:
                return DISPUTED
        return None

    def doubts(self, namespace: str, keys: Iterable[bytes] | None) -> bool:
        """Return whether another one wrote documents that may differ until it has compared them; None for any of the collection."""
        return any(namespace in each.doubtful for each in self._live.values()) and (
            self._others.wrote(namespace, keys, before(self._own.highest(), _DOUBTED_S))
        )

    def fills(self, namespace: str) -> bool:
        """Return whether another one knows a collection to be filled, or has not compared yet what was written meanwhile."""
        return any(namespace in each.filling for each in self._live.values())

    async def have_heard(self, namespace: str) -> None:
        """Wait until all others know that a collection is filled."""
        await self._news.until(
            lambda: all(namespace in each.filling for each in self._live.values())
        )

    def _may_pass(self, place: int) -> bool:
        if not self._is_waited_for:
            return False
        if not self._live:
            return place <= self._passed
        return all(each.frontier >= place - 1 for each in self._live.values())

    def _in_time(self, unit: Unit, place: int) -> Unit:
        if place > self._late:
            return unit
        match unit:
            case Single() if unit.exchange.writes:
                return InDoubt(exchanges=(unit.exchange,), reason=LATE, clock=unit.exchange.clock)
            case Committed():
                exchanges = tuple(statement.exchange for statement in unit.statements)
                return InDoubt(
                    exchanges=exchanges,
                    commit=unit.commit.start,
                    reason=LATE,
                    clock=unit.commit.clock,
                )
            case _:
                return unit

    def _note_races(self, unit: Unit, place: int) -> None:
        if not isinstance(unit, Single) or not unit.exchange.writes:
            return
        exchange, clock = unit.exchange, clock_at(place)
        raced = any(each.steps < clock for each in self._live.values())
        if not raced and has_steps(exchange.operation):
            since = before(clock, exchange.legacy_s)
            keys = known_keys(exchange)
            raced = any(
                self._others.wrote(namespace, keys, since)
                for namespace in namespaces_of(exchange.operation)
            )
        if raced:
            self._raced[exchange.start] = None
            _bound(self._raced)

    def _note_disputes(self, unit: Unit) -> None:
        if not isinstance(unit, Single | Committed | InDoubt):
            return
        for exchange in exchanges_of(unit):
            reasons = map(self.disputes, namespaces_of(exchange.operation))
            reason = next((each for each in reasons if each is not None), None)
            if reason is not None:
                self._disputed[exchange.start] = reason
            elif exchange.writes and self._may_meet_doubts(exchange):
                self._doubted[exchange.start] = None
        _bound(self._disputed)
        _bound(self._doubted)

    def _may_meet_doubts(self, exchange: Exchange) -> bool:
        keys = known_keys(exchange)
        return any(self.doubts(each, keys) for each in namespaces_of(exchange.operation))

    # ---- readings of legacy

    async def clock(self) -> int | None:
        """Return MongoDB's clock, None where nobody else can tell anything by it."""
        return await self._own.clock() if self._has_others else None

    async def reach(self, clock: int | None) -> None:
        """Wait until everything up to a clock is applied here."""
        if clock is None or not self._live:
            return
        place = write_at(clock)
        self._reaching += 1
        try:
            await self._news.until(lambda: not self._live or self._frontier >= place)
        finally:
            self._reaching -= 1

    def touched(self, namespace: str, keys: Iterable[bytes] | None) -> None:
        """Tell the others of documents that were written; None for any of the collection."""
        if not self._live:
            return
        clock = self._own.highest()
        for key in (None,) if keys is None else keys:
            self._outbox.append(Touch(clock=clock, namespace=namespace, key=key))

    def moved(self, namespace: str, key: bytes, clock: int | None) -> bool:
        """Return whether others may have written a document since a reading was begun; its clock is None if nobody was there."""
        return self._may_have_moved(namespace, {key}, clock)

    def any_moved(self, namespace: str, clock: int | None) -> bool:
        """Return whether others may have written any document of a collection since a clock."""
        return self._may_have_moved(namespace, None, clock)

    def _may_have_moved(self, namespace: str, keys: set[bytes] | None, clock: int | None) -> bool:
        if not self._is_waited_for:
            return True
        if clock is None:
            return self._has_others
        return self._others.wrote(namespace, keys, clock)

    @property
    def _is_waited_for(self) -> bool:
        """Return whether the others surely wait for this verifier, and tell it what they write."""
        return self._joined and not self._lease.is_over

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[int | None]:
        """Have everybody stand at one place meanwhile, with what they have written known here.

        Another one may do what comes next after that place, and none may wait for this verifier any more if it takes too long.
        So what was done counts once `have_stood` has returned, and only as far as nothing has moved by then.
        """
        if not self._live:
            # Whoever comes now waits until this is over: it is only seen afterwards.
            self._putting_alone += 1
            try:
                yield None
            finally:
                self._putting_alone -= 1
            return
        async with self._stand:
            self._frozen = frozen = self._frontier
            self._wanted_standing = frozen
            self._wake.set()
            try:
                await self._news.until(lambda: self._have_reached(frozen))
                yield frozen
            finally:
                self._frozen = None
                self._wanted_standing = 0
                self._wake.set()

    async def have_stood(self, place: int | None) -> None:
        """Wait until it is known here what others may have done while all stood at a place.

        Not within work that holds documents: what the others wait for may wait for those.
        """
        if self._lease.is_over:
            await self._look()
        if place is None or self._have_reached(after := place + (place & 1)):
            # Nobody may read before a write of the same clock, so after an even place there is nothing but reads.
            return
        self._wanted_after.append(after)
        self._wake.set()
        try:
            await self._news.until(lambda: self._have_reached(after))
        finally:
            self._wanted_after.remove(after)

    def _have_reached(self, place: int) -> bool:
        return all(each.frontier >= place for each in self._live.values())

    # ---- telling and hearing

    async def _rest(self) -> None:
        pause_s = _QUIET_S if self._live else min(_ALONE_S, self._silent_after_s / 4)
        if self._is_wanted():
            pause_s = _BUSY_S
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _is_wanted(self) -> bool:
        """Return whether somebody waits for a place that this verifier has not reached, or it does itself."""
        if not self._live:
            return False
        waits = self._most_wanted() or self._reaching or not self._joined
        return bool(waits) or any(each.wanted > self._frontier for each in self._live.values())

    def _most_wanted(self) -> int:
        return max(self._wanted, self._wanted_standing, *self._wanted_after, 0)

    async def _trade(self) -> None:
        board = self._board
        if board is None:
            return
        if self._live and self._asked is None:
            clock = await self._own.clock()
            self._asked = (clock, self._own.end())
        self._begun += 1
        begun = self._begun
        begun_s = self._lease.begin()
        # From here to the notice without any await: frontier and touches belong together.
        touches, self._outbox = self._outbox, []
        notice = self._notice()
        wakes = bool(self._live) and self._posted != notice
        known = {log: self._numbers.get(log, 0) for log in self._live}
        others, found = await self._outage.endure(
            lambda: board.trade(notice, touches, known=known, wakes=wakes)
        )
        self._posted = notice
        for log, (number, new) in found.items():
            self._numbers[log] = number
            self._others.note(new)
        await self._take(others)
        # Only now: what was told is known here before anything passes by it, and how long that took is over.
        if self._lease.is_over:
            self._begin_anew()
        self._lease.renew(begun_s)
        self._traded = begun
        self._news.pulse()

    def _notice(self) -> Notice:
        own = self._own
        self._advance()
        if self._putting_alone == 0:
            self._sees = tuple(sorted(each.name for each in self._live.values()))
        if not self._live:
            # What goes on now goes on without asking anybody.
            self._passed = max(self._admitted, write_at(own.highest() + (_LEASE_S << 32)))
        elif self._joined and self._posted is not None and not self._posted.sees:
            self._passed = self._admitted
        else:
            self._passed = max(self._passed, self._admitted)
        return Notice(
            log=own.log,
            epoch=self._epoch,
            cluster=own.cluster,
            frontier=self._frontier,
            passed=self._passed,
            wanted=self._most_wanted(),
            steps=_NEVER if (steps := own.steps()) is None else steps,
            definitions=own.definitions(),
            disputed=own.disputed(),
            doubtful=own.doubtful(),
            filling=own.filling(),
            sees=self._sees,
        )

    def _advance(self) -> None:
        """Move the frontier as far as it may go."""
        if self._asked is not None and self._own.position() >= self._asked[1]:
            self._base = max(self._base, write_at(self._asked[0]))
            self._asked = None
        base = max(self._base, write_at(self._own.highest()))
        lowest = self._own.lowest()
        reached = base if lowest is None else min(base, lowest - 1)
        if self._frozen is None:
            self._frontier = max(self._frontier, reached)

    async def _take(self, others: Iterable[Notice]) -> None:
        """Take over what the others have told."""
        notices = {each.log: each for each in others}
        live = {log: n for log, n in notices.items() if n.age_s < self._silent_after_s}
        silent = frozenset(
            log for log, each in notices.items() if log not in live and each.age_s < _REMEMBERED_S
        )
        for log in silent - self._silent:
            _log.warning("sidecar_silent", log=log, age_s=round(notices[log].age_s, 1))
        for log in live.keys() - self._live.keys():
            _log.info("sidecar_joined", log=log)
            self._numbers[log] = 0
        if live and self._board is not None:
            await self._outage.endure(self._listen)
        # Before anything passes because of what they tell: it may depend on what they have defined.
        await self._redefine(live)
        if self._live.keys() - live.keys():
            # What these have written and not told may be in what was read from legacy up to now, or not.
            self._others.forget(await self._own.clock())
        if self._joined and self._was_dropped(live):
            self._begin_anew()
        if live.keys() - self._live.keys():
            # Only here: up to now operations were let go without asking the newcomer.
            self._unsure = (self._admitted, UNNOTICED)
        self._live, self._silent = live, silent
        if not self._joined and all(self._name in each.sees for each in live.values()):
            self._joined = True
            self._late = max((each.passed for each in notices.values()), default=-1)
            if notices:
                # Up to there they went on without telling this one of it.
                self._others.forget(clock_at(self._late))
            self._announced()
            _log.info("sidecar_ready", others=len(live), late_up_to=self._late)

    def _begin_anew(self) -> None:
        """Be somebody else from here on, as after a restart: whoever has gone on without this one must notice it again."""
        self._epoch = max(self._epoch + 1, time.time_ns())
        self._joined = False
        self._unsure = (self._admitted, STALLED)

    def _was_dropped(self, live: dict[str, Notice]) -> bool:
        """Return whether somebody who waited for this verifier does so no more: it was silent for too long."""
        return any(
            self._name in known.sees and self._name not in live[log].sees
            for log, known in self._live.items()
            if log in live and live[log].epoch == known.epoch
        )

    async def _redefine(self, live: dict[str, Notice]) -> None:
        """Have read anew what others have defined: collections, indexes, and which collections are filled."""
        told = {log: (each.epoch, each.definitions) for log, each in live.items()}
        if any(self._redefined.get(log) != number for log, number in told.items()):
            await self._own.redefine()
        self._redefined = told

    async def _listen(self) -> None:
        if self._board is not None:
            await self._board.listen(self._wake.set)

    @property
    def _name(self) -> str:
        return f"{self._own.log}:{self._epoch}"


def _bound(by_start: dict[int, Any]) -> None:
    """Forget the oldest of what is remembered of exchanges."""
    while len(by_start) > _MOST_REMEMBERED:
        del by_start[next(iter(by_start))]
