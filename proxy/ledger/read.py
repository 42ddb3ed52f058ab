"""Read the evidence. Everything that shows numbers goes through here, and nothing here can write."""

import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from comparators.operation import Kind
from comparators.outcome import Answered
from comparators.verdict import Verdict
from proxy.ledger import queries
from proxy.ledger.conclusion import Conclusion, Facts, Result, conclude
from proxy.ledger.engine import reading_engine, shown_url, translated_failures
from proxy.ledger.entries import DivergenceState, Dropped, EventKind
from proxy.ledger.evidence import (
    Change,
    CollectionEvidence,
    DivergentDocument,
    DropEvidence,
    EventEvidence,
    Evidence,
    Group,
    Heartbeat,
    Latency,
    Moment,
    Position,
    Progress,
    Quantiles,
    ReasonEvidence,
    RuleEvidence,
    Sample,
    ShapeEvidence,
    Status,
    SweepEvidence,
    Tally,
)
from proxy.ledger.queries import MAX_DIVERGENT, ShapeRow, Sides, Window
from proxy.ledger.sketches import RELATIVE_ERROR, Sketch
from proxy.ledger.tables import NANOSECONDS_PER_MINUTE, NANOSECONDS_PER_SECOND
from proxy.ledger.version import check_version

__all__ = [
    "MAX_DIVERGENT",
    "RELATIVE_ERROR",
    "Change",
    "CollectionEvidence",
    "Conclusion",
    "DivergenceState",
    "DivergentDocument",
    "DropEvidence",
    "Dropped",
    "EventEvidence",
    "EventKind",
    "Evidence",
    "Group",
    "Heartbeat",
    "Latency",
    "Moment",
    "Position",
    "Progress",
    "Quantiles",
    "ReasonEvidence",
    "Result",
    "RuleEvidence",
    "Sample",
    "ShapeEvidence",
    "Status",
    "SweepEvidence",
    "Tally",
    "read_report",
    "status",
]

STATUS_LATENCY_MINUTES: Final = 5


async def read_report(
    url: str, *, since_ns: int | None = None, until_ns: int | None = None
) -> Evidence:
    """Return the evidence of a window, read in one transaction. SettingsError where there is no ledger."""
    window = Window(since_ns=since_ns, until_ns=until_ns)
    async with _snapshot(url) as connection:
        return await _evidence(connection, window, time.time_ns())


async def status(url: str) -> Status:
    """Return totals since the beginning and the latency of the last minutes; cheap enough for every second."""
    now_ns = time.time_ns()
    always = Window()
    recent = Window(since_ns=now_ns - STATUS_LATENCY_MINUTES * NANOSECONDS_PER_MINUTE)
    async with _snapshot(url) as connection:
        drops = await queries.drops(connection, always)
        tallies = _tallies(
            await queries.shapes(connection), await queries.verdicts(connection, always), drops
        )
        divergences = await queries.divergences(connection, always)
        heartbeats = await queries.heartbeats(connection)
        return Status(
            read_ns=now_ns,
            conclusion=_conclusion(
                tallies,
                drops=drops,
                events=await queries.events(connection, always),
                divergences=divergences,
                heartbeats=heartbeats,
                now_ns=now_ns,
            ),
            tally=_sum(tallies.values()),
            latency=_latency((await queries.latencies(connection, recent)).values()),
            divergences=divergences,
            sweeps=await queries.sweeps(connection),
            heartbeats=heartbeats,
            positions=await queries.positions(connection),
            about=await queries.about(connection),
        )


async def _evidence(connection: AsyncConnection, window: Window, now_ns: int) -> Evidence:
    shapes = await queries.shapes(connection)
    verdicts = await queries.verdicts(connection, window)
    latencies = await queries.latencies(connection, window)
    drops = await queries.drops(connection, window)
    events = await queries.events(connection, window)
    divergences = await queries.divergences(connection, window)
    heartbeats = await queries.heartbeats(connection)
    tallies = _tallies(shapes, verdicts, drops)
    seen = [row for key, row in shapes.items() if key in verdicts]
    return Evidence(
        read_ns=now_ns,
        since_ns=window.since_ns,
        until_ns=window.until_ns,
        first_ns=_latest(min((row.first_ns for row in seen), default=None), window.since_ns),
        last_ns=_earliest(max((row.last_ns for row in seen), default=None), window.until_ns),
        about=await queries.about(connection),
        conclusion=_conclusion(
            tallies,
            drops=drops,
            events=events,
            divergences=divergences,
            # How far the verifier is now says nothing about a window that is over.
            heartbeats=heartbeats if window.until_ns is None else (),
            now_ns=now_ns,
        ),
        tally=_sum(tallies.values()),
        latency=_latency(latencies.values()),
        collections=_collections(shapes, tallies, latencies),
        shapes=_shapes(shapes, verdicts, latencies, await queries.answers(connection, window)),
        plans=await queries.plans(connection, window, shapes),
        groups=await queries.groups(connection, window, shapes),
        reasons=await queries.reasons(connection, window, shapes),
        rules=await queries.rules(connection, window),
        drops=drops,
        events=events,
        divergent=await queries.divergent(connection, window),
        divergences=divergences,
        sweeps=await queries.sweeps(connection),
        progress=await queries.progress(connection, window),
        heartbeats=heartbeats,
        positions=await queries.positions(connection),
    )


def _latest(moment: int | None, bound: int | None) -> int | None:
    return moment if moment is None or bound is None else max(moment, bound)


def _earliest(moment: int | None, bound: int | None) -> int | None:
    return moment if moment is None or bound is None else min(moment, bound)


