"""What an application pays at a fixed rate with everything on: relay, capture log, verifier, PostgreSQL.

    python -m benchmarks --only latency

The load generator of the relay's benchmark asks for 1,000 documents a second, whatever became of the ones before, from
mongod directly, through HAProxy and through `parallax serve`, in turns. The verifier works at the same time; before another
target has its turn it has caught up, so that it weighs on the sidecar's own figures alone.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from pymongo import AsyncMongoClient

from benchmarks.figure import Figure, NotMeasuredError, Part, at_most
from benchmarks.relay import (
    DIRECT,
    FIXED_RATE,
    FIXED_RATE_AIM_US,
    FIXED_RATE_CONNECTIONS,
    HAPROXY,
    build_load,
    measure,
    running_haproxy,
)
from benchmarks.table import table
from benchmarks.traffic import fill
from proxy.embedded import embedded_mongo, embedded_postgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar

SIDECAR: Final = "parallax"
DRAINED_WITHIN_S: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Medians over the rounds, in microseconds; what a target adds to the direct way."""

    p50: float
    p99: float


async def benchmark(*, rounds: int, seconds: float) -> Part:
    """Start everything, measure in turns, and return the figures."""
    seen: dict[str, list[dict[str, float]]] = {DIRECT: [], HAPROXY: [], SIDECAR: []}
    with tempfile.TemporaryDirectory(prefix="parallax-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        program = build_load(directory)
        async with (
            embedded_mongo(directory / "mongo") as mongo,
            embedded_postgres(directory / "postgresql") as postgres,
            embedded_sidecar(
                directory / "sidecar", legacy=mongo.uri, gateway=postgres.dsn
            ) as sidecar,
            running_haproxy(directory, mongo.members[0].port) as haproxy,
        ):
            async with AsyncMongoClient[dict[str, Any]](sidecar.uri) as client:
                await fill(client)
            await sidecar.drained(within_s=DRAINED_WITHIN_S)
            ports = {DIRECT: mongo.members[0].port, HAPROXY: haproxy, SIDECAR: sidecar.port}
            names = list(ports)
            print(f"measuring {FIXED_RATE} operations/s, everything on …", file=sys.stderr)
            for number in range(rounds):
                shift = number % len(names)
                for target in names[shift:] + names[:shift]:
                    found = await measure(
                        program, ports[target], FIXED_RATE_CONNECTIONS, seconds, FIXED_RATE
                    )
                    seen[target].append(found)
                    await sidecar.drained(within_s=DRAINED_WITHIN_S)
            verified = await _demand_equal(sidecar)
    return _part(seen, verified)


async def _demand_equal(sidecar: EmbeddedSidecar) -> int:
    """Return how many operations were verified meanwhile; a mismatch makes the figures worthless."""
    status = await sidecar.status()
    if status is None or status.tally.mismatched or not status.tally.verified:
        raise NotMeasuredError("the verifier did not find both sides equal")
    return status.tally.verified


def _part(seen: dict[str, list[dict[str, float]]], verified: int) -> Part:
    medians = {
        target: {name: median(one[name] for one in rounds) for name in ("p50_us", "p99_us")}
        for target, rounds in seen.items()
    }

    def added(target: str) -> Added:
        return Added(
            p50=medians[target]["p50_us"] - medians[DIRECT]["p50_us"],
            p99=medians[target]["p99_us"] - medians[DIRECT]["p99_us"],
        )

    haproxy, sidecar = added(HAPROXY), added(SIDECAR)
    rows = [
        (target, medians[target]["p50_us"], medians[target]["p99_us"], one.p50, one.p99)
        for target, one in ((HAPROXY, haproxy), (SIDECAR, sidecar))
    ]
    direct = (DIRECT, medians[DIRECT]["p50_us"], medians[DIRECT]["p99_us"], "", "")
    return Part(
        figures=(
            Figure(
                name="added p50 beyond HAProxy's",
                value=sidecar.p50 - haproxy.p50,
                unit="µs",
                aim=at_most(FIXED_RATE_AIM_US),
            ),
            Figure(name="added p99 beyond HAProxy's", value=sidecar.p99 - haproxy.p99, unit="µs"),
            Figure(name="verified meanwhile", value=verified),
        ),
        text=table(("target", "p50 µs", "p99 µs", "added p50", "added p99"), [direct, *rows]),
        detail=seen,
    )
