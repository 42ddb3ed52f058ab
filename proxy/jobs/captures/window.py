"""Which exchanges belong to a window of a log. Pure.

Cut anywhere, a log has exchanges under way at the edge: begun before it and answered behind it. Where one belongs,
MongoDB's clock tells: before the edge if it was done before the last thing that was answered there, else behind it.
A transaction belongs where its commit does, with all its statements. So windows that meet hold each exchange once
between them, and one replayed after the other give what the whole log gives. Without a clock the answer decides.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from proxy.capture.record import Record
from proxy.jobs.captures.exchanges import Pairing, Traded
from proxy.request import Control
from proxy.shadow.decode import UNDECODABLE, read_exchange
from proxy.shadow.exchange import ControlCommand, Exchange
from proxy.shadow.transactions import Identity, identity_of

END: Final = 1 << 62
"""A position behind every log."""


@dataclass(slots=True, kw_only=True, eq=False)
class Edge:
    """One end of a window: the highest clock that was answered before it, and when the last answer came."""

    name: str
    position: int
    is_passed: bool = False
    clock: int = 0
    moment_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """From where to where an exchange was under way, as far as it matters for edges."""

    what: str
    positions: tuple[int, ...]
    start: int
    answered: int
    received_ns: int
    clock: int | None

    def straddles(self, edge: Edge) -> bool:
        """Return whether it had begun and was not answered. Of a read the log tells only when it began."""
        if not edge.is_passed or self.answered < edge.position:
            return False
        return self.start < edge.position or self.received_ns < edge.moment_ns

    def is_before(self, edge: Edge) -> bool:
        """Return whether it belongs before an edge."""
        if self.straddles(edge):
            return self.clock is not None and self.clock <= edge.clock
        return self.answered < edge.position


@dataclass(slots=True, kw_only=True, eq=False)
class _Open:
    """The statements of a transaction so far."""

    began: int
    received_ns: int
    answered: int = 0
    positions: list[int] = field(default_factory=list)


class Window:
    """Take the records of a log in order; `holds` then tells which belong to the window."""

    def __init__(self, since: int, until: int) -> None:
        self.since = Edge(name="begin", position=since)
        self.until = Edge(name="end", position=until)
        self._pairing = Pairing()
        self._clock = 0
        self._moment_ns = 0
        self._transactions: dict[Identity, _Open] = {}
        self._cursors: set[int] = set()
        self._moved: dict[int, bool] = {}
        """Records whose place alone does not tell, and whether they belong to the window."""
        self.straddling: Counter[tuple[str, str, bool]] = Counter()
        """What was under way, at which edge, and whether it belongs to the window."""

    @property
    def is_decided(self) -> bool:
        """Return whether nothing that is still to come can change what belongs to the window."""
        end = self.until.position
        return (
            self.until.is_passed
            and self._pairing.oldest(END) >= end
            and all(each.began >= end for each in self._transactions.values())
        )

    @property
    def span(self) -> tuple[int, int]:
        """Return the positions between which all its records lie."""
        within = [position for position, is_within in self._moved.items() if is_within]
        return (
            min([self.since.position, *within]),
            max([self.until.position, *(position + 1 for position in within)]),
        )

    def take(self, record: Record) -> None:
        """Take the next record of the log."""
        for edge in (self.since, self.until):
            if not edge.is_passed and record.position >= edge.position:
                edge.is_passed = True
                edge.clock, edge.moment_ns = self._clock, self._moment_ns
                self.straddling["cursors", edge.name, True] = len(self._cursors)
        for traded in self._pairing.take(record):
            self._place(traded)
            self._moment_ns = max(self._moment_ns, record.received_ns + record.legacy_ns)

    def end(self) -> None:
        """Decide about what was never answered: it belongs to the end of the log."""
        for intent in self._pairing.waiting():
            position = intent.position
            self._decide(
                Stay(
                    what="writes",
                    positions=(position,),
                    start=position,
                    answered=END - 1,
                    received_ns=intent.received_ns,
                    clock=None,
                )
            )
        for identity in list(self._transactions):
            self._end(identity)

    def holds(self, position: int) -> bool:
        """Return whether a record belongs to the window."""
        return self._moved.get(position, self.since.position <= position < self.until.position)

    def _place(self, traded: Traded) -> None:
        exchange = _exchange_of(traded)
        clock = None if exchange is None else exchange.clock
        if exchange is not None:
            self._follow_cursor(exchange)
        identity, control = _part_of(traded)
        if identity is None:
            self._decide(_stay(traded, clock))
        elif control is None:
            self._add(identity, traded)
        else:
            self._end(identity, _stay(traded, clock))
        self._clock = max(self._clock, clock or 0)

    def _add(self, identity: Identity, traded: Traded) -> None:
        key, number = identity
        for other in [each for each in self._transactions if each[0] == key and each[1] < number]:
            self._end(other)
        opened = self._transactions.setdefault(
            identity, _Open(began=traded.start, received_ns=traded.record.received_ns)
        )
        opened.positions.extend(traded.positions)
        opened.began = min(opened.began, traded.start)
        opened.answered = traded.record.position

    def _end(self, identity: Identity, last: Stay | None = None) -> None:
        """Decide about a transaction: by its commit or abort, without one by its last statement."""
        opened = self._transactions.pop(identity, None)
        if opened is None:
            if last is not None:
                self._decide(last)
            return
        self._decide(
            Stay(
                what="transactions",
                positions=(*opened.positions, *(() if last is None else last.positions)),
                start=opened.began,
                answered=opened.answered if last is None else last.answered,
                received_ns=opened.received_ns,
                clock=None if last is None else last.clock,
            )
        )

    def _decide(self, stay: Stay) -> None:
        straddled = [edge for edge in (self.since, self.until) if stay.straddles(edge)]
        if not straddled:
            return
        within = not stay.is_before(self.since) and stay.is_before(self.until)
        self._moved.update(dict.fromkeys(stay.positions, within))
        for edge in straddled:
            self.straddling[stay.what, edge.name, within] += 1

    def _follow_cursor(self, exchange: Exchange | ControlCommand) -> None:
        if isinstance(exchange, ControlCommand):
            if exchange.batch is None or not exchange.batch.cursor:
                self._cursors.difference_update(exchange.cursors)
        elif exchange.batch is not None and exchange.batch.cursor:
            self._cursors.add(exchange.batch.cursor)


def _stay(traded: Traded, clock: int | None) -> Stay:
    return Stay(
        what="reads" if traded.intent is None else "writes",
        positions=traded.positions,
        start=traded.start,
        answered=traded.record.position,
        received_ns=traded.received_ns,
        clock=clock,
    )


def _part_of(traded: Traded) -> tuple[Identity | None, Control | None]:
    """Return the transaction that an exchange is part of, and what it decides of it; None for neither."""
    request = traded.request
    if request is None or request.session is None or not request.session.in_transaction:
        return None, None
    ending = {Control.COMMIT, Control.ABORT}
    return identity_of(request.session), request.control if request.control in ending else None


def _exchange_of(traded: Traded) -> Exchange | ControlCommand | None:
    """Return what an exchange says, None where it has no answer, or one that cannot be decoded."""
    if traded.request is None or not traded.reply:
        return None
    try:
        return read_exchange(traded.record, traded.request, writes=traded.intent is not None)
    except UNDECODABLE:
        return None
