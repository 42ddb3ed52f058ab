"""Decide of which exchanges a trace tells, and hand them over to be sent.

The decision comes last, when the verdict is known. So nothing that went wrong is ever missing, and the relay has no part in it.
"""

import time
from collections.abc import Callable
from typing import Final

from comparators.outcome import Acknowledgement, Failure, Outcome
from comparators.shape import Shape
from comparators.verdict import Judgement, Verdict
from proxy.shadow.exchange import Exchange
from proxy.shadow.state_traces import StateTraces
from proxy.tracing.context import Parent
from proxy.tracing.slowness import Slowness
from proxy.tracing.stint import Told
from proxy.tracing.trail import AGAINST, Ids, Side, Trail, ids_of

NO_ANSWER: Final = "no_answer"
"""The error of an exchange to which no answer was seen."""
_FAILED: Final = frozenset({Verdict.GATEWAY_ERROR, Verdict.TIMEOUT, Verdict.UNSUPPORTED})
"""Verdicts that say that the gateway gave no answer."""
_RANDOM_BITS: Final = 56
_MASK: Final = (1 << _RANDOM_BITS) - 1


class Traces:
    """One per log. `put` takes what is to be told of, and never waits."""

    def __init__(
        self, log: str, *, ratio: float, slow_beyond_s: float, put: Callable[[Told], None]
    ) -> None:
        """Where the application says nothing, `ratio` is the share that is traced; some of what took the gateway longer than `slow_beyond_s` is as well."""
        self._log = log
        self._seed = ids_of(log, 0, None).trace
        self._slowness = Slowness(slow_beyond_s)
        self._below = round(ratio * (1 << _RANDOM_BITS))
        self._put = put
        self.states = StateTraces(log, put)

    def judged(
        self,
        exchange: Exchange,
        judgement: Judgement,
        shape: Shape,
        outcome: Outcome | None,
    ) -> Ids | None:
        """Tell of an exchange with its verdict, if it is one to be told of; return the numbers that it has there."""
        parent = exchange.parent
        ids = self._ids(exchange.start, parent, judgement.verdict, outcome)
        if ids is None:
            return None
        passage = exchange.passage
        now_ns = time.time_ns()
        self._put(
            Trail(
                ids=ids,
                parent=parent,
                database=exchange.operation.database,
                collection=exchange.operation.collection,
                kind=exchange.operation.kind,
                shape=shape.id,
                position=exchange.start,
                legacy=_legacy(exchange),
                overhead_s=exchange.overhead_s,
                gateway=_gateway(exchange, judgement, outcome, now_ns),
                verdict=judgement.verdict,
                reason=judgement.reason,
                fingerprint=judgement.fingerprint,
                rules=judgement.rules,
                compared_ns=passage.compared_ns,
                doubted_ns=passage.doubted_ns,
                judged_ns=now_ns,
            )
        )
        return ids

    def _ids(
        self, start: int, parent: Parent | None, verdict: Verdict, outcome: Outcome | None
    ) -> Ids | None:
        if verdict in AGAINST or (parent is not None and parent.is_sampled):
            return ids_of(self._log, start, parent)
        if parent is not None:
            return None
        if outcome is not None and self._slowness.takes(outcome.duration_s):
            return ids_of(self._log, start, None)
        # Numbers alone hash alike in each process, and in a tenth of the time that a trace's own numbers take.
        if hash((self._seed, start)) & _MASK >= self._below:
            return None
        return ids_of(self._log, start, None)


def _legacy(exchange: Exchange) -> Side:
    legacy = exchange.legacy
    return Side(
        began_ns=exchange.received_ns,
        ended_ns=exchange.received_ns + int(exchange.legacy_s * 1e9),
        error=NO_ANSWER if legacy is None else error_of(legacy),
    )


def _gateway(
    exchange: Exchange, judgement: Judgement, outcome: Outcome | None, now_ns: int
) -> Side | None:
    passage = exchange.passage
    if not passage.began_ns:
        return None
    ended_ns = passage.ended_ns or now_ns
    if outcome is None:
        error = judgement.verdict.value if judgement.verdict in _FAILED else None
        return Side(began_ns=passage.began_ns, ended_ns=ended_ns, error=error)
    # Before it answered it may have been away.
    began_ns = max(passage.began_ns, ended_ns - int(outcome.duration_s * 1e9))
    return Side(began_ns=began_ns, ended_ns=ended_ns, error=error_of(outcome))


def error_of(outcome: Outcome | None) -> str | None:
    """Return the code by which MongoDB names a failure, None where there is none."""
    match None if outcome is None else outcome.result:
        case Failure(code=code):
            return str(code)
        case Acknowledgement(errors=(first, *_)):
            return str(first.code)
        case _:
            return None
