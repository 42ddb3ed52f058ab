"""What is entered into the ledger. Times are nanoseconds since 1970, durations are seconds."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from comparators.change import Difference
from comparators.operation import Kind
from comparators.outcome import Answered
from comparators.search import Aspect
from comparators.shape import Shape
from comparators.verdict import Judgement, Verdict
from proxy.tracing.trail import Ids

VERIFIER: Final = "verifier"
"""The part of Parallax that writes the ledger; one for each log."""


def verifier_of(log: str) -> str:
    """Return the name under which the verifier of a log tells that it is there."""
    return f"{VERIFIER} {log[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Which write touched a document last: no value of it, and nobody's credentials.

    `position` is where the write stands on the capture log, for `parallax capture show`; `application` is what the driver says
    of the application and of itself, empty where it does not.
    """

    shape: str
    position: int = 0
    at_ns: int = 0
    connection: int = 0
    application: str = ""
    in_transaction: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One exchange, judged.

    A duration is None where that side did not run. `documents` holds the `_id`s concerned; they are
    redacted before they reach the disk. `trace` is for metrics to refer to, and reaches no disk.
    """

    at_ns: int
    log: str
    position: int
    namespace: str
    kind: Kind
    shape: Shape
    judgement: Judgement
    legacy_s: float | None = None
    gateway_s: float | None = None
    overhead_s: float | None = None
    compare_s: float | None = None
    documents: tuple[Any, ...] = ()
    answered: Answered | None = None
    plan: str | None = None
    writer: Writer | None = None
    """Of a stored document, what wrote it last; None where that is not known."""
    trace: Ids | None = None
    is_rechecked: bool = False
    """Whether both sides were asked again before the verdict."""
    legacy_error: str = ""
    gateway_error: str = ""
    """MongoDB's code of the error that a side answered with; empty where it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """How legacy runs operations of a shape that are slow on the gateway, without any value."""

    namespace: str
    shape: Shape
    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything in `log` that begins below `position` is on the ledger, save what begins at `open`."""

    log: str
    position: int
    at_ns: int
    open: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far the verifier was behind the relay when it wrote its findings down."""

    operations: int
    seconds: float
    bytes: int


SAMPLED: Final = "sampled: the verifier was behind, and compared others of the same shape"
"""The reason of reads that are `not_comparable` because they were left out."""


class EventKind(StrEnum):
    """What can happen to a run that a reader of its numbers has to know."""

    RELAY_STARTED = "relay_started"
    VERIFIER_STARTED = "verifier_started"
    GATEWAY_OUTAGE = "gateway_outage"
    LEGACY_OUTAGE = "legacy_outage"
    LEDGER_OUTAGE = "ledger_outage"
    RECORDS_SKIPPED = "records_skipped"
    CAPTURE_GAP = "capture_gap"
    RECONCILED = "reconciled"
    ACKNOWLEDGED_EARLY = "acknowledged_early"
    """Writes whose acknowledgement was to wait for the gateway did not."""
    RULES_READ = "rules_read"
    """So many rules are in force since the file was changed."""
    RULES_BROKEN = "rules_broken"
    """The file is broken, or a rule in it has expired: the rules before it stay in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened once. `detail` is a fixed phrase and holds no value of a document.

    An event that lasts is entered when it begins (`until_ns` None) and again, with the same kind, log,
    position and `at_ns`, when it is over.
    """

    kind: EventKind
    at_ns: int
    until_ns: int | None = None
    log: str = ""
    position: int = 0
    namespace: str = ""
    n: int = 1
    detail: str = ""


class Dropped(StrEnum):
    """What was dropped; a lost write or state leaves its documents unverified."""

    READS = "reads"
    WRITES = "writes"
    STATES = "states"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Operations of one collection that were answered but never verified, and the fixed reason."""

    at_ns: int
    namespace: str
    what: Dropped
    reason: str
    n: int


class DivergenceState(StrEnum):
    """Whether a document is known to differ between the two sides."""

    OPEN = "open"
    RESOLVED = "resolved"
    """The two sides were seen equal again."""
    RECONCILED = "reconciled"
    """The document was read from legacy and written to the gateway."""
    REPAIRED = "repaired"
    """Somebody asked for that, and the two sides were seen equal afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """A document that differs, or may differ, from `since_ns` on. `cause` is a fixed phrase.

    `differences` are redacted before they reach the disk.
    """

    namespace: str
    document: Any
    """Its `_id`."""
    cause: str
    since_ns: int
    log: str = ""
    position: int = 0
    differences: tuple[Difference, ...] = ()
    writer: Writer | None = None
    """What wrote it last; None where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The end of a divergence; entering one for a document that does not diverge changes nothing.

    `who` asked for it and `why`, where somebody did.
    """

    namespace: str
    document: Any
    at_ns: int
    state: DivergenceState = DivergenceState.RESOLVED
    who: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchComparison:
    """A search that engine and database were both asked, judged: nothing here says what was looked for.

    `aspect` is None where nothing was compared. `engine_alone` and `database_alone` are `_id`s that one path alone finds and no rule
    explains; they are redacted before they reach the disk.
    """

    at_ns: int
    namespace: str
    verdict: Verdict
    aspect: Aspect | None = None
    reason: str = ""
    engine_alone: tuple[Any, ...] = field(default=(), repr=False)
    database_alone: tuple[Any, ...] = field(default=(), repr=False)
    swapped: float = 0.0
