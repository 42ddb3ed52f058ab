"""Read the evidence. Everything that shows numbers goes through here, and nothing here can write."""

import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from comparators.errors import ParallaxError
from comparators.operation import Kind
from comparators.outcome import Answered
from comparators.verdict import Verdict
from proxy.ledger import queries
from proxy.ledger.bounds import DEFAULTS, Gates
from proxy.ledger.conclusion import Conclusion, GateReport
from proxy.ledger.course import lag, progress
from proxy.ledger.course import verdicts as verdict_course
from proxy.ledger.engine import reading_engine, shown_url, translated_failures
from proxy.ledger.entries import SAMPLED, DivergenceState, Dropped, EventKind, Writer
from proxy.ledger.evidence import (
    ActionEvidence,
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
    VerdictCourse,
    VerdictMoment,
)
from proxy.ledger.facts import Read, Standing, standing
from proxy.ledger.flag_changes import FlagChange, flag_changes
from proxy.ledger.gates import CollectionGates, Gate, GateOutcome, Result
from proxy.ledger.orders import OrderKind, OrderState
from proxy.ledger.present import Present, present
from proxy.ledger.queries import MAX_DIVERGENT, ShapeRow, Sides
from proxy.ledger.searches import (
    SearchCount,
    SearchDifference,
    search_counts,
    search_differences,
)
from proxy.ledger.sketches import RELATIVE_ERROR, Sketch
from proxy.ledger.tables import NANOSECONDS_PER_MINUTE
from proxy.ledger.version import check_version
from proxy.ledger.window import Window

__all__ = [
    "DEFAULTS",
    "MAX_DIVERGENT",
    "RELATIVE_ERROR",
    "SAMPLED",
    "ActionEvidence",
    "Change",
    "CollectionEvidence",
    "CollectionGates",
    "Conclusion",
    "DivergenceState",
    "DivergentDocument",
    "DropEvidence",
    "Dropped",
    "EventEvidence",
    "EventKind",
    "Evidence",
    "FlagChange",
    "Gate",
    "GateOutcome",
    "GateReport",
    "Gates",
    "Group",
    "Heartbeat",
    "Latency",
    "Moment",
    "OrderKind",
    "OrderState",
    "Position",
    "Progress",
    "Quantiles",
    "ReasonEvidence",
    "Result",
    "RuleEvidence",
    "Sample",
    "SearchCount",
    "SearchDifference",
    "ShapeEvidence",
    "Status",
    "SweepEvidence",
    "Tally",
    "VerdictCourse",
    "VerdictMoment",
    "Writer",
    "read_report",
    "status",
]

STATUS_LATENCY_MINUTES: Final = 5


async def read_report(
    url: str,
    *,
    gates: Gates = DEFAULTS,
    since_ns: int | None = None,
    until_ns: int | None = None,
    namespaces: Collection[str] = (),
) -> Evidence:
    """Return the evidence of a window on some collections, or all, read in one transaction.

    A collection that is named and was not seen is no pass. SettingsError where there is no ledger.
    """
    window = Window(since_ns=since_ns, until_ns=until_ns, namespaces=frozenset(namespaces) or None)
    async with _snapshot(url) as connection:
        return await _evidence(connection, window, gates, time.time_ns())


async def read_standing(
    url: str, gates: Gates = DEFAULTS, *, since_ns: int | None = None
) -> Standing:
    """Return the gates of a window without an end, and what they add up to, as `read_report` would."""
    async with _snapshot(url) as connection:
        return await _standing(connection, Window(since_ns=since_ns), gates, time.time_ns())


