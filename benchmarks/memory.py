"""Whether the memory of relay and verifier stays bounded while PostgreSQL is away half of the time.

    python -m benchmarks --only memory

PyMongo sends the mix at a fixed rate through `parallax serve` for five minutes. PostgreSQL runs and is stopped in turns of a
tenth of the run. The resident set of both processes is read twice a second. `growth.py` states the rule. At the end
everything on the log must have its verdict, and no two answers may differ.
"""

import asyncio
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from pymongo import AsyncMongoClient

from benchmarks.figure import Figure, NotMeasuredError, Part, at_most
from benchmarks.growth import MOST_GROWTH, growth_of, sparkline
from benchmarks.processes import MIB, child_running, resident_mib
from benchmarks.table import Cell, table
from benchmarks.traffic import MIX, fill, pace
from proxy.capture.retention import total_bytes
from proxy.embedded import EmbeddedPostgres, embedded_mongo, embedded_postgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.ledger.evidence import Status

PER_S: Final = 500
TURNS: Final = 10
SAMPLE_S: Final = 0.5
DRAINED_WITHIN_S: Final = 300


@dataclass(slots=True, kw_only=True)
class Samples:
    """What was read, equally spaced; memory and log in MiB, `away` is 1 while PostgreSQL was stopped."""

    relay: list[float] = field(default_factory=list)
    verifier: list[float] = field(default_factory=list)
    log: list[float] = field(default_factory=list)
    away: list[int] = field(default_factory=list)
    verifiers: set[int] = field(default_factory=set)


async def benchmark(*, seconds: float) -> Part:
    """Run the load, stop and start PostgreSQL, and return the figures."""
    samples = Samples()
    with tempfile.TemporaryDirectory(prefix="parallax-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        async with (
            embedded_mongo(directory / "mongo") as mongo,
            embedded_postgres(directory / "postgresql") as postgres,
            embedded_sidecar(
                directory / "sidecar", legacy=mongo.uri, gateway=postgres.dsn
            ) as sidecar,
        ):
            async with AsyncMongoClient[dict[str, Any]](sidecar.uri) as client:
                await fill(client)
                await sidecar.drained()
                print(f"{seconds:.0f} s at {PER_S} operations/s …", file=sys.stderr)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(pace(client, MIX, per_s=PER_S, seconds=seconds), name="load")
                    tasks.create_task(_turns(postgres, seconds, samples), name="turns")
                    tasks.create_task(_sample(sidecar, seconds, samples), name="samples")
            status = await sidecar.drained(within_s=DRAINED_WITHIN_S)
    return _part(samples, status)


async def _turns(postgres: EmbeddedPostgres, seconds: float, samples: Samples) -> None:
    """Stop PostgreSQL in every second turn; it runs at the end."""
    for turn in range(TURNS):
        if turn % 2:
            await postgres.stop()
        elif turn:
            await postgres.start()
        samples.away.append(turn % 2)
        await asyncio.sleep(seconds / TURNS)
    await postgres.start()


async def _sample(sidecar: EmbeddedSidecar, seconds: float, samples: Samples) -> None:
    log = sidecar.data / "capture"
    for _ in range(int(seconds / SAMPLE_S)):
        relay = sidecar.process.pid
        verifier = None if relay is None else child_running(relay, "verify")
        held = [None if pid is None else resident_mib(pid) for pid in (relay, verifier)]
        if held[0] is None:
            raise NotMeasuredError("the relay ended during the run")
        samples.relay.append(held[0])
        if verifier is not None and held[1] is not None:
            samples.verifier.append(held[1])
            samples.verifiers.add(verifier)
        samples.log.append(total_bytes(log) / MIB)
        await asyncio.sleep(SAMPLE_S)


def _part(samples: Samples, status: Status) -> Part:
    if len(samples.verifiers) != 1:
        raise NotMeasuredError(f"{len(samples.verifiers)} verifiers ran, one after the other")
    if status.tally.mismatched or not status.tally.verified:
        raise NotMeasuredError("the verifier did not find both sides equal")
    figures: list[Figure] = []
    rows: list[tuple[Cell, ...]] = []
    detail: dict[str, Any] = {}
    for name, values in (("relay", samples.relay), ("verifier", samples.verifier)):
        growth = growth_of(values)
        figures.append(
            Figure(
                name=f"{name}: last third : first third",
                value=growth.ratio,
                aim=at_most(MOST_GROWTH),
            )
        )
        word = "bounded" if growth.is_bounded else "NOT bounded"
        rows.append((name, growth.first, growth.last, growth.peak, word, sparkline(values)))
        detail[name] = {**asdict(growth), "bounded": growth.is_bounded, "mib": values}
    rows.append(("log", "", "", max(samples.log), "", sparkline(samples.log)))
    away = sparkline([turn for turn in samples.away for _ in range(60 // TURNS)])
    rows.append(("PostgreSQL away", "", "", "", "", away))
    headings = ("MiB", "first third", "last third", "peak", "", "over the run")
    verified = status.tally.verified
    return Part(
        figures=(*figures, Figure(name="verified", value=verified)),
        text=table(headings, rows),
        detail={**detail, "log_mib": samples.log, "verified": verified},
    )
