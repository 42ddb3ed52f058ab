"""Compare what both sides store after a write, once the document has come to rest.

An acknowledgement says how many documents a write changed, not into what. So each document that a write
touched is owed a comparison of its images. A later write of the same document takes the debt over:
what is compared is always the newest state, and a hot document costs no more than a cold one.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, Final

from adapters.gateway import Footprint
from comparators.canonical import document_key
from comparators.decision import decide_state
from comparators.equivalence import EXPIRED
from comparators.operation import Operation
from comparators.verdict import Judgement, Verdict
from proxy.ledger.entries import Writer
from proxy.shadow.causes import AFTER_A_WRITE, Cause
from proxy.shadow.debts import Debt, Debts
from proxy.shadow.evidence import Evidence
from proxy.shadow.expiry import Expiries
from proxy.shadow.peers import SILENT
from proxy.shadow.quiet import Reading
from proxy.shadow.reach import everything_in
from proxy.shadow.reconcile import Reconciler
from proxy.shadow.rulebook import Rulebook
from proxy.shadow.runner import result_of
from proxy.shadow.sides import Sides
from proxy.shadow.stock import Stock

Images = dict[bytes, bytes]

_PAUSE_S: Final = 0.05
_AT_ONCE: Final = 500
_MOST_OWED: Final = 200_000
_MOST_OVERTAKEN: Final = 8
"""How often a document may be written while it is compared before those who asked are told that it is busy.

Each time costs as long as the verifier is behind.
"""
_HOT_AFTER_S: Final = 20.0
"""How long those who asked wait for a comparison, from when all that was on the log then is admitted."""

CONTENDED: Final = "written at the same time by several clients"
CHOICE: Final = "several documents matched a write of one"

BUSY: Final = "written all the time: it is compared after its last write"
UNPAID: Final = "too many to keep"
TAKEN_OVER: Final = "values made by the server were taken over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A collection into which a pipeline stored its result: which documents, its answer does not say."""

    namespace: str
    operation: Operation
    position: int
    excuse: str | None
    generated: bool
    writer: Writer


