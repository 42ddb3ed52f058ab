"""Two runs side by side: what changed, and what is noise. Pure.

Where both runs measured MongoDB directly, the others are compared by how many times longer than it they took, round by round:
a machine that was slower that day slows both, and is no change of Parallax. The direct way itself is compared as it is, and decides nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from comparators.errors import RefusedError
from proxy.jobs.bench.history import Benchmark, Measured, Round
from proxy.jobs.bench.intervals import Change, change, holm

CONTROL: Final = "direct"
THROUGHPUT: Final = "per s"
_LEAST: Final = 0.05
"""Chance alone may say "changed" of anything at all in one comparison of runs in twenty."""


class Finding(StrEnum):
    """What became of a figure."""

    SLOWER = "slower"
    FASTER = "faster"
    SAME = "no change shown"
    SMALL = "too small to matter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure of both runs. `is_relative`: as a multiple of the direct way's; `p` is corrected for all that were asked."""

    target: str
    load: str
    figure: str
    is_relative: bool
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
        (new, figure, found)
        for new in after.measured
        if (old := before.find(new.target, new.load)) is not None
        for figure, found in _changes(before, old, after, new)
    ]
    chances = holm([found.p for *_, found in asked])
    return tuple(
        Compared(
            target=new.target,
            load=new.load,
            figure=figure,
            is_relative=_is_relative(before, after, new),
            change=found,
            p=p,
            finding=_finding(figure, found, p, tolerance),
        )
        for (new, figure, found), p in zip(asked, chances, strict=True)
    )


def _changes(
    before: Benchmark, old: Measured, after: Benchmark, new: Measured
) -> Iterator[tuple[str, Change]]:
    is_relative = _is_relative(before, after, new)
    beside = [run.find(CONTROL, new.load) for run in (before, after)] if is_relative else []
    rounds = [each for one in (old, new, *beside) if one is not None for each in one.rounds]
    for figure in figures_of(rounds):
        samples = [
            relative(run, one, figure) if is_relative else absolute(one.rounds, figure)
            for run, one in ((before, old), (after, new))
        ]
        found = change(*samples)
        if found is not None:
            yield figure, found


def figures_of(rounds: Sequence[Round]) -> list[str]:
    """Return the figures that all rounds have; under a set rate the throughput is the rate."""
    names = [name for name in rounds[0].quantiles_s if all(name in r.quantiles_s for r in rounds)]
    return [*names, THROUGHPUT]


def absolute(rounds: Sequence[Round], figure: str) -> list[float]:
    """Return a figure of each round."""
    return [r.per_s if figure == THROUGHPUT else r.quantiles_s[figure] for r in rounds]


def relative(run: Benchmark, one: Measured, figure: str) -> list[float]:
    """Return a figure of each round as a multiple of the direct way's in the same round."""
    control = run.find(CONTROL, one.load)
    if control is None:
        raise ValueError(f"no {CONTROL} way under {one.load}")
    pairs = zip(absolute(one.rounds, figure), absolute(control.rounds, figure), strict=False)
    return [value / other for value, other in pairs]


def _is_relative(before: Benchmark, after: Benchmark, one: Measured) -> bool:
    return one.target != CONTROL and all(
        run.find(CONTROL, one.load) is not None for run in (before, after)
    )


def _finding(figure: str, found: Change, p: float, tolerance: float) -> Finding:
    if p >= _LEAST:
        return Finding.SAME
    ratio = found.ratio.value
    if 1 / (1 + tolerance) < ratio < 1 + tolerance:
        return Finding.SMALL
    return Finding.SLOWER if (ratio > 1) != (figure == THROUGHPUT) else Finding.FASTER
