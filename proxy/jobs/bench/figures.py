"""The figures of a round, by which runs are compared: how long operations took, how many went through, and what they cost. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.jobs.bench.history import Round

GENERATOR: Final = "generator"
"""The part that makes the load: the same work on each way, and the yardstick of this machine's processor."""
_DATABASES: Final = frozenset({"mongod", "postgresql"})
"""Their memory is mostly cache, as whatever ran before has left it."""


class Measure(StrEnum):
    """What a figure is a figure of."""

    LATENCY = "latency"
    THROUGHPUT = "per s"
    PROCESSOR = "processor"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure; `of` is the quantile, or the part that spends."""

    measure: Measure
    of: str = ""

    def __str__(self) -> str:
        match self.measure:
            case Measure.LATENCY:
                return self.of
            case Measure.THROUGHPUT:
                return str(self.measure)
            case Measure.PROCESSOR | Measure.MEMORY:
                return f"{self.measure} of {self.of}"

    @property
    def is_cost(self) -> bool:
        """Return whether it is what an operation costs, not how long it takes."""
        return self.measure in {Measure.PROCESSOR, Measure.MEMORY}


def latency(name: str) -> Figure:
    """Return the latency that so many do not exceed."""
    return Figure(measure=Measure.LATENCY, of=name)


THROUGHPUT: Final = Figure(measure=Measure.THROUGHPUT)


def figures_of(rounds: Sequence[Round]) -> list[Figure]:
    """Return how long and how many, as far as all rounds have it; under a set rate the throughput is the rate."""
    names = [name for name in rounds[0].quantiles_s if all(name in r.quantiles_s for r in rounds)]
    return [*map(latency, names), THROUGHPUT]


def costs_of(rounds: Sequence[Round]) -> list[Figure]:
    """Return what an operation costs each part, but for the load itself, as far as all rounds have it.

    What took less than the system's clock can tell apart is left out.
    """
    parts = [
        *(Figure(measure=Measure.PROCESSOR, of=part) for part in rounds[0].cpu_s),
        *(
            Figure(measure=Measure.MEMORY, of=part)
            for part in rounds[0].memory_bytes
            if part not in _DATABASES
        ),
    ]
    return [
        part
        for part in parts
        if part.of != GENERATOR and all(value_of(each, part) > 0 for each in rounds)
    ]


def value_of(found: Round, figure: Figure) -> float:
    """Return a figure of one round; 0 where it has none."""
    match figure.measure:
        case Measure.LATENCY:
            return found.quantiles_s.get(figure.of, 0.0)
        case Measure.THROUGHPUT:
            return found.per_s
        case Measure.PROCESSOR:
            return found.cpu_s.get(figure.of, 0.0)
        case Measure.MEMORY:
            return found.memory_bytes.get(figure.of, 0)
