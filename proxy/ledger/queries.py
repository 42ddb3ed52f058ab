"""The questions asked of the ledger, one function each. All of one report run in one transaction."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from comparators.outcome import Answered
from comparators.verdict import Verdict
from proxy.ledger import tables
from proxy.ledger.batch import ALONE
from proxy.ledger.entries import SAMPLED, DivergenceState, Dropped, EventKind, Writer
from proxy.ledger.evidence import (
    ActionEvidence,
    Change,
    DivergentDocument,
    DropEvidence,
    EventEvidence,
    Group,
    Heartbeat,
    Position,
    ReasonEvidence,
    RuleEvidence,
    Sample,
    SlowPlan,
    SweepEvidence,
)
from proxy.ledger.orders import OrderKind, OrderState
from proxy.ledger.sketches import Sketch
from proxy.ledger.window import Window

MAX_DIVERGENT: Final = 500
MAX_ACTIONS: Final = 100
_OF_RULES: Final = (OrderKind.DECLARE, OrderKind.WITHDRAW)
_ACTIONS: Final = (OrderKind.MEND, OrderKind.COMPARE, *_OF_RULES)
ROWS_AT_ONCE: Final = 1000
"""A ledger holds more latencies than memory should: they are read in parts."""

_TOLD: Final = frozenset(
    {"parallax", "settings_digest", "settings", "mongodb", "postgresql", "created_ns"}
)
"""What of the facts on a ledger is for readers; the others are Parallax's own."""

