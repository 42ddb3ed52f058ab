"""From the records of the log to units of work in logical order. Pure: no I/O, no clock."""

from dataclasses import replace
from typing import Final

from comparators.outcome import Failure
from comparators.shape import shape_of
from comparators.verdict import Verdict
from proxy.capture.gap import Gap
from proxy.capture.record import Record, RecordKind
from proxy.ledger.entries import SAMPLED
from proxy.request import Control, Request, operation_of, read_request
from proxy.shadow.budget import Budget
from proxy.shadow.contention import has_steps
from proxy.shadow.cursors import Cursors
from proxy.shadow.decode import UNDECODABLE, read_exchange
from proxy.shadow.effects import changed_something
from proxy.shadow.exchange import Captured, ControlCommand, Exchange
from proxy.shadow.frontier import Frontier, Resume
from proxy.shadow.places import place_of, steps_of, write_at
from proxy.shadow.reach import namespaces_of
from proxy.shadow.sequence import Placed, Sequence
from proxy.shadow.transactions import Identity, Transactions, identity_of
from proxy.shadow.units import (
    Committed,
    CursorEnded,
    InDoubt,
    Lost,
    Settled,
    Single,
    Unit,
    Unreadable,
)

NO_ANSWER: Final = "no answer was seen"
RETRIED: Final = "a retry, answered from its first attempt"
ENDLESS: Final = "a tailable cursor or change stream"
ABORTED: Final = "its transaction was aborted"

_REFUSALS: Final = frozenset(
    {
        6,  # HostUnreachable
        7,  # HostNotFound
        13,  # Unauthorized
        18,  # AuthenticationFailed
        20,  # IllegalOperation: transactions on a standalone server
        43,  # CursorNotFound
        50,  # MaxTimeMSExpired
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        112,  # WriteConflict
        189,  # PrimarySteppedDown
        225,  # TransactionTooOld
        239,  # SnapshotTooOld
        246,  # SnapshotUnavailable
        251,  # NoSuchTransaction
        262,  # ExceededTimeLimit
        263,  # OperationNotSupportedInTransaction
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11601,  # Interrupted
        11602,  # InterruptedDueToReplStateChange
        13388,  # StaleConfig
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
    }
)
"""Codes by which MongoDB speaks of itself, not of the operation. Source: MongoDB manual, "Error Codes"."""

_MAY_HAVE_WRITTEN: Final = frozenset({50, 89, 91, 189, 262, 11600, 11601, 11602})
_UNKNOWN_COMMIT: Final = _MAY_HAVE_WRITTEN | {64}


