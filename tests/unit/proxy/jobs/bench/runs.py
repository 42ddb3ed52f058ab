"""Runs of benchmarks of which the truth is known."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from proxy.jobs.bench.history import Benchmark, Measured, Round

LOADS = ("8 at once", "200/s over 32")
BASE_S = {"direct": 0.001, "proxy": 0.0012, "gateway": 0.002}
QUANTILES = {"p50": 1.0, "p90": 3.0, "p99": 12.0}
PARTS = {
    "direct": {"generator": 1.0, "mongod": 1.0},
    "proxy": {"generator": 1.0, "mongod": 1.0, "relay": 0.5},
    "gateway": {"generator": 1.0, "gateway": 2.0, "postgresql": 1.5},
}
"""What an operation costs each part, as a multiple of the processor time of the load itself."""
LOAD_S = 0.0003
RESIDENT_BYTES = 10**8


def run_of(
    seed: int,
    *,
    rounds: int = 8,
    machine: float = 1.0,
    factors: Mapping[str, float] | None = None,
    costs: Mapping[str, float] | None = None,
    noise: float = 0.05,
) -> Benchmark:
    """Return a run in which a target takes `factors` times as long as usual, on a machine that takes `machine` times as long.

    Each part that is named in `costs` spends so many times as much as usual, in processor time and memory.

    Every round has a slowness of its own, which all targets share, and every figure another one on top.
    """
    random = Random(seed)
    slowness = [random.lognormvariate(0, 2 * noise) for _ in range(rounds)]
    return Benchmark(
        made_at="2027-01-01T00:00:00+00:00",
        about={"processors": "2"},
        source="a test",
        digest="d",
        operations={"find": 10},
        left_out={},
        absent={},
        warm_up=1,
        measured=tuple(
            Measured(
                target=target,
                load=load,
                rounds=tuple(
                    _spending(
                        _round(
                            random, base * each * machine * (factors or {}).get(target, 1), noise
                        ),
                        random,
                        {part: n * each * machine for part, n in PARTS[target].items()},
                        costs or {},
                        noise,
                    )
                    for each in slowness
                ),
                buckets=((base, 900), (base * 3, 90), (base * 12, 10)),
            )
            for load in LOADS
            for target, base in BASE_S.items()
        ),
    )


def _round(random: Random, base_s: float, noise: float) -> Round:
    return Round(
        n=1000,
        quantiles_s={
            name: base_s * times * random.lognormvariate(0, noise)
            for name, times in QUANTILES.items()
        },
        per_s=1 / base_s * random.lognormvariate(0, noise),
        failures={"code 11000": 2},
        late_s=None,
        cpu_s={},
        memory_bytes={},
        grown_bytes={"mongod": -96.0},
    )


def _spending(
    found: Round,
    random: Random,
    parts: Mapping[str, float],
    costs: Mapping[str, float],
    noise: float,
) -> Round:
    return replace(
        found,
        cpu_s={
            part: LOAD_S * times * costs.get(part, 1) * random.lognormvariate(0, noise)
            for part, times in parts.items()
        },
        memory_bytes={
            part: round(RESIDENT_BYTES * costs.get(part, 1) * random.lognormvariate(0, noise))
            for part in parts
        },
    )
