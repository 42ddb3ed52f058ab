"""How the evidence came about, in steps of time."""

from collections import Counter, defaultdict
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from comparators.operation import Kind
from comparators.verdict import Verdict
from proxy.ledger import tables
from proxy.ledger.batch import COMPARED
from proxy.ledger.evidence import Moment, Progress, VerdictCourse, VerdictMoment
from proxy.ledger.tables import NANOSECONDS_PER_MINUTE, NANOSECONDS_PER_SECOND
from proxy.ledger.window import Window

MAX_MOMENTS: Final = 120
_NOTHING: Final = Progress(step_s=1, moments=())
_MINUTE_S: Final = 60


async def progress(connection: AsyncConnection, window: Window) -> Progress:
    """Return the time line in at most MAX_MOMENTS steps of equal length; of chosen collections, in minutes."""
    if window.namespaces is None:
        return await _of_all(connection, window)
    return await _of_chosen(connection, window)


async def lag(connection: AsyncConnection, window: Window) -> Progress:
    """Return how far the verifier was behind, in at most MAX_MOMENTS steps; it is behind with all collections alike."""
    return await _of_all(connection, window)


async def verdicts(connection: AsyncConnection, window: Window) -> VerdictCourse:
    """Return the verdicts on operations over time, in at most MAX_MOMENTS steps of whole minutes."""
    stored, shapes = tables.counts, tables.shapes
    rows = await connection.execute(
        select(stored.c.minute, stored.c.verdict, func.sum(stored.c.n).label("n"))
        .join(shapes, shapes.c.shape == stored.c.shape)
        .where(window.minutes(stored), shapes.c.kind != Kind.STATE.value)
        .group_by(stored.c.minute, stored.c.verdict)
    )
    found = rows.all()
    if not found:
        return VerdictCourse(step_s=_MINUTE_S, moments=())
    first, last = min(row.minute for row in found), max(row.minute for row in found)
    minutes = (last - first) // MAX_MOMENTS + 1
    steps: dict[int, Counter[Verdict]] = defaultdict(Counter)
    for row in found:
        steps[(row.minute - first) // minutes][Verdict(row.verdict)] += int(row.n)
    return VerdictCourse(
        step_s=minutes * _MINUTE_S,
        moments=tuple(
            VerdictMoment(
                at_ns=(first + step * minutes) * NANOSECONDS_PER_MINUTE, verdicts=dict(steps[step])
            )
            for step in sorted(steps)
        ),
    )


async def _of_chosen(connection: AsyncConnection, window: Window) -> Progress:
    """Return what was judged; how far the verifier was behind is known of all collections together."""
    stored, shapes = tables.counts, tables.shapes
    rows = await connection.execute(
        select(stored.c.minute, stored.c.verdict, shapes.c.kind, func.sum(stored.c.n).label("n"))
        .join(shapes, shapes.c.shape == stored.c.shape)
        .where(window.minutes(stored))
        .group_by(stored.c.minute, stored.c.verdict, shapes.c.kind)
    )
    found = rows.all()
    if not found:
        return _NOTHING
    first, last = min(row.minute for row in found), max(row.minute for row in found)
    minutes = (last - first) // MAX_MOMENTS + 1
    seen, verified, mismatched = (defaultdict[int, int](int) for _ in range(3))
    for row in found:
        step, n = (row.minute - first) // minutes, int(row.n)
        if row.kind != Kind.STATE:
            seen[step] += n
            verified[step] += n * (Verdict(row.verdict) in COMPARED)
        mismatched[step] += n * (row.verdict == Verdict.MISMATCH)
    return Progress(
        step_s=minutes * _MINUTE_S,
        moments=tuple(
            Moment(
                at_ns=(first + step * minutes) * NANOSECONDS_PER_MINUTE,
                seen=seen[step],
                verified=verified[step],
                mismatched=mismatched[step],
                lag_operations=0,
                lag_s=0.0,
                lag_bytes=0,
            )
            for step in sorted({*seen, *mismatched})
        ),
    )


async def _of_all(connection: AsyncConnection, window: Window) -> Progress:
    stored = tables.flushes
    bounds = (
        await connection.execute(
            select(func.min(stored.c.second), func.max(stored.c.second)).where(
                window.seconds(stored)
            )
        )
    ).one()
    if bounds[0] is None:
        return _NOTHING
    first, last = bounds
    step_s = (last - first) // MAX_MOMENTS + 1
    step = (stored.c.second - first) // step_s
    rows = await connection.execute(
        select(
            step.label("step"),
            *(
                function(stored.c[name]).label(name)
                for function, name in (
                    (func.sum, "seen"),
                    (func.sum, "verified"),
                    (func.sum, "mismatched"),
                    (func.max, "lag_operations"),
                    (func.max, "lag_s"),
                    (func.max, "lag_bytes"),
                )
            ),
        )
        .where(window.seconds(stored))
        .group_by("step")
        .order_by("step")
    )
    return Progress(
        step_s=step_s,
        moments=tuple(
            Moment(
                at_ns=(first + int(row.step) * step_s) * NANOSECONDS_PER_SECOND,
                seen=int(row.seen),
                verified=int(row.verified),
                mismatched=int(row.mismatched),
                lag_operations=row.lag_operations,
                lag_s=row.lag_s,
                lag_bytes=row.lag_bytes,
            )
            for row in rows
        ),
    )