class Intake:
    """Read records in log order, give back units in the order in which MongoDB did them."""

    def __init__(self, resume: Resume, frontier: Frontier, budget: Budget | None = None) -> None:
        """`budget` is None where every read is compared."""
        self._budget = budget
        self._resume = resume
        self._frontier = frontier
        self._requests: dict[int, tuple[Request, Record]] = {}
        self._sequence: Sequence[Unit] = Sequence()
        self._transactions = Transactions()
        self._cursors = Cursors()
        self._units: list[Unit] = []

    def accept(self, record: Record) -> None:
        """Take the next record of the log."""
        start = record.intent if record.kind is RecordKind.REPLY else record.position
        if self._resume.is_done(start):
            return
        try:
            self._accept(record, start)
        except UNDECODABLE as error:
            # A message that was captured whole but is not what a driver sends: counted, never fatal.
            self._requests.pop(start, None)
            self._sequence.abandon(start)
            self._frontier.leave(start)
            reason = f"a message cannot be decoded ({type(error).__name__})"
            self._units.append(Unreadable(position=record.position, reason=reason))

    def skipped(self, position: int, reason: str) -> None:
        """Take note of bytes that the reader could not make a record of."""
        self._units.append(Unreadable(position=position, reason=reason))

    def release(self, now_ns: int) -> list[Unit]:
        """Return what can be worked on, in order; `now_ns` ends what waited too long."""
        for cursor in self._cursors.end_idle(now_ns):
            self._units.append(CursorEnded(cursor=cursor))
        self._give_up(self._transactions.expire(now_ns))
        ordered = [placed.item for placed in self._sequence.release()]
        units, self._units = self._units, []
        return ordered + units

    def end(self, record: Record) -> None:
        """Give up what waits for more of a log that has ended; `record` is its last one."""
        self._forsake(None, record)
        self._give_up(self._transactions.end())
        for cursor in self._cursors.end():
            self._units.append(CursorEnded(cursor=cursor))

    @property
    def highest_clock(self) -> int:
        """Return the highest clock of what was answered."""
        return self._sequence.highest_clock

    def lowest_place(self) -> int | None:
        """Return the place before which nothing is left here; None where nothing is."""
        places = [write_at(floor + 1) for floor in self._sequence.floors()]
        places += [place for unit in self._sequence.held() if (place := place_of(unit)) is not None]
        return min(places, default=None)

    def lowest_step(self) -> int | None:
        """Return the clock from which on writes of several steps may be under way; None without one."""
        clocks = list(self._sequence.floors(with_steps=True))
        clocks += [clock for unit in self._sequence.held() if (clock := steps_of(unit)) is not None]
        return min(clocks, default=None)

    def is_settled(self, position: int, namespace: str) -> bool:
        """Return whether every write of a collection that began before a position was released."""
        return not self._sequence.unsettled_before(position, namespace)

    def _accept(self, record: Record, start: int) -> None:
        match record.kind:
            case RecordKind.INTENT:
                self._begin(record)
            case RecordKind.REPLY:
                self._answer(record, start)
            case RecordKind.EXCHANGE:
                self._frontier.enter(start)
                request = read_request(record.request, start=start)
                self._read(read_exchange(record, request, writes=False))
            case RecordKind.OPENED:
                self._forsake(None, record)
            case RecordKind.CLOSED:
                self._forsake(record.connection, record)
            case RecordKind.GAP:
                gap = Gap.decode(record.request)
                self._units.append(Lost(position=record.position, gap=gap))

    def _read(self, captured: Exchange | ControlCommand) -> None:
        budget = self._budget
        if (
            budget is not None
            and isinstance(captured, Exchange)
            and budget.is_spent(captured.received_ns)
            and not (captured.session is not None and captured.session.in_transaction)
            and budget.spares(shape_of(captured.operation).id, captured.received_ns)
        ):
            self._units.append(_not_comparable(captured, SAMPLED))
        else:
            self._take(captured)

    def _begin(self, record: Record) -> None:
        start = record.position
        request = read_request(record.request, start=start)
        changed = self._changed_by(request)
        self._frontier.enter(start, writes=changed)
        self._requests[start] = (request, record)
        steps = request.control is None and has_steps(operation_of(request))
        # A statement of a transaction writes nothing yet.
        is_statement = request.control is None and _is_in_transaction(request)
        written = frozenset[str]() if is_statement else changed
        self._sequence.begin(start, written, has_steps=steps)

    def _changed_by(self, request: Request) -> frozenset[str]:
        """Return the collections that a write may change, now or when its transaction is committed."""
        identity = identity_of(request.session)
        if request.control is Control.COMMIT and identity is not None:
            return self._transactions.namespaces(identity)
        if request.control is not None:
            return frozenset()
        return namespaces_of(operation_of(request))

    def _answer(self, record: Record, start: int) -> None:
        known = self._requests.pop(start, None)
        if known is None:
            return
        request, _ = known
        self._take(read_exchange(record, request, writes=True))

    def _forsake(self, connection: int | None, record: Record) -> None:
        """Doubt the writes whose answers can no longer come: all, or those of one connection."""
        for start, (request, intent) in list(self._requests.items()):
            if connection is None or intent.connection == connection:
                del self._requests[start]
                unanswered = intent._replace(position=record.position, reply=b"")
                self._take(read_exchange(unanswered, request, writes=True))

    def _take(self, captured: Exchange | ControlCommand) -> None:
        if isinstance(captured, ControlCommand):
            self._control(captured)
            return
        identity = identity_of(captured.session)
        if captured.session is None or not captured.session.in_transaction or identity is None:
            self._single(captured)
            return
        self._sequence.abandon(captured.start)
        statement = Single(exchange=captured, cursor=self._cursors.open(captured))
        self._give_up(self._transactions.add(identity, statement))

    def _control(self, command: ControlCommand) -> None:
        match command.control:
            case Control.COMMIT:
                self._commit(command)
            case Control.ABORT:
                self._abort(command)
            case Control.GET_MORE:
                self._advance(command)
            case Control.KILL_CURSORS:
                self._kill(command)

    def _single(self, exchange: Exchange) -> None:
        unit = self._unit_of(exchange)
        effective = exchange.writes and changed_something(exchange)
        namespaces = namespaces_of(exchange.operation)
        self._place(exchange, unit, namespaces, effective=effective)

    def _overlaps(self, placed: Placed[Unit]) -> None:
        """Tell overlapping writes of each other: whichever is answered later, or never, completes the pair."""
        unit = placed.item
        if not isinstance(unit, Single | Committed | InDoubt):
            return
        for other in placed.beside:
            item = other.item
            if isinstance(unit, Single) and isinstance(item, Single | Committed | InDoubt):
                unit.beside.append(item)
            if isinstance(item, Single):
                item.beside.append(unit)

    def _unit_of(self, exchange: Exchange) -> Unit:
        if exchange.legacy is None:
            return self._doubt(exchange, NO_ANSWER)
        if exchange.retried:
            return self._doubt(exchange, RETRIED)
        if exchange.endless:
            return _not_comparable(exchange, ENDLESS)
        result = exchange.legacy.result
        if isinstance(result, Failure) and result.code in _REFUSALS:
            if exchange.writes and result.code in _MAY_HAVE_WRITTEN:
                return self._doubt(exchange, _refusal(result))
            return _not_comparable(exchange, _refusal(result))
        return Single(exchange=exchange, cursor=self._cursors.open(exchange))

    def _doubt(self, exchange: Exchange, reason: str) -> Unit:
        if exchange.writes:
            return InDoubt(exchanges=(exchange,), reason=reason, clock=self._clock_of(exchange))
        return _not_comparable(exchange, reason)

    def _commit(self, commit: ControlCommand) -> None:
        identity = identity_of(commit.session)
        failure = _failure_of(commit)
        refused = failure is not None and failure.code not in _UNKNOWN_COMMIT
        if identity is None or refused:
            self._abort(commit)
            return
        is_known = commit.legacy is not None and failure is None
        namespaces = self._transactions.namespaces(identity)
        if self._transactions.is_settled(identity):
            self._commit_again(commit, identity, namespaces, is_known=is_known)
            return
        if is_known:
            statements = tuple(self._transactions.settle(identity))
            unit: Unit = Committed(commit=commit, statements=statements)
        else:
            unit = self._doubtful(commit, self._transactions.doubt(identity))
        self._place(commit, unit, namespaces, effective=True)

    def _commit_again(
        self,
        commit: ControlCommand,
        identity: Identity,
        namespaces: frozenset[str],
        *,
        is_known: bool,
    ) -> None:
        """Drivers repeat a commit that they saw no answer to: the first one may never have reached MongoDB."""
        statements = self._transactions.doubtful(identity, is_known=is_known)
        if not statements:
            self._abort(commit)
            return
        again = replace(self._doubtful(commit, statements), again=True)
        self._place(commit, again, namespaces, effective=True)

    def _doubtful(self, commit: ControlCommand, statements: list[Single]) -> InDoubt:
        return InDoubt(
            exchanges=tuple(statement.exchange for statement in statements),
            reason=NO_ANSWER,
            commit=commit.start,
            clock=self._clock_of(commit),
        )

    def _clock_of(self, captured: Captured) -> int | None:
        return captured.clock or self._sequence.highest_clock or None

    def _abort(self, command: ControlCommand) -> None:
        """Drop the statements of a transaction; those of a settled one are gone already."""
        self._sequence.abandon(command.start)
        identity = identity_of(command.session)
        if identity is not None:
            self._give_up(self._transactions.settle(identity))
        self._units.append(Settled(starts=(command.start,)))

    def _place(
        self, captured: Captured, unit: Unit, namespaces: frozenset[str], *, effective: bool
    ) -> None:
        placed = Placed(
            item=unit,
            namespaces=namespaces,
            start=captured.start,
            position=captured.position,
            clock=captured.clock,
            effective=effective,
        )
        self._sequence.place(placed)
        self._overlaps(placed)

    def _give_up(self, statements: list[Single]) -> None:
        self._units.extend(_not_comparable(given.exchange, ABORTED) for given in statements)

    def _advance(self, more: ControlCommand) -> None:
        progress = self._cursors.advance(more)
        if progress is None:
            self._units.append(Settled(starts=(more.start,)))
            return
        cursor, ended = progress
        if ended:
            self._units.append(CursorEnded(cursor=cursor))

    def _kill(self, command: ControlCommand) -> None:
        self._units.append(Settled(starts=(command.start,)))
        self._units.extend(CursorEnded(cursor=cursor) for cursor in self._cursors.kill(command))


def _is_in_transaction(request: Request) -> bool:
    return request.session is not None and request.session.in_transaction


def _failure_of(captured: Captured) -> Failure | None:
    legacy = captured.legacy
    return legacy.result if legacy is not None and isinstance(legacy.result, Failure) else None


def _refusal(failure: Failure) -> str:
    return f"MongoDB refused with code {failure.code}"


def _not_comparable(exchange: Exchange, reason: str) -> Settled:
    return Settled(
        starts=(exchange.start,),
        exchange=exchange,
        verdict=Verdict.NOT_COMPARABLE,
        reason=reason,
    )
