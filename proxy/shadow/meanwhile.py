"""Which writes ran on legacy while a read was under way: their effects may or may not be in its answer.

Kept by the clock of the relay, on which both were seen to begin and to end.
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Final

from proxy.shadow.exchange import Captured
from proxy.shadow.quiet import Settling
from proxy.shadow.reach import namespaces_of
from proxy.shadow.sequence import share
from proxy.shadow.units import Committed, InDoubt, Single, Unit

_REMEMBERED: Final = 10_000
_DOUBTFUL_NS: Final = 2_000_000_000

Span = tuple[int, int]
"""When a write was asked for, and when it was answered."""


class Meanwhile:
    """The latest writes of each collection."""

    def __init__(self, intake: Settling, *, begins_ns: int) -> None:
        """`begins_ns`: of writes before it the log knows nothing."""
        self._intake = intake
        self._begins_ns = begins_ns
        self._spans: dict[str, deque[Span]] = defaultdict(deque)
        self._forgotten_ns: dict[str, int] = {}

    def note(self, units: Iterable[Unit]) -> None:
        """Note the writes among units; all of a release at once, before any of them runs."""
        for unit in units:
            match unit:
                case Single() if unit.exchange.writes:
                    self._add(namespaces_of(unit.exchange.operation), _span(unit.exchange))
                case Committed():
                    written = [s.exchange for s in unit.statements if s.exchange.writes]
                    for exchange in written:
                        self._add(namespaces_of(exchange.operation), _span(unit.commit))
                case InDoubt():
                    for exchange in unit.exchanges:
                        # Nobody saw it end; afterwards its documents are known to be unknown.
                        span = (exchange.received_ns, exchange.received_ns + _DOUBTFUL_NS)
                        self._add(namespaces_of(exchange.operation), span)
                case _:
                    pass

    def wrote(
        self, namespaces: frozenset[str], began_ns: int, ended_ns: int, ended_at: int
    ) -> bool:
        """Return whether a collection was written to between two moments; `ended_at` is where the log was then."""
        if began_ns < self._begins_ns:
            return True
        if not all(self._intake.is_settled(ended_at, namespace) for namespace in namespaces):
            return True
        return any(
            self._overlaps(written, began_ns, ended_ns)
            for written in list(self._spans)
            if share(namespaces, frozenset({written}))
        )

    def _overlaps(self, namespace: str, began_ns: int, ended_ns: int) -> bool:
        if self._forgotten_ns.get(namespace, 0) >= began_ns:
            return True
        return any(begin <= ended_ns and end >= began_ns for begin, end in self._spans[namespace])

    def _add(self, namespaces: frozenset[str], span: Span) -> None:
        for namespace in namespaces:
            spans = self._spans[namespace]
            spans.append(span)
            if len(spans) > _REMEMBERED:
                _, end = spans.popleft()
                self._forgotten_ns[namespace] = max(end, self._forgotten_ns.get(namespace, 0))


def _span(captured: Captured) -> Span:
    return captured.received_ns, captured.answered_ns
