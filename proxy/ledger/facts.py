"""What the gates look at, gathered from the ledger in the transaction of the reader."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from comparators.verdict import Verdict
from proxy.ledger import queries, tables
from proxy.ledger.batch import COMPARED, GATEWAY, LEGACY
from proxy.ledger.bounds import Gates
from proxy.ledger.conclusion import Conclusion, GateReport, LedgerFacts, conclude, ledger_gates
from proxy.ledger.entries import Dropped, EventKind
from proxy.ledger.evidence import DropEvidence, EventEvidence, Heartbeat, SweepEvidence, Tally
from proxy.ledger.gates import CollectionFacts, GateOutcome, gates_of
from proxy.ledger.queries import ShapeRow
from proxy.ledger.sketches import Sketch
from proxy.ledger.statistics import Pair
from proxy.ledger.sweeps import NEVER
from proxy.ledger.tables import NANOSECONDS_PER_SECOND
from proxy.ledger.window import Window

MAX_STRETCHES: Final = 240
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the evidence says now: the gates, and the answer that they add up to."""

    conclusion: Conclusion
    gates: GateReport
    verified: Mapping[str, int]
    """Operations verified, by collection."""
    silent_s: float | None
    """How long ago a verifier last wrote; None if none ever has."""
    unsupported: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Of each collection, what of its traffic the gateway does not support, each with its shape."""

    def of(self, namespace: str) -> tuple[GateOutcome, ...]:
        """Return the gates of a collection and of the ledger; none where nothing of the collection was seen."""
        for each in self.gates.collections:
            if each.namespace == namespace:
                return (*each.outcomes, *self.gates.ledger)
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the reader of a window has read already."""

    window: Window
    now_ns: int
    shapes: Mapping[int, ShapeRow]
    tallies: Mapping[str, Tally]
    drops: Sequence[DropEvidence]
    events: Sequence[EventEvidence]
    heartbeats: Sequence[Heartbeat]
    sweeps: Sequence[SweepEvidence]


async def standing(connection: AsyncConnection, read: Read, gates: Gates) -> Standing:
    """Return the gates of every collection that was seen, and the conclusion."""
    spans = await _spans(connection, read)
    stretches = await _stretches(connection, read)
    diverged = await _open_divergences(connection, read.window)
    sweeps = {sweep.namespace: sweep for sweep in read.sweeps}
    drops = _drops(read.drops)
    report = GateReport(
        collections=tuple(
            gates_of(
                CollectionFacts(
                    namespace=namespace,
                    verdicts=tally.verdicts,
                    verified=tally.verified,
                    seen=tally.seen,
                    differing_states=tally.states.get(Verdict.MISMATCH, 0),
                    open_divergences=diverged.get(namespace, 0),
                    lost_writes=drops[namespace, Dropped.WRITES],
                    dropped_reads=drops[namespace, Dropped.READS],
                    uncompared_states=drops[namespace, Dropped.STATES],
                    span_s=spans.get(namespace, 0.0),
                    stretches=stretches.get(namespace, ()),
                    swept_s=_age_s(sweeps.get(namespace), read),
                    swept_uncompared=sweeps[namespace].uncompared if namespace in sweeps else 0,
                ),
                gates.of(namespace),
            )
            for namespace, tally in _with_unseen(read, diverged).items()
        ),
        ledger=ledger_gates(_ledger_facts(read)),
    )
    verified = sum(tally.verified for tally in read.tallies.values())
    last_ns = max((beat.at_ns for beat in read.heartbeats), default=None)
    return Standing(
        conclusion=conclude(report, verified=verified),
        gates=report,
        verified={namespace: tally.verified for namespace, tally in read.tallies.items()},
        silent_s=None if last_ns is None else (read.now_ns - last_ns) / NANOSECONDS_PER_SECOND,
    )


def _with_unseen(read: Read, diverged: Mapping[str, int]) -> Mapping[str, Tally]:
    """Return the tallies, with those of collections that only a sweep has looked at, or only the reader asks for."""
    namespaces = sorted({*read.tallies, *diverged, *(read.window.namespaces or ())})
    return {namespace: read.tallies.get(namespace, Tally(verdicts={})) for namespace in namespaces}


