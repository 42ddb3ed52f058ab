"""Geometry of the plots, in per cent of their box: the page scales it to any width, and text never shrinks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

from comparators.verdict import Verdict
from dashboards.report import words
from proxy.ledger.read import (
    RELATIVE_ERROR,
    CollectionEvidence,
    Moment,
    Progress,
    Quantiles,
    VerdictCourse,
    VerdictMoment,
)

HISTOGRAM_BINS: Final = 60
LEAST_HEIGHT: Final = 2.0
"""Of what occurred, in per cent: less could not be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on an axis; without a label it is only a line."""

    at: float
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The quantiles of one side as positions."""

    side: str
    p50: float
    p95: float
    p99: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRow:
    """One collection in the latency plot."""

    name: str
    ranges: tuple[Range, ...]
    ratio: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPlot:
    """Quantiles of both sides, one row per collection, on one logarithmic axis."""

    ticks: tuple[Tick, ...]
    rows: tuple[LatencyRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The upper edge of a distribution, as the points of an SVG polygon in a box of 100 by 100."""

    name: str
    points: str
    median: float
    p95: float
    p99: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One or more distributions on one logarithmic axis, each scaled to its own highest bin."""

    ticks: tuple[Tick, ...]
    outlines: tuple[Outline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One step of a time line, in a box of 100 by 100."""

    x: float
    width: float
    height: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLine:
    """A series over time."""

    bars: tuple[Bar, ...]
    highest: str
    middle: str
    ticks: tuple[Tick, ...]
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What came of one verdict in a step, in a box of 100 by 100; `y` is its upper edge."""

    verdict: Verdict
    x: float
    width: float
    y: float
    height: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Verdicts over time, on top of one another; `verdicts` are those that occur."""

    layers: tuple[Layer, ...]
    verdicts: tuple[Verdict, ...]
    highest: str
    middle: str
    ticks: tuple[Tick, ...]
    label: str


class LogAxis:
    """A logarithmic axis that holds all values given."""

    def __init__(self, values: Sequence[float]) -> None:
        positive = [value for value in values if value > 0] or [1e-3]
        low, high = log10(min(positive)), log10(max(positive))
        # Wide enough that one decade does not fill the whole width, and no dot sits on the border.
        margin = max(0.08 * (high - low), 0.12)
        self._low, self._high = low - margin, high + margin

    def at(self, value: float) -> float:
        """Return the position of a value in per cent."""
        return round(100 * (log10(value) - self._low) / (self._high - self._low), 3)

    def ticks(self) -> tuple[Tick, ...]:
        """Return a labelled tick per decade, and more where there are few decades."""
        steps: tuple[int, ...] = (1,) if self._high - self._low > 2.5 else (1, 2, 5)
        exponents = range(floor(self._low), ceil(self._high) + 1)
        values = [step * 10.0**exponent for exponent in exponents for step in steps]
        return tuple(
            Tick(at=self.at(value), label=_round_duration(value))
            for value in values
            if self._low <= log10(value) <= self._high and 3 <= self.at(value) <= 97
        )


def _round_duration(seconds: float) -> str:
    value, unit = words.duration(seconds * 1.0000001).split(" ")
    return f"{float(value):g} {unit}"


def latency_plot(collections: Sequence[CollectionEvidence]) -> LatencyPlot | None:
    """Return the quantiles of both sides of each collection; None if none was timed."""
    timed = [
        (collection, tuple(_sides(collection)))
        for collection in collections
        if any(_sides(collection))
    ]
    values = [
        value
        for _, sides in timed
        for _, side in sides
        for value in (side.p50_s, side.p95_s, side.p99_s)
    ]
    if not values:
        return None
    axis = LogAxis(values)
    return LatencyPlot(
        ticks=axis.ticks(),
        rows=tuple(
            LatencyRow(
                name=collection.namespace,
                ranges=tuple(range_of(axis, name, side) for name, side in sides),
                ratio=words.ratio(collection.latency.ratio),
            )
            for collection, sides in timed
        ),
    )


def _sides(collection: CollectionEvidence) -> list[tuple[str, Quantiles]]:
    latency = collection.latency
    both = (("legacy", latency.legacy), ("gateway", latency.gateway))
    return [(name, side) for name, side in both if side is not None]


def range_of(axis: LogAxis, name: str, side: Quantiles) -> Range:
    """Return the quantiles of one side on an axis."""
    return Range(
        side=name,
        p50=axis.at(side.p50_s),
        p95=axis.at(side.p95_s),
        p99=axis.at(side.p99_s),
        label=f"{name}: p50 {words.duration(side.p50_s)}, p95 {words.duration(side.p95_s)}, "
        f"p99 {words.duration(side.p99_s)}, {words.plural(side.n, 'value')}",
    )


def distribution(sides: Sequence[tuple[str, Quantiles | None]]) -> Distribution | None:
    """Return outlines of the distributions that have values; None if none has."""
    present = [(name, side) for name, side in sides if side is not None]
    if not present:
        return None
    # The few slowest and fastest values would squeeze the rest.
    axis = LogAxis([edge for _, side in present for edge in _bulk(side)])
    return Distribution(
        ticks=axis.ticks(),
        outlines=tuple(
            Outline(
                name=name,
                points=_outline(axis, side),
                median=axis.at(side.p50_s),
                p95=axis.at(side.p95_s),
                p99=axis.at(side.p99_s),
                label=f"{name}: p50 {words.duration(side.p50_s)}, p95 {words.duration(side.p95_s)}, "
                f"p99 {words.duration(side.p99_s)}",
            )
            for name, side in present
        ),
    )


def _bulk(side: Quantiles) -> tuple[float, float]:
    """Return bounds that all but one in a thousand values lie between, on either side."""
    allowed = side.n / 1000
    return (
        _first_beyond(side.buckets, allowed),
        _first_beyond(side.buckets[::-1], allowed),
    )


def _first_beyond(buckets: Sequence[tuple[float, int]], allowed: float) -> float:
    passed = 0
    for value, n in buckets:
        passed += n
        if passed > allowed:
            return value
    return buckets[-1][0]


def _outline(axis: LogAxis, side: Quantiles) -> str:
    bins = [0.0] * HISTOGRAM_BINS
    for value, n in side.buckets:
        # A bucket is about as wide as a bin: counted whole, one in three bins would stand out as a spike.
        low = axis.at(value * (1 - RELATIVE_ERROR)) / 100 * HISTOGRAM_BINS
        high = axis.at(value * (1 + RELATIVE_ERROR)) / 100 * HISTOGRAM_BINS
        for index in range(floor(low), floor(high) + 1):
            part = (min(high, index + 1) - max(low, index)) / (high - low)
            bins[min(max(index, 0), HISTOGRAM_BINS - 1)] += n * part
    highest = max(bins)
    points = ["0,100"]
    for index, height in enumerate(bins):
        y = round(100 - 96 * height / highest, 1)
        left = round(100 * index / HISTOGRAM_BINS, 2)
        right = round(100 * (index + 1) / HISTOGRAM_BINS, 2)
        points += [f"{left:g},{y:g}", f"{right:g},{y:g}"]
    return " ".join([*points, "100,100"])


def time_line(
    progress: Progress,
    *,
    value: Callable[[Moment], float],
    write: Callable[[float], str],
    label: str,
) -> TimeLine | None:
    """Return one series of the time line; None without moments."""
    moments = progress.moments
    if not moments:
        return None
    first, step_ns, span = _extent(progress)
    highest = max(value(moment) for moment in moments)
    width = 100 * step_ns / span
    bars = tuple(
        Bar(
            x=round(100 * (moment.at_ns - first) / span, 3),
            width=round(width, 3),
            height=round(100 * value(moment) / highest, 2) if highest else 0,
            label=f"{words.clock(moment.at_ns)}: {write(value(moment))}",
        )
        for moment in moments
    )
    return TimeLine(
        bars=bars,
        highest=write(highest),
        middle=write(highest / 2),
        ticks=_clock_ticks(first, span),
        label=f"{label}; highest {write(highest)}",
    )


def stack(course: VerdictCourse) -> Stack | None:
    """Return the verdicts over time, what is well at the bottom; None without any. What occurs is high enough to be seen."""
    if not course.moments:
        return None
    first, step_ns, span = _extent(course)
    highest = max(sum(moment.verdicts.values()) for moment in course.moments)
    present = {verdict for moment in course.moments for verdict in moment.verdicts}
    totals = [
        f"{words.verdict_name(verdict)} "
        f"{words.count(sum(moment.verdicts.get(verdict, 0) for moment in course.moments))}"
        for verdict in words.VERDICT_NAMES
        if verdict in present
    ]
    return Stack(
        layers=tuple(
            layer
            for moment in course.moments
            for layer in _layers(
                moment,
                x=round(100 * (moment.at_ns - first) / span, 3),
                width=round(100 * step_ns / span, 3),
                highest=highest,
            )
        ),
        verdicts=tuple(verdict for verdict in words.VERDICT_NAMES if verdict in present),
        highest=words.count(highest),
        middle=words.count(round(highest / 2)),
        ticks=_clock_ticks(first, span),
        label=f"Verdicts over time: {', '.join(totals)}",
    )


def _layers(moment: VerdictMoment, *, x: float, width: float, highest: int) -> Iterator[Layer]:
    """Give what came of one step: each verdict at least a sliver, at the cost of the largest."""
    present = {
        name: moment.verdicts[name] for name in words.VERDICT_NAMES if name in moment.verdicts
    }
    heights = {name: max(100 * n / highest, LEAST_HEIGHT) for name, n in present.items()}
    largest = max(heights, key=heights.__getitem__)
    room = max(100 * sum(present.values()) / highest, LEAST_HEIGHT * len(present))
    heights[largest] -= sum(heights.values()) - room
    y = 100.0
    for name, n in present.items():
        y -= heights[name]
        yield Layer(
            verdict=name,
            x=x,
            width=width,
            y=round(max(y, 0), 2),
            height=round(heights[name], 2),
            label=f"{words.clock(moment.at_ns)}: {words.verdict_name(name)} {words.count(n)}",
        )


def _extent(course: Progress | VerdictCourse) -> tuple[int, int, int]:
    """Return where a course begins, how long a step is, and how long all of it, in nanoseconds."""
    first = course.moments[0].at_ns
    step_ns = course.step_s * 1_000_000_000
    return first, step_ns, course.moments[-1].at_ns + step_ns - first


def _clock_ticks(first: int, span: int) -> tuple[Tick, ...]:
    return tuple(
        Tick(at=100 * part, label=words.clock(round(first + part * span)))
        for part in (0.0, 0.5, 1.0)
    )
