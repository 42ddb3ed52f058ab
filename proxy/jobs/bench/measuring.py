"""Measure every target under every load, in turns: a slow minute of the machine hits them alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from pymongo import AsyncMongoClient

from proxy.jobs.bench.consumption import Meter, Spent
from proxy.jobs.bench.databases import fill
from proxy.jobs.bench.driver import Driven, drive
from proxy.jobs.bench.history import Measured, Round
from proxy.jobs.bench.loads import Load
from proxy.jobs.bench.operations import Operations
from proxy.jobs.bench.runs import Runs
from proxy.ledger.sketches import Sketch

QUANTILES: Final[Mapping[str, float]] = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
BEYOND: Final = 5
"""A quantile is given where so many operations of a round are slower: with fewer it is a matter of luck."""

LATE_MATTERS: Final = 0.5
"""Operations that are sent later than this share of the median latency make it look longer than it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A way to the data that is measured; `where` is its address as it may be shown, `operations` name its own databases."""

    name: str
    where: str
    client: AsyncMongoClient[Any]
    operations: Operations
    meter: Meter


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured. Each measurement drives the first `warm_up` operations, then `count` that count."""

    loads: tuple[Load, ...]
    rounds: int
    warm_up: int
    count: int


Told = Callable[[str], None]


async def measure(targets: Sequence[Target], extent: Extent, *, told: Told) -> tuple[Measured, ...]:
    """Return what each target took under each load; each round begins with another target."""
    seen: dict[tuple[str, str], list[tuple[Driven, Round]]] = {}
    for number in range(extent.rounds):
        shift = number % len(targets)
        for load in extent.loads:
            told(f"round {number + 1} of {extent.rounds}: {load.name}")
            for target in (*targets[shift:], *targets[:shift]):
                seen.setdefault((target.name, load.name), []).append(
                    await _measure(target, load, extent)
                )
    return tuple(
        _measured(target.name, load.name, seen[target.name, load.name])
        for load in extent.loads
        for target in targets
    )


async def _measure(target: Target, load: Load, extent: Extent) -> tuple[Driven, Round]:
    operations = target.operations
    await fill(target.client, operations.databases, operations.setup, target=target.where)
    runs = Runs(target.client, operations.units, target=target.where)
    before = await target.meter.read()
    driven = await drive(runs.run, load, warm_up=extent.warm_up, count=extent.count)
    after = await target.meter.read()
    spent = {part: after[part] for part in after if part in before}
    whole = extent.warm_up + extent.count
    return driven, _round(
        driven,
        cpu_s={p: (s.cpu_s - before[p].cpu_s) / whole for p, s in spent.items()},
        grown_bytes={
            p: (s.memory_bytes - before[p].memory_bytes) / whole for p, s in spent.items()
        },
        spent=spent,
    )


def _round(
    driven: Driven,
    *,
    cpu_s: Mapping[str, float],
    grown_bytes: Mapping[str, float],
    spent: Mapping[str, Spent],
) -> Round:
    latencies = sorted(driven.latencies_s)
    n = len(latencies)
    late = sorted(driven.late_s)
    return Round(
        n=n,
        quantiles_s={
            name: quantile(latencies, q)
            for name, q in QUANTILES.items()
            if round(n * (1 - q), 6) >= BEYOND
        },
        per_s=n / driven.elapsed_s,
        failures=dict(driven.failures.most_common()),
        late_s=quantile(late, QUANTILES["p99"]) if late else None,
        cpu_s=cpu_s,
        grown_bytes=grown_bytes,
        memory_bytes={part: each.memory_bytes for part, each in spent.items()},
    )


def quantile(ordered: Sequence[float], q: float) -> float:
    """Return the smallest value that at least the share `q` of them does not exceed."""
    return ordered[max(ceil(round(q * len(ordered), 6)) - 1, 0)]


def _measured(target: str, load: str, seen: Sequence[tuple[Driven, Round]]) -> Measured:
    sketch = Sketch()
    for driven, _ in seen:
        for latency in driven.latencies_s:
            sketch.add(latency)
    return Measured(
        target=target,
        load=load,
        rounds=tuple(found for _, found in seen),
        buckets=tuple(sketch.buckets()),
    )
