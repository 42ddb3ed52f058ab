"""The evidence of a window of time, as `read` returns it. Durations are seconds, moments nanoseconds since 1970."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from comparators.outcome import Answered
from comparators.verdict import Verdict
from proxy.ledger.batch import COMPARED
from proxy.ledger.conclusion import Conclusion, GateReport
from proxy.ledger.entries import DivergenceState, Dropped, EventKind, Writer
from proxy.ledger.flag_changes import FlagChange
from proxy.ledger.orders import OrderKind, OrderState
from proxy.ledger.searches import SearchCount, SearchDifference
from proxy.ledger.statistics import highest_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """A distribution of durations, each known to 1 %."""

    n: int
    p50_s: float
    p95_s: float
    p99_s: float
    buckets: tuple[tuple[float, int], ...]
    """The middle of each bucket and how many values it holds, ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Both paths, what the relay added, and what comparing cost; None where nothing was timed.

    `legacy` is what the relay waited for MongoDB, `gateway` what the verifier waited for the gateway.
    """

    legacy: Quantiles | None
    gateway: Quantiles | None
    overhead: Quantiles | None
    compare: Quantiles | None

    @property
    def ratio(self) -> float | None:
        """The gateway's median as a multiple of legacy's; None unless both were timed."""
        if self.legacy is None or self.gateway is None:
            return None
        return self.gateway.p50_s / self.legacy.p50_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many operations ended in which verdict, and how many never got one.

    `states` counts the comparisons of stored documents, which are no operations of the application.
    """

    verdicts: Mapping[Verdict, int]
    states: Mapping[Verdict, int] = field(default_factory=dict)
    dropped: int = 0
    """Reads and writes that were answered by legacy and not captured."""

    @property
    def seen(self) -> int:
        """All operations that the relay answered and knows of."""
        return sum(self.verdicts.values()) + self.dropped

    @property
    def verified(self) -> int:
        """Operations that both sides answered and whose answers were compared."""
        return sum(n for verdict, n in self.verdicts.items() if verdict in COMPARED)

    @property
    def mismatched(self) -> int:
        """Confirmed mismatches, of answers and of stored documents."""
        return self.verdicts.get(Verdict.MISMATCH, 0) + self.states.get(Verdict.MISMATCH, 0)

    @property
    def states_compared(self) -> int:
        """Stored documents that were compared on both sides after a write."""
        return sum(n for verdict, n in self.states.items() if verdict in COMPARED)

    @property
    def coverage(self) -> float | None:
        """The share of verified operations; None when none was seen."""
        return self.verified / self.seen if self.seen else None

    @property
    def mismatch_bound(self) -> float | None:
        """The rate below which that of mismatches lies, with 95 % confidence; None with nothing verified."""
        if not self.verified:
            return None
        return highest_rate(min(self.mismatched, self.verified), self.verified)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionEvidence:
    """One collection."""

    namespace: str
    tally: Tally
    latency: Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeEvidence:
    """One shape of operation within a collection."""

    namespace: str
    kind: str
    id: str
    text: str
    tally: Tally
    latency: Latency
    answers: Mapping[Answered, int]
    """How the gateway found the documents, where it had some to find."""
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowPlan:
    """How both databases run what is slow on the gateway: statements and plans, without any value."""

    namespace: str
    shape: str
    at_ns: int
    gateway_s: float
    plan: str
    legacy_plan: str = ""
    """How MongoDB runs it; empty while it was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One redacted difference."""

    path: str
    change: str
    legacy: str
    gateway: str
    legacy_type: str
    gateway_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One redacted example of a mismatch."""

    at_ns: int
    log: str
    position: int
    documents: tuple[str, ...]
    documents_in_all: int
    changes: tuple[Change, ...]
    changes_in_all: int
    writer: Writer | None = None
    """Of a stored document, what wrote it last; None where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Operations that differ in the same way. `path`, `change` and `reason` are empty where there is none."""

    id: str
    """What the ledger calls it: 16 hexadecimal digits."""
    verdict: Verdict
    fingerprint: str
    namespace: str
    kind: str
    shape: str
    path: str
    change: str
    reason: str
    n: int
    first_ns: int
    last_ns: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonEvidence:
    """Why operations of a shape have their verdict: for `unsupported`, the operator or option by name."""

    verdict: Verdict
    reason: str
    namespace: str
    kind: str
    shape: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEvidence:
    """How often a rule excused a difference in a collection."""

    rule: str
    namespace: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DropEvidence:
    """Operations that were answered but not captured."""

    namespace: str
    what: Dropped
    reason: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEvidence:
    """Something that happened; `until_ns` is None for a moment, or while it lasts."""

    kind: EventKind
    at_ns: int
    until_ns: int | None
    log: str
    position: int
    namespace: str
    n: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DivergentDocument:
    """A document that differs, or may differ, between the two sides; `document` is redacted.

    `who` had it repaired and `why`; both are empty for all others.
    """

    namespace: str
    document: str
    cause: str
    state: DivergenceState
    since_ns: int
    changed_ns: int
    log: str
    position: int
    differences: tuple[Change, ...] = ()
    who: str = ""
    why: str = ""
    writer: Writer | None = None
    """What wrote it last; None where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEvidence:
    """What somebody asked about documents or rules, and what came of it; `outcome` holds counts and redacted names."""

    id: int
    kind: OrderKind
    namespace: str
    who: str
    why: str
    asked_ns: int
    done_ns: int | None
    state: OrderState
    outcome: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepEvidence:
    """What the sweeps of a collection found, each chunk when it was last swept.

    `oldest_ns` is when the longest unswept chunk was swept, 0 if it never was.
    """

    namespace: str
    chunks: int
    documents: int
    differing: int
    uncompared: int
    oldest_ns: int
    newest_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A step of the time line: what was written down in it, and the largest lag."""

    at_ns: int
    seen: int
    verified: int
    mismatched: int
    lag_operations: int
    lag_s: float
    lag_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The time line; steps in which nothing was written down are left out."""

    step_s: int
    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictMoment:
    """The verdicts on operations that came in a step of time."""

    at_ns: int
    verdicts: Mapping[Verdict, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictCourse:
    """Verdicts over time, in whole minutes; steps without any are left out."""

    step_s: int
    moments: tuple[VerdictMoment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """When a part of Parallax last wrote, and its lag then."""

    part: str
    started_ns: int
    at_ns: int
    lag_operations: int
    lag_s: float
    lag_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a capture log has been verified."""

    log: str
    position: int
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything a report says. Lists are sorted, the most important entries first."""

    read_ns: int
    since_ns: int | None
    until_ns: int | None
    """The window asked for, None where open; sums cover the whole minutes that it touches."""
    first_ns: int | None
    last_ns: int | None
    """When the shapes seen were first and last used, within the window; None when none was seen."""
    about: Mapping[str, str]
    conclusion: Conclusion
    gates: GateReport
    tally: Tally
    latency: Latency
    collections: tuple[CollectionEvidence, ...]
    shapes: tuple[ShapeEvidence, ...]
    plans: tuple[SlowPlan, ...]
    groups: tuple[Group, ...]
    reasons: tuple[ReasonEvidence, ...]
    rules: tuple[RuleEvidence, ...]
    drops: tuple[DropEvidence, ...]
    events: tuple[EventEvidence, ...]
    divergent: tuple[DivergentDocument, ...]
    """At most `queries.MAX_DIVERGENT` of them, open ones first."""
    divergences: Mapping[DivergenceState, int]
    sweeps: tuple[SweepEvidence, ...]
    """As they stand now, whatever the window."""
    actions: tuple[ActionEvidence, ...]
    """The newest first, at most `queries.MAX_ACTIONS` of them."""
    rule_changes: tuple[ActionEvidence, ...]
    """Rules declared and withdrawn on the page, whatever the window, the newest first, at most `queries.MAX_ACTIONS`."""
    flags: tuple[FlagChange, ...]
    """All changes of flags that are on the ledger, whatever the window, the newest first."""
    searches: tuple[SearchCount, ...]
    """What comparisons of searches came to, the most frequent first."""
    search_differences: tuple[SearchDifference, ...]
    """Those that differ, the newest first, at most `searches.MOST_READ`."""
    progress: Progress
    lag: Progress
    """How far the verifier was behind all that was asked for, whichever collections were chosen."""
    course: VerdictCourse
    heartbeats: tuple[Heartbeat, ...]
    positions: tuple[Position, ...]
    namespaces: tuple[str, ...] = ()
    """The collections asked for; empty stands for all."""

    def reasons_for(self, verdict: Verdict) -> tuple[ReasonEvidence, ...]:
        """Return the reasons of one verdict."""
        return tuple(reason for reason in self.reasons if reason.verdict is verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A quick look: totals since the ledger was begun, latency of the last minutes."""

    read_ns: int
    tally: Tally
    sampled: int
    """Reads that were not compared because the verifier was behind: `not_comparable` in the tally."""
    latency: Latency
    divergences: Mapping[DivergenceState, int]
    sweeps: tuple[SweepEvidence, ...]
    heartbeats: tuple[Heartbeat, ...]
    positions: tuple[Position, ...]
    about: Mapping[str, str]
