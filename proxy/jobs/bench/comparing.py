"""Two runs side by side: what changed, and what is noise. Pure.

Where both runs measured MongoDB directly, the others are compared by how many times longer than it they took, round by round:
a machine that was slower that day slows both, and is no change of Parallax. So is processor time, as a multiple of what the load itself
took on the direct way. What is resident says nothing of the machine, and is compared as it is. So is the direct way, which decides nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final

from comparators.errors import RefusedError
from proxy.jobs.bench.figures import (
    GENERATOR,
    THROUGHPUT,
    Figure,
    Measure,
    costs_of,
    figures_of,
    value_of,
)
from proxy.jobs.bench.history import Benchmark, Measured, Round
from proxy.jobs.bench.intervals import Change, change, holm

CONTROL: Final = "direct"
_LEAST: Final = 0.05
"""Chance alone may say "changed" of anything at all in one comparison of runs in twenty."""
_YARDSTICK: Final = Figure(measure=Measure.PROCESSOR, of=GENERATOR)


class Finding(StrEnum):
    """What became of a figure."""

    SLOWER = "slower"
    FASTER = "faster"
    DEARER = "costs more"
    CHEAPER = "costs less"
    SAME = "no change shown"
    SMALL = "too small to matter"


WORSE: Final = frozenset({Finding.SLOWER, Finding.DEARER})
BETTER: Final = frozenset({Finding.FASTER, Finding.CHEAPER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure of both runs. `basis` says of what it is a multiple; `p` is corrected for all that were asked."""

    target: str
    load: str
    figure: Figure
    basis: str
    change: Change
    p: float
    finding: Finding

    @property
    def decides(self) -> bool:
        """Return whether it is a change of what is measured, not of the machine it ran on."""
        return self.target != CONTROL


def demand_comparable(before: Benchmark, digest: str, *, where: str) -> None:
    """Refuse an earlier run that drove other operations."""
    if before.digest != digest:
        raise RefusedError(
            "the earlier run drove other operations, which tells nothing about these",
            where=where,
            remedy="drive the same: the same --seed, --operations and --warm-up, or the same file or log",
        )


def compared(before: Benchmark, after: Benchmark, *, tolerance: float) -> tuple[Compared, ...]:
    """Return every figure that both runs have; a change below `tolerance` (0.05 is 5 %) does not matter."""
    asked = [
        (new, figure, basis, found)
        for new in after.measured
        if (old := before.find(new.target, new.load)) is not None
        for figure, basis, found in _changes(before, old, after, new)
    ]
    chances = holm([found.p for *_, found in asked])
    return tuple(
        Compared(
            target=new.target,
            load=new.load,
            figure=figure,
            basis=basis,
            change=found,
            p=p,
            finding=_finding(figure, found, p, tolerance),
        )
        for (new, figure, basis, found), p in zip(asked, chances, strict=True)
    )


def _changes(
    before: Benchmark, old: Measured, after: Benchmark, new: Measured
) -> Iterator[tuple[Figure, str, Change]]:
    beside = [run.find(CONTROL, new.load) for run in (before, after)]
    is_relative = new.target != CONTROL and None not in beside
    controls = [each for one in beside if one is not None for each in one.rounds]
    rounds = [*old.rounds, *new.rounds]
    for figure in chain(
        figures_of([*rounds, *(controls if is_relative else ())]), costs_of(rounds)
    ):
        yardstick = _yardstick_of(figure, controls) if is_relative else None
        samples = [
            absolute(one.rounds, figure)
            if yardstick is None
            else relative(run, one, figure, yardstick)
            for run, one in ((before, old), (after, new))
        ]
        found = change(*samples)
        if found is not None:
            yield figure, _basis(yardstick), found


def _yardstick_of(figure: Figure, controls: Sequence[Round]) -> Figure | None:
    """Return of which figure of the direct way a figure is a multiple; None where it is of none."""
    if not figure.is_cost:
        return figure
    if figure.measure is Measure.MEMORY or not all(value_of(r, _YARDSTICK) > 0 for r in controls):
        return None
    return _YARDSTICK


def _basis(yardstick: Figure | None) -> str:
    if yardstick is None:
        return "itself"
    return "the load's own on the direct way" if yardstick == _YARDSTICK else "the direct way's"


def absolute(rounds: Sequence[Round], figure: Figure) -> list[float]:
    """Return a figure of each round."""
    return [value_of(each, figure) for each in rounds]


def relative(
    run: Benchmark, one: Measured, figure: Figure, yardstick: Figure | None = None
) -> list[float]:
    """Return a figure of each round as a multiple of one of the direct way in the same round, the same unless another is named."""
    control = run.find(CONTROL, one.load)
    if control is None:
        raise ValueError(f"no {CONTROL} way under {one.load}")
    theirs = absolute(control.rounds, yardstick or figure)
    return [
        value / other for value, other in zip(absolute(one.rounds, figure), theirs, strict=False)
    ]


def _finding(figure: Figure, found: Change, p: float, tolerance: float) -> Finding:
    if p >= _LEAST:
        return Finding.SAME
    ratio = found.ratio.value
    if 1 / (1 + tolerance) < ratio < 1 + tolerance:
        return Finding.SMALL
    if figure.is_cost:
        return Finding.DEARER if ratio > 1 else Finding.CHEAPER
    return Finding.SLOWER if (ratio > 1) != (figure == THROUGHPUT) else Finding.FASTER