class States:
    """Pay the debts, a batch at a time."""

    def __init__(
        self,
        sides: Sides,
        *,
        reconciler: Reconciler,
        stock: Stock,
        expiries: Expiries,
        evidence: Evidence,
        rules: Rulebook,
    ) -> None:
        self._sides = sides
        self._reconciler = reconciler
        self._stock = stock
        self._expiries = expiries
        self._evidence = evidence
        self._rules = rules
        self._owed = Debts()
        self._being_paid = Debts()
        self._being_mended: set[Debt] = set()
        """Documents whose verdict is known; until they are equal, their marks are needed for a restart."""
        self._unpaid: dict[str, int] = defaultdict(int)
        self._wholes: deque[Whole] = deque()
        self._read_ns = 0
        """When the reading of the batch began that is being paid."""

    def __len__(self) -> int:
        return len(self._owed) + len(self._being_paid) + len(self._wholes)

    def owe(
        self,
        namespace: str,
        identifiers: Iterable[Any],
        position: int,
        *,
        excuse: str | None = None,
        generated: bool = False,
        writer: Writer | None = None,
    ) -> None:
        """Note that documents were written and are to be compared."""
        partly = self._stock.excuse(namespace)
        for identifier in identifiers:
            place = (namespace, document_key(identifier))
            before = self._owed.get(place)
            if before is not None and not before.told:
                # What somebody waits for keeps its turn, however often it is written.
                self._owed.move_to_end(place)
            debt = Debt(
                identifier=identifier,
                position=position,
                # What the gateway had of a collection when it was written stays an excuse afterwards.
                excuse=excuse or (before.excuse if before is not None else None) or partly,
                generated=generated or (before is not None and before.generated),
                told=before.told if before is not None else (),
                cause=before.cause if before is not None else AFTER_A_WRITE,
                overtaken=before.overtaken if before is not None else 0,
                writer=writer,
            )
            self._owed.put(place, debt)
        while len(self._owed) > _MOST_OWED:
            (namespace, _), dropped = self._owed.pop_first()
            self._unpaid[namespace] += 1
            _tell(dropped, Judgement(verdict=Verdict.NOT_COMPARABLE, reason=UNPAID))

    async def verdicts(
        self, namespace: str, identifiers: Sequence[Any], position: int, *, cause: Cause
    ) -> list[tuple[Any, Judgement]]:
        """Compare documents that nobody is known to have written, and return the verdict on each.

        A difference is entered with a cause. Of those that are written all the time the verdict is that they are
        busy: they stay owed, and are compared after their last write.
        """
        # Until the survey has looked at the collection, a difference may still turn out to say nothing.
        await self._stock.known((namespace,))
        keys = {document_key(identifier): identifier for identifier in identifiers}
        found: dict[bytes, tuple[Any, Judgement]] = {}
        complete = asyncio.Event()

        def told(identifier: Any, judgement: Judgement) -> None:
            found.setdefault(document_key(identifier), (identifier, judgement))
            if len(found) == len(keys):
                complete.set()

        for key, identifier in keys.items():
            debt = Debt(identifier=identifier, position=position, told=(told,), cause=cause)
            self._still_owe((namespace, key), debt)
        if keys:
            await self._sides.quiet.settled(frozenset({namespace}))
            with suppress(TimeoutError):
                async with asyncio.timeout(_HOT_AFTER_S):
                    await complete.wait()
        busy = Judgement(verdict=Verdict.NOT_COMPARABLE, reason=BUSY)
        return [found.get(key, (identifier, busy)) for key, identifier in keys.items()]

    def _still_owe(self, place: tuple[str, bytes], debt: Debt) -> None:
        """Owe a debt, unless a write owes the document anyhow: that one then has its excuse, and tells those who asked."""
        newer = self._owed.get(place)
        if newer is None:
            self._owed.put(place, debt)
            return
        both = replace(
            newer,
            excuse=newer.excuse or debt.excuse,
            generated=newer.generated or debt.generated,
            told=newer.told + debt.told,
            overtaken=max(newer.overtaken, debt.overtaken),
            cause=debt.cause if debt.told else newer.cause,
            writer=newer.writer or debt.writer,
        )
        self._owed.put(place, both)

    def owe_all(self, whole: Whole) -> None:
        """Note that a write may have touched any document of a collection, on either side."""
        self._wholes.append(whole)

    def oldest(self, position: int) -> int:
        """Return the oldest write whose state is still to be compared."""
        debts = chain(self._all(), self._being_mended)
        owed = chain((debt.position for debt in debts), (w.position for w in self._wholes))
        return min(owed, default=position)

    def awaits_clock(self, namespace: str) -> bool:
        """Return whether a value of the server's clock is still to be taken over in a collection."""
        owed = chain(self._owed.items(), self._being_paid.items())
        return any(debt.generated and place[0] == namespace for place, debt in owed)

    def excuse_of(self, namespace: str, keys: Iterable[bytes] | None) -> str | None:
        """Return why one of these documents may differ until it is compared, None where none may; None asks for any."""
        if keys is None:
            owed = chain(self._owed.items(), self._being_paid.items())
            debts = (debt for place, debt in owed if place[0] == namespace)
        else:
            places = [(namespace, key) for key in keys]
            found = chain(map(self._owed.get, places), map(self._being_paid.get, places))
            debts = (debt for debt in found if debt is not None)
        return next((debt.excuse for debt in debts if debt.excuse is not None), None)

    def doubtful(self) -> frozenset[str]:
        """Return the collections with documents that may differ until they are compared."""
        wholes = (whole.namespace for whole in self._wholes)
        return frozenset(chain(wholes, self._owed.doubtful(), self._being_paid.doubtful()))

    @property
    def excused(self) -> tuple[str, ...]:
        """Return the collections with documents that may rightly differ until they are compared."""
        wholes = (whole.namespace for whole in self._wholes)
        found = chain(wholes, self._owed.excused(), self._being_paid.excused())
        return tuple(sorted(set(found)))

    def take_unpaid(self) -> dict[str, int]:
        """Return how many documents per collection had to be let go, and begin anew."""
        unpaid, self._unpaid = dict(self._unpaid), defaultdict(int)
        return unpaid

    async def run(self) -> None:
        """Compare states until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE_S)
            await self._find_wholes()
            self._take_batch()
            if self._being_paid:
                await self._pay()
                self._being_paid.clear()

    async def _find_wholes(self) -> None:
        """Owe each document that legacy has in the collections that were written as a whole."""
        while self._wholes:
            whole = self._wholes[0]
            selection = everything_in(whole.operation, whole.namespace)
            identifiers = await self._sides.legacy_outage.endure(
                partial(self._sides.legacy.matching_ids, selection)
            )
            self.owe(
                whole.namespace,
                identifiers,
                whole.position,
                excuse=whole.excuse,
                generated=whole.generated,
                writer=whole.writer,
            )
            self._wholes.popleft()

    def _all(self) -> Iterable[Debt]:
        return chain(self._owed.values(), self._being_paid.values())

    def _take_batch(self) -> None:
        for _ in range(min(len(self._owed), _AT_ONCE)):
            self._being_paid.put(*self._owed.pop_first())

    async def _pay(self) -> None:
        """Compare a batch: one reading of legacy for all its collections, then each at its place."""
        batch: dict[str, dict[bytes, Debt]] = defaultdict(dict)
        for (namespace, key), debt in self._being_paid.items():
            batch[namespace][key] = debt
        self._read_ns = time.time_ns()
        reading = await self._sides.quiet.read(frozenset(batch), partial(self._read, batch))
        async with asyncio.TaskGroup() as tasks:
            for namespace, debts in batch.items():
                images = Reading(reading.value[namespace], reading.before, reading.clock)
                compare = partial(self._compare_all, namespace, debts, images)
                tasks.create_task(compare())

    async def _read(self, batch: Mapping[str, Mapping[bytes, Debt]]) -> dict[str, Images]:
        found = {}
        for namespace, debts in batch.items():
            identifiers = [debt.identifier for debt in debts.values()]
            found[namespace] = await self._sides.legacy_outage.endure(
                partial(self._sides.legacy.images, namespace, identifiers)
            )
        return found

    async def _compare_all(
        self, namespace: str, debts: Mapping[bytes, Debt], reading: Reading[Images]
    ) -> None:
        identifiers = [debt.identifier for debt in debts.values()]
        peers = self._sides.peers

        async def stored_images() -> tuple[Mapping[bytes, bytes], set[bytes], int | None]:
            async with peers.standing() as stood:
                images = await self._sides.gateway_outage.endure(
                    partial(self._sides.gateway.images, namespace, identifiers)
                )
                moved = {key for key in debts if self._sides.moved(namespace, key, reading)}
            return images, moved, stood

        footprint = Footprint(namespace=namespace, keys=frozenset(debts), writes=False)
        stored, moved, stood = await result_of(self._sides.runner, (footprint,), stored_images)
        await peers.have_stood(stood)
        moved |= {key for key in debts if peers.moved(namespace, key, reading.clock)}
        for key, debt in debts.items():
            if key in moved:
                self._still_owe((namespace, key), _overtaken(debt))
                continue
            await self._compare(namespace, key, debt, reading.value.get(key), stored.get(key))

    async def _compare(
        self, namespace: str, key: bytes, debt: Debt, legacy: bytes | None, gateway: bytes | None
    ) -> None:
        judgement = decide_state(namespace, legacy, gateway, self._rules.now)
        phrase = debt.cause.of(legacy, gateway)
        if judgement.verdict is not Verdict.MISMATCH:
            self._enter(namespace, debt, judgement, phrase)
            return
        if self._reconciler.is_restless(namespace) or (
            not debt.is_excused and self._sides.peers.doubts(namespace, {key})
        ):
            self._still_owe((namespace, key), _overtaken(debt))
            return
        if debt.attempts == 0:
            self._still_owe((namespace, key), replace(debt, attempts=1))
            return
        await self._confirm(namespace, debt, judgement, legacy, gateway)

    async def _confirm(
        self,
        namespace: str,
        debt: Debt,
        judgement: Judgement,
        legacy: bytes | None,
        gateway: bytes | None,
    ) -> None:
        excuse = await self._excuse(namespace, debt, judgement, legacy, gateway)
        phrase = debt.cause.of(legacy, gateway)
        if excuse is None:
            self._enter(namespace, debt, judgement, phrase)
            return
        verdict = Verdict.MATCH if excuse == TAKEN_OVER else Verdict.NOT_COMPARABLE
        self._being_mended.add(debt)

        def mended() -> None:
            self._being_mended.discard(debt)
            self._enter(namespace, debt, Judgement(verdict=verdict, reason=excuse), phrase)

        self._reconciler.mend(namespace, [debt.identifier], mended)

    def _enter(self, namespace: str, debt: Debt, judgement: Judgement, cause: str) -> None:
        self._evidence.compared_state(
            namespace,
            debt.identifier,
            judgement,
            debt.position,
            cause=cause,
            writer=debt.writer,
            asked=bool(debt.told),
            began_ns=self._read_ns,
        )
        _tell(debt, judgement)

    async def _excuse(
        self,
        namespace: str,
        debt: Debt,
        judgement: Judgement,
        legacy: bytes | None,
        gateway: bytes | None,
    ) -> str | None:
        is_expired = await self._expiries.predicate(namespace, time.time_ns())
        images = [image for image in (legacy, gateway) if image is not None]
        if is_expired is not None and len(images) == 1 and is_expired(images[0]):
            return EXPIRED
        partly = debt.excuse or self._stock.reason(namespace)
        if partly is not None:
            return partly
        if self._sides.peers.are_silent:
            return SILENT
        if debt.generated and only_clocks_differ(judgement):
            return TAKEN_OVER
        return None


def _overtaken(debt: Debt) -> Debt:
    """Return the debt of a document that was written while it was compared; those who asked wait only so long."""
    if not debt.told:
        return debt
    if debt.overtaken < _MOST_OVERTAKEN:
        return replace(debt, overtaken=debt.overtaken + 1)
    _tell(debt, Judgement(verdict=Verdict.NOT_COMPARABLE, reason=BUSY))
    return replace(debt, told=(), overtaken=0)


def _tell(debt: Debt, judgement: Judgement) -> None:
    for told in debt.told:
        told(debt.identifier, judgement)


def only_clocks_differ(judgement: Judgement) -> bool:
    """Return whether two answers differ in nothing but dates and timestamps."""
    clocks = {"date", "timestamp"}
    return bool(judgement.differences) and all(
        difference.legacy_type in clocks and difference.gateway_type in clocks
        for difference in judgement.differences
    )
