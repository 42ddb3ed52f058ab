"""The orders about single documents: `compare` gives them a verdict, `mend` makes them equal first."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from comparators.canonical import document_key
from comparators.errors import RefusedError
from comparators.verdict import Judgement, Verdict
from proxy.ledger.entries import DivergenceState, Resolution
from proxy.ledger.orders import Order
from proxy.shadow.causes import AFTER_A_WRITE, PERHAPS_LOST, ROUND_THE_PROXY, Cause
from proxy.shadow.evidence import Evidence
from proxy.shadow.progress import Progress
from proxy.shadow.reconcile import Reconciler
from proxy.shadow.states import BUSY, States

IDENTIFIERS: Final = "ids"
"""Where the payload of an order names its documents."""

AS_REPAIRED: Final = "repaired"
"""In the payload of a comparison: documents were mended by whoever asks, so those that are equal are repaired."""

_EQUAL: Final = frozenset({Verdict.MATCH, Verdict.MATCH_BY_RULE})


class Comparing:
    """Give each document of an order a verdict that is aligned with the log."""

    def __init__(
        self,
        states: States,
        *,
        evidence: Evidence,
        progress: Progress,
        redacted: Callable[[str, Any], str],
        has_lost: Callable[[str], Awaitable[bool]],
        enabled: bool,
    ) -> None:
        """`has_lost` tells whether the log may have lost writes of a collection."""
        self._states = states
        self._evidence = evidence
        self._progress = progress
        self._redacted = redacted
        self._has_lost = has_lost
        self._enabled = enabled

    async def perform(self, order: Order) -> Mapping[str, Any]:
        """Compare the documents, and enter those that differ."""
        self.check()
        is_repaired = order.payload.get(AS_REPAIRED, False)
        equal = DivergenceState.REPAIRED if is_repaired else DivergenceState.RESOLVED
        cause = PERHAPS_LOST if await self._has_lost(order.namespace) else ROUND_THE_PROXY
        return await self.judged(order, cause=cause, equal=equal)

    def check(self) -> None:
        """Raise RefusedError where nothing compares states."""
        if not self._enabled:
            raise RefusedError(
                "the verifier does not compare stored documents",
                where="verifier.state_checks",
                remedy="set it to true and start the verifier again",
            )

    async def judged(
        self, order: Order, *, cause: Cause, equal: DivergenceState, busy: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        """Compare the documents of an order; `equal` is what those become that are equal.

        Those that are `busy` are left to the comparison after their last write.
        """
        namespace, restless = order.namespace, set(map(document_key, busy))
        identifiers = [
            each for each in order.payload[IDENTIFIERS] if document_key(each) not in restless
        ]
        found = await self._states.verdicts(
            namespace, identifiers, self._progress.position, cause=cause
        )
        found += [(each, Judgement(verdict=Verdict.NOT_COMPARABLE, reason=BUSY)) for each in busy]
        for identifier, judgement in found:
            if judgement.verdict in _EQUAL:
                end = Resolution(
                    namespace=namespace,
                    document=identifier,
                    at_ns=time.time_ns(),
                    state=equal,
                    who=order.who,
                    why=order.why,
                )
                self._evidence.resolved(end)
        return {
            "verdicts": Counter(judgement.verdict.value for _, judgement in found),
            "busy": [
                self._redacted(namespace, identifier)
                for identifier, judgement in found
                if judgement.reason == BUSY
            ],
            "documents": {
                self._redacted(namespace, identifier): judgement.verdict.value
                for identifier, judgement in found
                if judgement.verdict not in _EQUAL
            },
        }


class Mending:
    """Copy documents from legacy to the gateway, then compare them."""

    def __init__(self, reconciler: Reconciler, comparing: Comparing) -> None:
        self._reconciler = reconciler
        self._comparing = comparing

    async def perform(self, order: Order) -> Mapping[str, Any]:
        """Mend the documents; those that are equal afterwards are repaired, those that are never at rest are busy."""
        self._comparing.check()
        busy = await self._reconciler.mended(order.namespace, order.payload[IDENTIFIERS])
        return await self._comparing.judged(
            order, cause=AFTER_A_WRITE, equal=DivergenceState.REPAIRED, busy=busy
        )