class PresentReader:
    """Reads how it stands now, for metrics, again and again: over one connection, which is nearly half as much work.

    To be used, and closed, in one event loop.
    """

    def __init__(self, url: str, gates: Gates = DEFAULTS) -> None:
        self._url = url
        self._gates = gates
        self._engine: AsyncEngine | None = None

    async def read(self) -> Present:
        """Return how it stands now. After a ParallaxError the next one begins with another connection."""
        try:
            return await self._read()
        except ParallaxError:
            await self.close()
            raise

    async def _read(self) -> Present:
        if self._engine is None:
            self._engine = reading_engine(self._url)
        now_ns = time.time_ns()
        async with _transaction(self._engine, shown_url(self._url)) as connection:
            found = await _standing(connection, Window(), self._gates, now_ns)
            return await present(connection, found, self._gates, now_ns)

    async def close(self) -> None:
        """Give the connection back."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()


async def _standing(
    connection: AsyncConnection, window: Window, gates: Gates, now_ns: int
) -> Standing:
    shapes = await queries.shapes(connection, window)
    drops = await queries.drops(connection, window)
    read = Read(
        window=window,
        now_ns=now_ns,
        shapes=shapes,
        tallies=_tallies(shapes, await queries.verdicts(connection, window), drops),
        drops=drops,
        events=await queries.events(connection, window),
        heartbeats=await queries.heartbeats(connection),
        sweeps=await queries.sweeps(connection, window),
    )
    found = await standing(connection, read, gates)
    reasons = await queries.reasons(connection, window, shapes)
    return replace(found, unsupported=_unsupported(reasons))


def _unsupported(reasons: Iterable[ReasonEvidence]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for each in reasons:
        if each.verdict is Verdict.UNSUPPORTED:
            found[each.namespace].append(f"{each.reason} in {each.shape}")
    return found


async def status(url: str) -> Status:
    """Return totals since the beginning and the latency of the last minutes; cheap enough for every second."""
    now_ns = time.time_ns()
    always = Window()
    recent = Window(since_ns=now_ns - STATUS_LATENCY_MINUTES * NANOSECONDS_PER_MINUTE)
    async with _snapshot(url) as connection:
        tallies = _tallies(
            await queries.shapes(connection, always),
            await queries.verdicts(connection, always),
            await queries.drops(connection, always),
        )
        return Status(
            read_ns=now_ns,
            tally=_sum(tallies.values()),
            sampled=await queries.sampled(connection),
            latency=_latency((await queries.latencies(connection, recent)).values()),
            divergences=await queries.divergences(connection, always),
            heartbeats=await queries.heartbeats(connection),
            positions=await queries.positions(connection),
            sweeps=await queries.sweeps(connection, always),
            about=await queries.about(connection),
        )


async def _evidence(
    connection: AsyncConnection, window: Window, gates: Gates, now_ns: int
) -> Evidence:
    shapes = await queries.shapes(connection, window)
    verdicts = await queries.verdicts(connection, window)
    latencies = await queries.latencies(connection, window)
    drops = await queries.drops(connection, window)
    events = await queries.events(connection, window)
    heartbeats = await queries.heartbeats(connection)
    sweeps = await queries.sweeps(connection, window)
    tallies = _tallies(shapes, verdicts, drops)
    seen = [row for key, row in shapes.items() if key in verdicts]
    read = Read(
        window=window,
        now_ns=now_ns,
        shapes=shapes,
        tallies=tallies,
        drops=drops,
        events=events,
        heartbeats=heartbeats,
        sweeps=sweeps,
    )
    judged = await standing(connection, read, gates)
    return Evidence(
        read_ns=now_ns,
        since_ns=window.since_ns,
        until_ns=window.until_ns,
        namespaces=tuple(sorted(window.namespaces or ())),
        first_ns=_latest(min((row.first_ns for row in seen), default=None), window.since_ns),
        last_ns=_earliest(max((row.last_ns for row in seen), default=None), window.until_ns),
        about=await queries.about(connection),
        conclusion=judged.conclusion,
        gates=judged.gates,
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
        divergences=await queries.divergences(connection, window),
        searches=await search_counts(connection, window),
        search_differences=await search_differences(connection, window),
        progress=await progress(connection, window),
        lag=await lag(connection, window),
        course=await verdict_course(connection, window),
        heartbeats=heartbeats,
        positions=await queries.positions(connection),
        sweeps=sweeps,
        actions=await queries.actions(connection, window),
        rule_changes=await queries.rule_changes(connection),
        flags=tuple(
            change for change in await flag_changes(connection) if window.tells_of(change.namespace)
        ),
    )


def _latest(moment: int | None, bound: int | None) -> int | None:
    return moment if moment is None or bound is None else max(moment, bound)


def _earliest(moment: int | None, bound: int | None) -> int | None:
    return moment if moment is None or bound is None else min(moment, bound)


@asynccontextmanager
async def _snapshot(url: str) -> AsyncIterator[AsyncConnection]:
    engine = reading_engine(url)
    try:
        async with _transaction(engine, shown_url(url)) as connection:
            yield connection
    finally:
        await engine.dispose()


@asynccontextmanager
async def _transaction(engine: AsyncEngine, where: str) -> AsyncIterator[AsyncConnection]:
    with translated_failures(where):
        async with engine.connect() as connection:
            await check_version(connection, where)
            yield connection


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
