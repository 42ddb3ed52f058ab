"""Ask both sides once more before a mismatch of a read is believed.

A read overlaps with writes, a cursor is read over seconds, a transaction reads an old snapshot: the two answers
may belong to different moments. So both are asked again, at one place of the log; only what still
differs, with no write in between, is a mismatch.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from adapters.gateway import Footprint, Generated
from comparators.canonical import decode, document_key
from comparators.decision import decide
from comparators.errors import UnsupportedError
from comparators.operation import Kind, Operation
from comparators.outcome import Documents, Outcome
from comparators.verdict import Judgement, Verdict
from proxy.shadow.evidence import namespaces_of
from proxy.shadow.exchange import Exchange
from proxy.shadow.expiry import Expiries
from proxy.shadow.peers import SILENT
from proxy.shadow.quiet import Reading
from proxy.shadow.reconcile import Reconciler
from proxy.shadow.rulebook import Rulebook
from proxy.shadow.runner import CreateTask, result_of
from proxy.shadow.sides import Sides
from proxy.shadow.states import States

_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 1.0

RESTLESS: Final = "could not be rechecked: its documents never came to rest"
NOISY: Final = "legacy answers differently each time"

_AGREEMENT: Final = frozenset({Verdict.MATCH, Verdict.MATCH_BY_RULE, Verdict.NOT_COMPARABLE})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Suspect:
    """A read whose two answers differed; `decided` is called once with the final judgement.

    `ended_at` is the position of the last part of legacy's answer, `ended_ns` when it came.
    """

    exchange: Exchange
    operation: Operation
    legacy: Outcome
    gateway: Outcome
    judgement: Judgement
    ended_at: int
    ended_ns: int
    footprints: tuple[Footprint, ...]
    decided: Callable[[Judgement], None]


class Rechecks:
    """Recheck suspects, a few at a time."""

    def __init__(
        self,
        sides: Sides,
        *,
        reconciler: Reconciler,
        states: States,
        expiries: Expiries,
        rules: Rulebook,
        within_s: float,
        at_once: int,
        create_task: CreateTask,
    ) -> None:
        self._sides = sides
        self._reconciler = reconciler
        self._states = states
        self._expiries = expiries
        self._rules = rules
        self._within_s = within_s
        self._create_task = create_task
        self._places = asyncio.Semaphore(at_once)
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    async def take(self, suspect: Suspect) -> None:
        """Begin to recheck a suspect; its namespaces must come to rest within the time allowed."""
        explained = self._explained(suspect)
        if explained is not None:
            suspect.decided(explained)
            return
        suspect.exchange.passage.doubted_ns = time.time_ns()
        self._create_task(self._recheck(suspect))

    def _explained(self, suspect: Suspect) -> Judgement | None:
        """Return the judgement on a read of documents that the gateway does not have in full, else None."""
        namespaces = sorted(namespaces_of(suspect.footprints))
        if any(map(self._reconciler.is_restless, namespaces)):
            return None
        reasons = map(self._reconciler.disputes, namespaces)
        reason = next((each for each in reasons if each is not None), None)
        if reason is None:
            return None
        return Judgement(verdict=Verdict.NOT_COMPARABLE, reason=reason)

    async def _recheck(self, suspect: Suspect) -> None:
        self._waiting += 1
        try:
            async with self._places:
                suspect.decided(await self._decide(suspect))
        finally:
            self._waiting -= 1

    async def _decide(self, suspect: Suspect) -> Judgement:
        # The time allowed counts from the first moment at which the backlog was drained.
        deadline: float | None = None
        pause_s = _FIRST_PAUSE_S
        while True:
            judgement = await self._ask_both(suspect, suspect.operation)
            if judgement is not None:
                return judgement
            now_s = time.monotonic()
            deadline = now_s + self._within_s if deadline is None else deadline
            if now_s > deadline:
                return Judgement(verdict=Verdict.NOT_COMPARABLE, reason=RESTLESS)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _ask_both(self, suspect: Suspect, asked: Operation) -> Judgement | None:
        """Return the final judgement, None when writes in between make it worthless."""
        operation, namespaces = suspect.operation, namespaces_of(suspect.footprints)
        reading = await self._sides.quiet.read(
            namespaces,
            lambda: self._sides.legacy_outage.endure(lambda: self._sides.legacy.run(asked)),
        )
        generated = Generated(now_ms=time.time_ns() // 1_000_000)

        async def ask() -> tuple[Outcome, bool, int | None]:
            async with self._sides.peers.standing() as stood:
                outcome = await self._sides.gateway_outage.endure(
                    lambda: self._sides.gateway.run(asked, generated=generated)
                )
                # Both here: what is unsettled now may be settled a moment later.
                is_worthless = self._was_written(suspect, outcome, reading) or any(
                    map(self._is_unsettled, namespaces)
                )
                return outcome, is_worthless, stood

        try:
            outcome, is_worthless, stood = await result_of(
                self._sides.runner, suspect.footprints, ask
            )
        except UnsupportedError as error:
            return Judgement(verdict=Verdict.UNSUPPORTED, reason=error.what)
        await self._sides.peers.have_stood(stood)
        is_worthless = is_worthless or self._was_written(suspect, outcome, reading)
        expired = await self._expiries.predicate(operation.namespace, time.time_ns())
        judgement = decide(operation, reading.value, outcome, self._rules.now, expired=expired)
        if judgement.verdict is Verdict.MATCH:
            return Judgement(verdict=Verdict.TRANSIENT)
        if judgement.verdict in _AGREEMENT:
            return judgement
        if self._sides.peers.are_silent:
            return Judgement(verdict=Verdict.NOT_COMPARABLE, reason=SILENT)
        if is_worthless or any(map(self._is_unsettled, namespaces)):
            return None
        explained = self._explained(suspect)
        if explained is not None:
            return explained
        if self._may_differ(suspect, reading.value, outcome):
            return None
        is_figure = operation.kind is not Kind.FIND and asked is operation
        if is_figure and await self._may_have_expired(namespaces):
            return await self._without_expired(suspect, namespaces)
        if self._is_noisy(suspect, reading.value, namespaces):
            return Judgement(verdict=Verdict.NOT_COMPARABLE, reason=NOISY)
        return judgement

    async def _without_expired(
        self, suspect: Suspect, namespaces: frozenset[str]
    ) -> Judgement | None:
        """Return the mismatch that is there without the documents that may have expired, else None.

        A figure does not show which documents are in it. Where these explain the difference, it will be gone
        with them.
        """
        operation = suspect.operation
        narrowed = await self._expiries.unexpired(operation, time.time_ns())
        if narrowed is None or await self._may_have_expired(namespaces - {operation.namespace}):
            return None
        legacy = await self._sides.legacy_outage.endure(lambda: self._sides.legacy.run(narrowed))
        judgement = await self._ask_both(replace(suspect, legacy=legacy), narrowed)
        is_there = judgement is not None and judgement.verdict is Verdict.MISMATCH
        return judgement if is_there else None

    def _is_unsettled(self, namespace: str) -> bool:
        """Return whether documents are about to be read from legacy again: a difference says nothing."""
        return self._reconciler.is_restless(namespace) or self._states.awaits_clock(namespace)

    def _may_differ(self, suspect: Suspect, legacy: Outcome, gateway: Outcome) -> bool:
        """Return whether documents are in the answers that may differ until they are compared."""
        differing = differing_keys(suspect.operation, legacy, gateway)
        namespaces = namespaces_of(suspect.footprints)
        if differing is not None:
            namespaces = frozenset({suspect.operation.namespace})
        return any(
            self._states.excuse_of(namespace, differing) is not None
            or self._sides.peers.doubts(namespace, differing)
            for namespace in namespaces
        )

    async def _may_have_expired(self, namespaces: frozenset[str]) -> bool:
        now_ns = time.time_ns()
        for namespace in namespaces:
            if await self._expiries.holds_expired(namespace, now_ns):
                return True
        return False

    def _was_written(self, suspect: Suspect, gateway: Outcome, reading: Reading[Outcome]) -> bool:
        operation = suspect.operation
        namespaces = namespaces_of(suspect.footprints)
        if not any(self._sides.any_moved(namespace, reading) for namespace in namespaces):
            return False
        differing = differing_keys(operation, reading.value, gateway)
        if differing is None:
            return True
        return any(self._sides.moved(operation.namespace, key, reading) for key in differing)

    def _is_noisy(self, suspect: Suspect, again: Outcome, namespaces: frozenset[str]) -> bool:
        """Return whether legacy changed its answer although nobody wrote."""
        since, clock = suspect.exchange.position, suspect.exchange.clock
        for namespace in namespaces:
            if self._sides.touches.any_since(namespace, since):
                return False
            if self._sides.peers.any_moved(namespace, clock):
                return False
        judgement = decide(suspect.operation, suspect.legacy, again, self._rules.now)
        return judgement.verdict is Verdict.MISMATCH


def differing_keys(operation: Operation, legacy: Outcome, gateway: Outcome) -> set[bytes] | None:
    """Return the documents only one answer holds in this form; None when that cannot be told.

    With a limit, a write to one document can push another one out of the result.
    """
    arguments = operation.arguments
    if operation.kind is not Kind.FIND or arguments.get("limit") or arguments.get("skip"):
        return None
    if not isinstance(legacy.result, Documents) or not isinstance(gateway.result, Documents):
        return None
    differing = set(legacy.result.documents) ^ set(gateway.result.documents)
    keys: set[bytes] = set()
    for document in differing:
        fields = decode(document)
        if "_id" not in fields:
            return None
        keys.add(document_key(fields["_id"]))
    # The same documents in another order: any write may have moved one.
    return keys or None