Sides = dict[str, Sketch]
"""Sketches by side: legacy, gateway, overhead, compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeRow:
    """A shape as stored."""

    namespace: str
    kind: str
    id: str
    text: str
    first_ns: int
    last_ns: int


async def about(connection: AsyncConnection) -> Mapping[str, str]:
    """Return versions, digest of the settings and the like."""
    rows = await connection.execute(select(tables.meta).order_by(tables.meta.c.name))
    return {row.name: row.value for row in rows if row.name in _TOLD}


async def shapes(connection: AsyncConnection, window: Window) -> Mapping[int, ShapeRow]:
    """Return all shapes of the chosen collections by key, whenever they were seen."""
    return {
        row.shape: ShapeRow(
            namespace=row.namespace,
            kind=row.kind,
            id=row.shape_id,
            text=row.text,
            first_ns=row.first_ns,
            last_ns=row.last_ns,
        )
        for row in await connection.execute(
            select(tables.shapes).where(window.chosen(tables.shapes))
        )
    }


async def verdicts(
    connection: AsyncConnection, window: Window
) -> Mapping[int, Mapping[Verdict, int]]:
    """Return the counts by shape and verdict."""
    stored = tables.counts
    rows = await connection.execute(
        select(stored.c.shape, stored.c.verdict, func.sum(stored.c.n).label("n"))
        .where(window.minutes(stored))
        .group_by(stored.c.shape, stored.c.verdict)
    )
    sums: dict[int, dict[Verdict, int]] = defaultdict(dict)
    for row in rows:
        sums[row.shape][Verdict(row.verdict)] = int(row.n)
    return sums


async def answers(
    connection: AsyncConnection, window: Window
) -> Mapping[int, Mapping[Answered, int]]:
    """Return how often operations of each shape were answered in which way."""
    stored = tables.answers
    rows = await connection.execute(
        select(stored.c.shape, stored.c.answered, func.sum(stored.c.n).label("n"))
        .where(window.minutes(stored))
        .group_by(stored.c.shape, stored.c.answered)
    )
    sums: dict[int, dict[Answered, int]] = defaultdict(dict)
    for row in rows:
        sums[row.shape][Answered(row.answered)] = int(row.n)
    return sums


async def plans(
    connection: AsyncConnection, window: Window, shapes: Mapping[int, ShapeRow]
) -> tuple[SlowPlan, ...]:
    """Return the plans of slow operations, the slowest first."""
    stored = tables.plans
    rows = await connection.execute(
        select(stored)
        .where(window.overlaps(stored.c.at_ns, stored.c.at_ns), window.chosen(stored))
        .order_by(stored.c.gateway_s.desc())
    )
    return tuple(
        SlowPlan(
            namespace=shapes[row.shape].namespace,
            shape=shapes[row.shape].text,
            at_ns=row.at_ns,
            gateway_s=row.gateway_s,
            plan=row.plan,
            legacy_plan=row.legacy_plan,
        )
        for row in rows
    )


async def latencies(connection: AsyncConnection, window: Window) -> Mapping[int, Sides]:
    """Return the merged sketches by shape and side."""
    stored = tables.latencies
    rows = await connection.stream(
        select(stored.c.shape, stored.c.side, stored.c.sketch).where(window.minutes(stored))
    )
    merged: dict[int, Sides] = defaultdict(dict)
    async for some in rows.partitions(ROWS_AT_ONCE):
        for row in some:
            merged[row.shape].setdefault(row.side.removesuffix(ALONE), Sketch()).merge(
                Sketch.from_bytes(row.sketch)
            )
    return merged


async def groups(
    connection: AsyncConnection, window: Window, shape_rows: Mapping[int, ShapeRow]
) -> tuple[Group, ...]:
    """Return the groups of mismatches, the largest of the gravest verdict first."""
    stored, counted = tables.groups, tables.group_counts
    n = func.sum(counted.c.n).label("n")
    rows = await connection.execute(
        select(stored, n)
        .join(counted, counted.c.group == stored.c.group)
        .where(window.minutes(counted), window.chosen(stored))
        .group_by(*stored.c)
    )
    samples = await _samples(connection)
    found = [
        Group(
            id=f"{row.group:016x}",
            verdict=Verdict(row.verdict),
            fingerprint=row.fingerprint,
            namespace=shape_rows[row.shape].namespace,
            kind=shape_rows[row.shape].kind,
            shape=shape_rows[row.shape].text,
            path=row.path,
            change=row.change,
            reason=row.reason,
            n=int(row.n),
            first_ns=row.first_ns,
            last_ns=row.last_ns,
            samples=tuple(samples.get(row.group, ())),
        )
        for row in rows
    ]
    gravity = [Verdict.MISMATCH, Verdict.GATEWAY_ERROR, Verdict.TRANSIENT]
    return tuple(sorted(found, key=lambda group: (gravity.index(group.verdict), -group.n)))


async def _samples(connection: AsyncConnection) -> Mapping[int, Sequence[Sample]]:
    stored = tables.samples
    by_group: dict[int, list[Sample]] = defaultdict(list)
    for row in await connection.execute(select(stored).order_by(stored.c.ordinal)):
        by_group[row.group].append(_sample(row.at_ns, row.log, row.position, row.sample))
    return by_group


def _sample(at_ns: int, log: str, position: int, stored: str) -> Sample:
    content: dict[str, Any] = json.loads(stored)
    return Sample(
        at_ns=at_ns,
        log=log,
        position=position,
        documents=tuple(content["documents"]),
        documents_in_all=content["documents_in_all"],
        changes=tuple(Change(**difference) for difference in content["differences"]),
        changes_in_all=content["differences_in_all"],
        writer=_writer(content.get("writer"), content.get("written_by", "")),
    )


def _writer(told: Mapping[str, Any] | None, shape: str) -> Writer | None:
    """Return what wrote a document; older versions told the shape alone, or nothing."""
    if told is not None:
        return Writer(**told)
    return Writer(shape=shape) if shape else None


async def sampled(connection: AsyncConnection) -> int:
    """Return how many reads were not compared because the verifier was behind."""
    stored = tables.reasons
    total = select(func.coalesce(func.sum(stored.c.n), 0)).where(stored.c.reason == SAMPLED)
    return int((await connection.execute(total)).scalar_one())


async def reasons(
    connection: AsyncConnection, window: Window, shape_rows: Mapping[int, ShapeRow]
) -> tuple[ReasonEvidence, ...]:
    """Return why operations have their verdicts, the most frequent first."""
    stored = tables.reasons
    keys = (stored.c.verdict, stored.c.reason, stored.c.shape)
    rows = await connection.execute(
        select(*keys, func.sum(stored.c.n).label("n"))
        .where(window.minutes(stored))
        .group_by(*keys)
        .order_by(func.sum(stored.c.n).desc(), *keys)
    )
    return tuple(
        ReasonEvidence(
            verdict=Verdict(row.verdict),
            reason=row.reason,
            namespace=shape_rows[row.shape].namespace,
            kind=shape_rows[row.shape].kind,
            shape=shape_rows[row.shape].text,
            n=int(row.n),
        )
        for row in rows
    )


async def rules(connection: AsyncConnection, window: Window) -> tuple[RuleEvidence, ...]:
    """Return the hits of each rule in each collection, the most frequent first."""
    stored = tables.rule_hits
    keys = (stored.c.rule, stored.c.namespace)
    rows = await connection.execute(
        select(*keys, func.sum(stored.c.n).label("n"))
        .where(window.minutes(stored))
        .group_by(*keys)
        .order_by(func.sum(stored.c.n).desc(), *keys)
    )
    return tuple(RuleEvidence(rule=row.rule, namespace=row.namespace, n=int(row.n)) for row in rows)


async def drops(connection: AsyncConnection, window: Window) -> tuple[DropEvidence, ...]:
    """Return what was not captured, lost writes first."""
    stored = tables.drops
    keys = (stored.c.what, stored.c.namespace, stored.c.reason)
    rows = await connection.execute(
        select(*keys, func.sum(stored.c.n).label("n"))
        .where(window.minutes(stored))
        .group_by(*keys)
        .order_by(stored.c.what.desc(), func.sum(stored.c.n).desc(), *keys[1:])
    )
    return tuple(
        DropEvidence(
            namespace=row.namespace, what=Dropped(row.what), reason=row.reason, n=int(row.n)
        )
        for row in rows
    )


async def events(connection: AsyncConnection, window: Window) -> tuple[EventEvidence, ...]:
    """Return the events that fall into the window, those of no collection included, the earliest first."""
    stored = tables.events
    end = func.coalesce(stored.c.until_ns, stored.c.at_ns)
    rows = await connection.execute(
        select(stored)
        .where(
            window.overlaps(stored.c.at_ns, end),
            or_(stored.c.namespace == "", window.chosen(stored)),
        )
        .order_by(stored.c.at_ns)
    )
    return tuple(
        EventEvidence(
            kind=EventKind(row.kind),
            at_ns=row.at_ns,
            until_ns=row.until_ns,
            log=row.log,
            position=row.position,
            namespace=row.namespace,
            n=row.n,
            detail=row.detail,
        )
        for row in rows
    )


async def divergences(connection: AsyncConnection, window: Window) -> Mapping[DivergenceState, int]:
    """Return how many documents are in which state, those included that settled within the window."""
    stored = tables.divergence
    rows = await connection.execute(
        select(stored.c.state, func.count().label("n"))
        .where(_divergent_in(window))
        .group_by(stored.c.state)
    )
    return {DivergenceState(row.state): row.n for row in rows}


async def divergent(connection: AsyncConnection, window: Window) -> tuple[DivergentDocument, ...]:
    """Return the divergent documents, open ones first, at most MAX_DIVERGENT."""
    stored = tables.divergence
    rows = await connection.execute(
        select(stored)
        .where(_divergent_in(window))
        .order_by(
            (stored.c.state != DivergenceState.OPEN.value), stored.c.since_ns, stored.c.document
        )
        .limit(MAX_DIVERGENT)
    )
    return tuple(
        DivergentDocument(
            namespace=row.namespace,
            document=row.document,
            cause=row.cause,
            state=DivergenceState(row.state),
            since_ns=row.since_ns,
            changed_ns=row.changed_ns,
            log=row.log,
            position=row.position,
            differences=tuple(Change(**change) for change in json.loads(row.differences or "[]")),
            who=row.who,
            why=row.why,
            writer=_writer(json.loads(row.writer or "null"), row.written_by),
        )
        for row in rows
    )


async def actions(connection: AsyncConnection, window: Window) -> tuple[ActionEvidence, ...]:
    """Return what somebody asked about documents and rules, the newest first, at most MAX_ACTIONS."""
    stored = tables.orders
    in_window = window.overlaps(stored.c.asked_ns, stored.c.asked_ns)
    return await _asked(connection, _ACTIONS, and_(in_window, window.chosen(stored)))


async def rule_changes(connection: AsyncConnection) -> tuple[ActionEvidence, ...]:
    """Return which rules were declared and withdrawn on the page, whenever that was, the newest first, at most MAX_ACTIONS."""
    done = tables.orders.c.state == OrderState.DONE.value
    return await _asked(connection, _OF_RULES, done)


async def _asked(
    connection: AsyncConnection, kinds: Sequence[OrderKind], which: ColumnElement[bool]
) -> tuple[ActionEvidence, ...]:
    stored = tables.orders
    rows = await connection.execute(
        select(stored)
        .where(stored.c.kind.in_([kind.value for kind in kinds]), which)
        .order_by(stored.c.id.desc())
        .limit(MAX_ACTIONS)
    )
    return tuple(
        ActionEvidence(
            id=row.id,
            kind=OrderKind(row.kind),
            namespace=row.namespace,
            who=row.who,
            why=row.why,
            asked_ns=row.asked_ns,
            done_ns=row.done_ns,
            state=OrderState(row.state),
            outcome=json.loads(row.outcome),
        )
        for row in rows
    )


async def sweeps(connection: AsyncConnection, window: Window) -> tuple[SweepEvidence, ...]:
    """Return how far the sweeps of each collection are."""
    stored = tables.sweeps
    rows = await connection.execute(
        select(
            stored.c.namespace,
            func.count().label("chunks"),
            *(
                func.sum(stored.c[name]).label(name)
                for name in ("documents", "differing", "uncompared")
            ),
            func.min(stored.c.swept_ns).label("oldest_ns"),
            func.max(stored.c.swept_ns).label("newest_ns"),
        )
        .where(window.chosen(stored))
        .group_by(stored.c.namespace)
        .order_by(stored.c.namespace)
    )
    return tuple(
        SweepEvidence(
            namespace=row.namespace,
            chunks=row.chunks,
            documents=int(row.documents),
            differing=int(row.differing),
            uncompared=int(row.uncompared),
            oldest_ns=row.oldest_ns,
            newest_ns=row.newest_ns,
        )
        for row in rows
    )


def open_in(window: Window) -> ColumnElement[bool]:
    """Return the condition that a document is open now, and was not found after the window."""
    # What is open now is open whatever window is looked at, unless it began after it.
    stored = tables.divergence
    begun = true() if window.until_ns is None else stored.c.since_ns <= window.until_ns
    return and_(stored.c.state == DivergenceState.OPEN.value, begun, window.chosen(stored))


def _divergent_in(window: Window) -> ColumnElement[bool]:
    stored = tables.divergence
    touched = window.overlaps(stored.c.since_ns, stored.c.changed_ns)
    return or_(and_(touched, window.chosen(stored)), open_in(window))


async def heartbeats(connection: AsyncConnection) -> tuple[Heartbeat, ...]:
    """Return when each part last wrote."""
    rows = await connection.execute(select(tables.heartbeats).order_by(tables.heartbeats.c.part))
    return tuple(
        Heartbeat(
            part=row.part,
            started_ns=row.started_ns,
            at_ns=row.at_ns,
            lag_operations=row.lag_operations,
            lag_s=row.lag_s,
            lag_bytes=row.lag_bytes,
        )
        for row in rows
    )


async def positions(connection: AsyncConnection) -> tuple[Position, ...]:
    """Return how far each log has been verified, the last one first."""
    stored = tables.checkpoints
    rows = await connection.execute(select(stored).order_by(stored.c.at_ns.desc()))
    return tuple(Position(log=row.log, position=row.position, at_ns=row.at_ns) for row in rows)
