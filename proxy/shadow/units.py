"""What the intake hands to the verifier: exchanges in logical order, each with what is to be done."""

from dataclasses import dataclass, field

from comparators.verdict import Verdict
from proxy.capture.gap import Gap
from proxy.shadow.cursors import Cursor
from proxy.shadow.exchange import ControlCommand, Exchange


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Single:
    """Run one operation and compare.

    `beside` are the writes that ran at the same time on MongoDB in the same collection; `cursor` is set
    when the result comes in parts.
    """

    exchange: Exchange
    cursor: Cursor | None = None
    beside: list["Single | Committed | InDoubt"] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Committed:
    """Run the statements of a committed transaction together and compare each."""

    commit: ControlCommand
    statements: tuple[Single, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InDoubt:
    """Nobody knows whether MongoDB did these writes: read their documents again from legacy.

    `commit` is the start of the commit that is in doubt with them, None outside a transaction. `again`: they were in doubt
    before and have their verdict, but may only have taken effect now. `clock` is the highest that was answered when nobody
    could answer them any more: where the log is read late, what follows there has a higher one. None without a clock.
    """

    exchanges: tuple[Exchange, ...]
    commit: int | None = None
    reason: str
    clock: int | None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CursorEnded:
    """All parts of a result have arrived."""

    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settled:
    """Nothing is to be run: the verdict is known, None where the exchange counts for nothing.

    `starts` are the log positions that are done with it.
    """

    starts: tuple[int, ...]
    exchange: Exchange | None = None
    verdict: Verdict | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lost:
    """The relay could not log everything."""

    position: int
    gap: Gap


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unreadable:
    """A record was skipped, or its messages could not be decoded."""

    position: int
    reason: str


Unit = Single | Committed | InDoubt | CursorEnded | Settled | Lost | Unreadable
