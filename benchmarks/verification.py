"""Exchanges per second of one verifier, beside a bare `asyncpg.fetchrow` loop in the same run.

    python -m benchmarks.verification

The log is recorded by the real relay from PyMongo's traffic before anything is measured, and PostgreSQL has followed it as
far as the documents were filled in. Then, in turns: the bare loop, and `parallax verify --drain` over the recorded traffic on
a copy of that database. Starting and ending the verifier's process is measured by a second run with nothing to do, and left out.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.figure import Figure, NotMeasuredError, Part, at_least
from benchmarks.recording import FILLED, Recording, recorded
from benchmarks.table import table
from benchmarks.traffic import FINDS, MIX, Send
from proxy.embedded import EmbeddedPostgres, embedded_mongo, embedded_postgres

RATIO_AIM: Final = 0.3
LOADS: Final[Mapping[str, Mapping[Send, int]]] = {"find by _id": FINDS, "mix": MIX}
SHARE_OF_MIX: Final = 3
"""The mix has a third of the exchanges: it costs several times as much each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One bare loop and one verification right behind it."""

    load: str
    bare_per_s: float
    bare_cpu_us: float
    verified_per_s: float
    verified_cpu_us: float

    @property
    def ratio(self) -> float:
        return self.verified_per_s / self.bare_per_s


async def benchmark(*, rounds: int, seconds: float, exchanges: int) -> Part:
    """Record, verify in turns with the bare loop, and return the figures."""
    found: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="parallax-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        for number, (load, kinds) in enumerate(LOADS.items()):
            place = directory / str(number)
            place.mkdir()
            place.chmod(0o711)
            count = exchanges if kinds is FINDS else exchanges // SHARE_OF_MIX
            async with (
                embedded_mongo(place / "mongo") as mongo,
                embedded_postgres(place / "postgresql") as postgres,
            ):
                print(f"recording {count} exchanges, {load} …", file=sys.stderr)
                recording = await recorded(place / "log", mongo, postgres, kinds, count)
                print(f"verifying them {rounds} times …", file=sys.stderr)
                found += [await _round(load, recording, postgres, seconds) for _ in range(rounds)]
    return _part(found)


async def _round(
    load: str, recording: Recording, postgres: EmbeddedPostgres, seconds: float
) -> Round:
    bare = await _bare(postgres.dsn_of(FILLED), seconds)
    spent = await recording.verified()
    return Round(
        load=load,
        bare_per_s=bare["per_s"],
        bare_cpu_us=bare["cpu_us"],
        verified_per_s=recording.exchanges / spent.wall_s,
        verified_cpu_us=spent.cpu_s / recording.exchanges * 1e6,
    )


async def _bare(dsn: str, seconds: float) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.bare_fetch", dsn, str(seconds)),
        stdout=subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise NotMeasuredError(f"the bare loop ended with {process.returncode}")
    seen: dict[str, float] = json.loads(output)
    return seen


def _part(found: list[Round]) -> Part:
    figures, rows = [], []
    for load in LOADS:
        of_load = [one for one in found if one.load == load]
        ratio = median(one.ratio for one in of_load)
        verified = median(one.verified_per_s for one in of_load)
        cpu = median(one.verified_cpu_us for one in of_load)
        figures += [
            Figure(name=f"verified, {load}", value=verified, unit="/s"),
            Figure(
                name=f"verified, {load} : bare fetchrow",
                value=ratio,
                aim=at_least(RATIO_AIM),
            ),
        ]
        rows += [
            (
                load,
                verified,
                median(one.bare_per_s for one in of_load),
                ratio,
                cpu,
                median(one.bare_cpu_us for one in of_load),
            )
        ]
    headings = ("load", "verified/s", "bare/s", "ratio", "CPU µs verified", "CPU µs bare")
    return Part(
        figures=tuple(figures), text=table(headings, rows), detail=[asdict(one) for one in found]
    )


if __name__ == "__main__":
    print(asyncio.run(benchmark(rounds=3, seconds=2.0, exchanges=30_000)).text)