async def _spans(connection: AsyncConnection, read: Read) -> Mapping[str, float]:
    """Return for each collection the seconds from the first to the last minute that verified something."""
    stored = tables.counts
    rows = await connection.execute(
        select(
            stored.c.shape,
            func.min(stored.c.minute).label("first"),
            func.max(stored.c.minute).label("last"),
        )
        .where(read.window.minutes(stored), stored.c.verdict.in_([one.value for one in COMPARED]))
        .group_by(stored.c.shape)
    )
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for row in rows:
        namespace = read.shapes[row.shape].namespace
        first[namespace] = min(first.get(namespace, row.first), row.first)
        last[namespace] = max(last.get(namespace, row.last), row.last)
    return {namespace: (last[namespace] - first[namespace]) * _MINUTE_S for namespace in first}


async def _stretches(connection: AsyncConnection, read: Read) -> Mapping[str, Sequence[Pair]]:
    """Return the latencies of each collection in at most MAX_STRETCHES stretches of equal length.

    A minute of a shape counts where both sides timed as many operations, which are then the same ones: a ledger of
    before this release holds others as well.
    """
    stored = tables.latencies
    first, last = (
        await connection.execute(
            select(func.min(stored.c.minute), func.max(stored.c.minute)).where(
                read.window.minutes(stored)
            )
        )
    ).one()
    if first is None:
        return {}
    length = (last - first) // MAX_STRETCHES + 1
    other = stored.alias("other")
    rows = await connection.stream(
        select(
            stored.c.minute,
            stored.c.shape,
            stored.c.sketch.label("legacy"),
            other.c.sketch.label("gateway"),
        )
        .join(other, (stored.c.minute == other.c.minute) & (stored.c.shape == other.c.shape))
        .where(read.window.minutes(stored), stored.c.side == LEGACY, other.c.side == GATEWAY)
        .order_by(stored.c.minute)
    )
    found: dict[str, dict[int, Pair]] = defaultdict(dict)
    async for some in rows.partitions(queries.ROWS_AT_ONCE):
        for row in some:
            pair = Pair(
                legacy=Sketch.from_bytes(row.legacy), gateway=Sketch.from_bytes(row.gateway)
            )
            if pair.legacy.n == pair.gateway.n:
                of_collection = found[read.shapes[row.shape].namespace]
                of_collection.setdefault((row.minute - first) // length, Pair()).merge(pair)
    return {namespace: tuple(pairs.values()) for namespace, pairs in found.items()}


async def _open_divergences(connection: AsyncConnection, window: Window) -> Mapping[str, int]:
    stored = tables.divergence
    rows = await connection.execute(
        select(stored.c.namespace, func.count().label("n"))
        .where(queries.open_in(window))
        .group_by(stored.c.namespace)
    )
    return {row.namespace: row.n for row in rows}


def _age_s(sweep: SweepEvidence | None, read: Read) -> float | None:
    """Return how long ago the chunk was swept that waits longest; None if one never was."""
    if sweep is None or sweep.oldest_ns == NEVER:
        return None
    now_ns = read.now_ns if read.window.until_ns is None else read.window.until_ns
    return max(now_ns - sweep.oldest_ns, 0) / NANOSECONDS_PER_SECOND


def _drops(drops: Iterable[DropEvidence]) -> Counter[tuple[str, Dropped]]:
    sums: Counter[tuple[str, Dropped]] = Counter()
    for drop in drops:
        sums[drop.namespace, drop.what] += drop.n
    return sums


def _ledger_facts(read: Read) -> LedgerFacts:
    # How far the verifier is now says nothing about a window that is over.
    beats = [
        beat for beat in read.heartbeats if beat.lag_operations and read.window.until_ns is None
    ]
    return LedgerFacts(
        skipped_records=_happened(read.events, EventKind.RECORDS_SKIPPED),
        capture_gaps=_happened(read.events, EventKind.CAPTURE_GAP),
        backlog=sum(beat.lag_operations for beat in beats),
        behind_s=max(
            (
                max(beat.lag_s, (read.now_ns - beat.at_ns) / NANOSECONDS_PER_SECOND)
                for beat in beats
            ),
            default=0.0,
        ),
    )


def _happened(events: Iterable[EventEvidence], kind: EventKind) -> int:
    return sum(event.n for event in events if event.kind is kind)