@asynccontextmanager
async def _snapshot(url: str) -> AsyncIterator[AsyncConnection]:
    engine = reading_engine(url)
    where = shown_url(url)
    try:
        with translated_failures(where):
            async with engine.connect() as connection:
                await check_version(connection, where)
                yield connection
    finally:
        await engine.dispose()


def _conclusion(
    tallies: Mapping[str, Tally],
    *,
    drops: Sequence[DropEvidence],
    events: Sequence[EventEvidence],
    divergences: Mapping[DivergenceState, int],
    heartbeats: Sequence[Heartbeat],
    now_ns: int,
) -> Conclusion:
    whole = _sum(tallies.values())
    backlog = sum(beat.lag_operations for beat in heartbeats)
    behind_s = max(
        (
            max(beat.lag_s, (now_ns - beat.at_ns) / NANOSECONDS_PER_SECOND)
            for beat in heartbeats
            if beat.lag_operations
        ),
        default=0.0,
    )
    return conclude(
        Facts(
            verdicts=whole.verdicts,
            differing_states=whole.states.get(Verdict.MISMATCH, 0),
            verified=whole.verified,
            open_divergences=divergences.get(DivergenceState.OPEN, 0),
            lost_writes=sum(drop.n for drop in drops if drop.what is Dropped.WRITES),
            dropped_reads=sum(drop.n for drop in drops if drop.what is Dropped.READS),
            uncompared_states=sum(drop.n for drop in drops if drop.what is Dropped.STATES),
            skipped_records=_happened(events, EventKind.RECORDS_SKIPPED),
            capture_gaps=_happened(events, EventKind.CAPTURE_GAP),
            backlog=backlog,
            behind_s=behind_s,
            collections_without_verification=sorted(
                namespace for namespace, tally in tallies.items() if not tally.verified
            ),
        )
    )


def _happened(events: Iterable[EventEvidence], kind: EventKind) -> int:
    return sum(event.n for event in events if event.kind is kind)


def _tallies(
    shapes: Mapping[int, ShapeRow],
    verdicts: Mapping[int, Mapping[Verdict, int]],
    drops: Iterable[DropEvidence],
) -> Mapping[str, Tally]:
    """Return a tally for each collection."""
    operations: dict[str, Counter[Verdict]] = defaultdict(Counter)
    states: dict[str, Counter[Verdict]] = defaultdict(Counter)
    for key, of_shape in verdicts.items():
        sums = states if shapes[key].kind == Kind.STATE else operations
        sums[shapes[key].namespace].update(of_shape)
    dropped: Counter[str] = Counter()
    for drop in drops:
        if drop.what is not Dropped.STATES:
            dropped[drop.namespace] += drop.n
    return {
        namespace: Tally(
            verdicts=operations[namespace], states=states[namespace], dropped=dropped[namespace]
        )
        for namespace in sorted({*operations, *states, *dropped})
    }


def _sum(tallies: Iterable[Tally]) -> Tally:
    verdicts: Counter[Verdict] = Counter()
    states: Counter[Verdict] = Counter()
    dropped = 0
    for tally in tallies:
        verdicts.update(tally.verdicts)
        states.update(tally.states)
        dropped += tally.dropped
    return Tally(verdicts=verdicts, states=states, dropped=dropped)


def _collections(
    shapes: Mapping[int, ShapeRow],
    tallies: Mapping[str, Tally],
    latencies: Mapping[int, Sides],
) -> tuple[CollectionEvidence, ...]:
    sides: dict[str, list[Sides]] = defaultdict(list)
    for key, of_shape in latencies.items():
        sides[shapes[key].namespace].append(of_shape)
    found = [
        CollectionEvidence(
            namespace=namespace, tally=tally, latency=_latency(sides.get(namespace, ()))
        )
        for namespace, tally in tallies.items()
    ]
    return tuple(sorted(found, key=lambda collection: -collection.tally.seen))


def _shapes(
    shapes: Mapping[int, ShapeRow],
    verdicts: Mapping[int, Mapping[Verdict, int]],
    latencies: Mapping[int, Sides],
    answers: Mapping[int, Mapping[Answered, int]],
) -> tuple[ShapeEvidence, ...]:
    found = [
        ShapeEvidence(
            namespace=shapes[key].namespace,
            kind=shapes[key].kind,
            id=shapes[key].id,
            text=shapes[key].text,
            tally=Tally(verdicts=of_shape),
            latency=_latency([latencies[key]] if key in latencies else ()),
            answers=answers.get(key, {}),
            first_ns=shapes[key].first_ns,
            last_ns=shapes[key].last_ns,
        )
        for key, of_shape in verdicts.items()
    ]
    return tuple(sorted(found, key=lambda shape: (-shape.tally.seen, shape.namespace, shape.id)))


def _latency(sides: Iterable[Sides]) -> Latency:
    merged: Sides = {}
    for of_shape in sides:
        for side, sketch in of_shape.items():
            merged.setdefault(side, Sketch()).merge(sketch)
    return Latency(
        legacy=_quantiles(merged.get("legacy")),
        gateway=_quantiles(merged.get("gateway")),
        overhead=_quantiles(merged.get("overhead")),
        compare=_quantiles(merged.get("compare")),
    )


def _quantiles(sketch: Sketch | None) -> Quantiles | None:
    if sketch is None or not sketch.n:
        return None
    return Quantiles(
        n=sketch.n,
        p50_s=sketch.quantile(0.5),
        p95_s=sketch.quantile(0.95),
        p99_s=sketch.quantile(0.99),
        buckets=tuple(sketch.buckets()),
    )
