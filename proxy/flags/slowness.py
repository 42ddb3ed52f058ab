"""Notice within seconds that the gateway has come to be too slow for a collection that it answers. Pure: time comes in.

The gates of the ledger know whole minutes, and ten of them make an interval. Here the same ratio of the same pairs (both sides of one
operation) is taken over short stretches of the last minute. Whoever looks again and again at a ratio that wavers sees it beyond any bound
in the end: so what is found must be found once more, in nothing but new operations.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from proxy.ledger.gates import QUANTILES, Gate, GateOutcome, Result, latency_gate
from proxy.ledger.statistics import Pair, latency_ratio, needed_for

STRETCH_S: Final = 0.25
MOST_STRETCHES: Final = 240
"""In which something was timed; what is older says nothing about now."""
MAX_COLLECTIONS: Final = 1_000
_RECENT: Final = 2
"""So many times what an interval needs at least is looked at."""


@dataclass(slots=True)
class _Timed:
    """What one collection took, the oldest stretch first."""

    stretches: deque[tuple[int, Pair]] = field(default_factory=lambda: deque(maxlen=MOST_STRETCHES))
    suspected: frozenset[Gate] = frozenset()
    """What was found too slow already, in operations that are forgotten since."""


class Slowness:
    """What both sides took lately for the operations of each collection."""

    def __init__(self) -> None:
        self._collections: dict[str, _Timed] = {}

    @property
    def namespaces(self) -> Sequence[str]:
        """The collections of which something was timed."""
        return tuple(self._collections)

    def timed(self, namespace: str, legacy_s: float, gateway_s: float, *, now_s: float) -> None:
        """Note an operation that both sides have answered."""
        timed = self._collections.get(namespace)
        if timed is None:
            if len(self._collections) >= MAX_COLLECTIONS:
                return
            timed = self._collections[namespace] = _Timed()
        stretch, stretches = int(now_s / STRETCH_S), timed.stretches
        if not stretches or stretches[-1][0] != stretch:
            stretches.append((stretch, Pair()))
        pair = stretches[-1][1]
        pair.legacy.add(legacy_s)
        pair.gateway.add(gateway_s)

    def forget(self, namespace: str) -> None:
        """Begin anew with a collection."""
        self._collections.pop(namespace, None)

    def breaches(self, namespace: str, bound: float) -> Sequence[GateOutcome]:
        """Return the latency gates of a collection that fail for the second time, each on operations of its own."""
        timed = self._collections.get(namespace)
        if timed is None:
            return ()
        pairs = [pair for _, pair in timed.stretches]
        failed = dict(_failed(pairs, bound))
        if not failed:
            if len(pairs) == MOST_STRETCHES:
                timed.suspected = frozenset()
            return ()
        confirmed = [outcome for gate, outcome in failed.items() if gate in timed.suspected]
        timed.suspected = frozenset(failed)
        timed.stretches.clear()
        return confirmed


def _failed(pairs: Sequence[Pair], bound: float) -> Iterator[tuple[Gate, GateOutcome]]:
    for gate, quantile in QUANTILES.items():
        newest = _newest(pairs, _RECENT * needed_for(quantile))
        outcome = latency_gate(gate, latency_ratio(newest, quantile), bound)
        if outcome.result is Result.FAIL:
            yield gate, outcome


def _newest(pairs: Sequence[Pair], n: int) -> Sequence[Pair]:
    """Return the last stretches that hold so many operations: what was before a slowness would cover it."""
    held = 0
    for place in range(len(pairs) - 1, -1, -1):
        held += pairs[place].n
        if held >= n:
            return pairs[place:]
    return pairs
