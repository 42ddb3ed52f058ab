"""The latency page: one file that needs nothing else, as the report is.

What it shows was worked out before; here it is only written and drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf
from pathlib import Path
from typing import Final

from dashboards.report import plots, words
from dashboards.report.html import environment
from proxy.ledger.read import Quantiles

_TEMPLATES: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure, and between what it lies with 95 % confidence; infinite where that cannot be said."""

    value: float
    low: float
    high: float

    @property
    def is_bounded(self) -> bool:
        """Return whether there is an interval."""
        return not isinf(self.low) and not isinf(self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """One way to the data under one load. `added` and `ratio` set the median against the direct way; None without one.

    `cpu_s` is the processor time of one operation, `memory_bytes` what was resident, `grown_bytes` by how much an operation made that grow, by part.
    """

    target: str
    quantiles: Mapping[str, Estimate]
    added: Estimate | None
    ratio: Estimate | None
    per_s: Estimate
    n: int
    failures: Mapping[str, int]
    late_s: float | None
    cpu_s: Mapping[str, float]
    memory_bytes: Mapping[str, int]
    grown_bytes: Mapping[str, int]
    distribution: Quantiles


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPart:
    """All ways under one load."""

    load: str
    rows: tuple[TargetRow, ...]

    @property
    def quantiles(self) -> list[str]:
        """Return the quantiles that all rows have."""
        return [
            name for name in self.rows[0].quantiles if all(name in r.quantiles for r in self.rows)
        ]

    def fails_more(self, row: TargetRow) -> bool:
        """Return whether more operations failed than where fewest did: what fails everywhere is the load's own."""
        return sum(row.failures.values()) > min(sum(r.failures.values()) for r in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One figure beside that of an earlier run. `basis` says of what the ratio is."""

    target: str
    load: str
    figure: str
    basis: str
    ratio: Estimate
    p: float
    finding: str
    is_alarm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPage:
    """Everything one run found. `result` is pass, fail or inconclusive; `changes` is None without an earlier run."""

    headline: str
    result: str
    remarks: tuple[str, ...]
    made_at: str
    about: Mapping[str, str]
    source: str
    rounds: int
    warm_up: int
    operations: Mapping[str, int]
    left_out: Mapping[str, int]
    absent: Mapping[str, str]
    loads: tuple[LoadPart, ...]
    changes: tuple[ChangeRow, ...] | None


def render_bench(page: BenchPage) -> str:
    """Return the page."""
    drawing = environment(_TEMPLATES)
    drawing.filters |= {
        "interval": interval,
        "times": times,
        "rates": rates,
        "microseconds": microseconds,
    }
    drawing.globals |= {"ranges_of": ranges_of, "outlines_of": outlines_of}
    return drawing.get_template("bench.html").render(page=page, result=page.result)


def ranges_of(part: LoadPart) -> plots.LatencyPlot:
    """Return the quantiles of all ways on one logarithmic axis."""
    found = [(row, row.distribution) for row in part.rows]
    axis = plots.LogAxis([each for _, d in found for each in (d.p50_s, d.p95_s, d.p99_s)])
    return plots.LatencyPlot(
        ticks=axis.ticks(),
        rows=tuple(
            plots.LatencyRow(
                name=row.target,
                ranges=(plots.range_of(axis, row.target, one),),
                ratio=words.NONE if row.ratio is None else words.ratio(row.ratio.value),
            )
            for row, one in found
        ),
    )


def outlines_of(part: LoadPart) -> plots.Distribution | None:
    """Return the distributions of all ways on one logarithmic axis."""
    return plots.distribution([(row.target, row.distribution) for row in part.rows])


def interval(found: Estimate) -> str:
    """Return the interval of a duration that may be below zero."""
    if not found.is_bounded:
        return words.NONE
    return f"{_signed(found.low)} … {_signed(found.high)}"


def times(found: Estimate | None) -> str:
    """Return a multiple with its interval."""
    if found is None:
        return words.NONE
    if not found.is_bounded:
        return words.ratio(found.value)
    return f"{words.ratio(found.value)} ({found.low:.2f} … {found.high:.2f})"


def microseconds(by_part: Mapping[str, float]) -> Sequence[str]:
    """Return what each part spent, as it is written."""
    return [f"{part} {words.duration(spent)}" for part, spent in by_part.items()]


def rates(found: Estimate) -> str:
    """Return the interval of what goes through in a second."""
    if not found.is_bounded:
        return words.NONE
    return f"{found.low:,.0f} … {found.high:,.0f}"


def _signed(seconds: float) -> str:
    return f"\N{MINUS SIGN}{words.duration(-seconds)}" if seconds < 0 else words.duration(seconds)
