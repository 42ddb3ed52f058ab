"""What the relay costs: throughput and added latency, beside HAProxy in TCP mode and beside no proxy.

    python -m benchmarks.relay --json relay.json

The relay runs in a process of its own with the real capture log, as in operation with the verifier paused. All targets take
turns within each round, so that a slow minute of the machine hits them alike; figures are medians over the rounds.
`benchmarks/load.c` makes the load: one thread of C, which asks for less processor than any target.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pymongo import AsyncMongoClient

from proxy.embedded import embedded_mongo
from proxy.embedded.process import free_port

DOCUMENTS: Final = 10_000
CONCURRENCIES: Final = (1, 8, 64)
FIXED_RATE: Final = 1000
FIXED_RATE_CONNECTIONS: Final = 32
THROUGHPUT_AIM: Final = 0.9
ADDED_P50_AIM: Final = 1.3
FIXED_RATE_AIM_US: Final = 100
DIRECT, HAPROXY, RELAY = "direct", "haproxy", "relay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Medians over the rounds for one target under one load."""

    target: str
    load: str
    per_s: float
    p50_us: float
    p95_us: float
    p99_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The relay against HAProxy under one load."""

    load: str
    throughput_ratio: float
    added_p50_us: float
    haproxy_added_p50_us: float
    added_p50_ratio: float
    added_p99_us: float
    haproxy_added_p99_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Everything one run found."""

    rounds: int
    seconds: float
    measured: tuple[Measured, ...]
    compared: tuple[Compared, ...]


def build_load(directory: Path) -> Path:
    """Compile the load generator."""
    program = directory / "load"
    source = Path(__file__).with_name("load.c")
    subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)
    return program


async def measure(
    program: Path, port: int, connections: int, seconds: float, rate: int
) -> dict[str, float]:
    """Put one load on one address and return what the generator saw."""
    process = await asyncio.create_subprocess_exec(
        *(str(program), "127.0.0.1", str(port), str(connections), str(seconds), str(rate)),
        str(DOCUMENTS),
        stdout=subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the load generator failed: {output.decode()}")
    seen: dict[str, float] = json.loads(output)
    return seen


async def rounds_of(
    program: Path,
    targets: Mapping[str, int],
    *,
    load: str,
    connections: int,
    rate: int,
    rounds: int,
    seconds: float,
) -> list[Measured]:
    """Measure each target (name → port) once per round, each round beginning with another one."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in targets}
    names = list(targets)
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            seen[name].append(await measure(program, targets[name], connections, seconds, rate))
    return [
        Measured(
            target=name,
            load=load,
            **{
                figure: statistics.median(one[figure] for one in seen[name])
                for figure in ("per_s", "p50_us", "p95_us", "p99_us")
            },
        )
        for name in names
    ]


def compared(measured: Sequence[Measured]) -> Compared:
    """Set the relay against HAProxy; both under the same load as the direct one."""
    direct, haproxy, relay = (
        next(one for one in measured if one.target == name) for name in (DIRECT, HAPROXY, RELAY)
    )
    added, haproxy_added = relay.p50_us - direct.p50_us, haproxy.p50_us - direct.p50_us
    return Compared(
        load=relay.load,
        throughput_ratio=round(relay.per_s / haproxy.per_s, 3),
        added_p50_us=round(added, 1),
        haproxy_added_p50_us=round(haproxy_added, 1),
        added_p50_ratio=round(added / haproxy_added, 3) if haproxy_added else float("inf"),
        added_p99_us=round(relay.p99_us - direct.p99_us, 1),
        haproxy_added_p99_us=round(haproxy.p99_us - direct.p99_us, 1),
    )


async def benchmark(*, rounds: int, seconds: float) -> Benchmark:
    """Start everything, measure, and return the figures."""
    measured: list[Measured] = []
    comparisons: list[Compared] = []
    with tempfile.TemporaryDirectory(prefix="parallax-bench-") as name:
        directory = Path(name)
        program = build_load(directory)
        async with (
            embedded_mongo(directory / "mongo") as mongo,
            running_haproxy(directory, mongo.members[0].port) as haproxy,
            running_relay(directory, mongo.uri) as relay,
        ):
            await _fill(mongo.uri)
            targets = {DIRECT: mongo.members[0].port, HAPROXY: haproxy, RELAY: relay}
            for load, connections, rate in _loads():
                print(f"measuring {load} …", file=sys.stderr)
                of_load = await rounds_of(
                    program,
                    targets,
                    load=load,
                    connections=connections,
                    rate=rate,
                    rounds=rounds,
                    seconds=seconds,
                )
                measured += of_load
                comparisons.append(compared(of_load))
    return Benchmark(
        rounds=rounds, seconds=seconds, measured=tuple(measured), compared=tuple(comparisons)
    )


def _loads() -> list[tuple[str, int, int]]:
    closed = [(f"concurrency {count}", count, 0) for count in CONCURRENCIES]
    return [*closed, (f"{FIXED_RATE} operations/s", FIXED_RATE_CONNECTIONS, FIXED_RATE)]


@asynccontextmanager
async def running_haproxy(directory: Path, port: int) -> AsyncIterator[int]:
    """Run HAProxy before a port, and give the port it listens on."""
    binary = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if binary is None:
        raise SystemExit("haproxy is not installed: try `apt-get install haproxy`")
    listening = free_port()
    config = directory / "haproxy.cfg"
    config.write_text(
        # With the default buffer of 16 KB it loses on large replies.
        "global\n  nbthread 1\n  tune.bufsize 65536\n"
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
        f"listen mongo\n  bind 127.0.0.1:{listening}\n  server mongo 127.0.0.1:{port}\n"
    )
    process = await asyncio.create_subprocess_exec(binary, "-db", "-f", str(config))
    try:
        await _answers(listening)
        yield listening
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def running_relay(directory: Path, legacy_uri: str) -> AsyncIterator[int]:
    """Run the relay with its capture log in a process of its own, and give the port it listens on."""
    listening = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.relay_process", legacy_uri, str(listening)),
        str(directory / "capture"),
    )
    try:
        await _answers(listening)
        yield listening
    finally:
        process.terminate()
        await process.wait()


async def _answers(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return


async def _fill(uri: str) -> None:
    """Store documents of 1 KB."""
    async with AsyncMongoClient[dict[str, Any]](uri) as client:
        documents = [{"_id": number, "text": "x" * 1000} for number in range(DOCUMENTS)]
        await client["bench"]["docs"].insert_many(documents)


def table(found: Benchmark) -> str:
    """Return the figures as text, with the distance from each aim."""
    lines = [f"{'load':<20}{'target':<10}{'per s':>10}{'p50 µs':>9}{'p95 µs':>9}{'p99 µs':>9}"]
    lines += [
        f"{one.load:<20}{one.target:<10}{one.per_s:>10.0f}{one.p50_us:>9.0f}{one.p95_us:>9.0f}{one.p99_us:>9.0f}"
        for one in found.measured
    ]
    lines += [
        "",
        f"{'relay against HAProxy':<24}{'throughput':>12}{'added p50':>22}{'added p99 µs':>20}",
    ]
    lines += [
        f"{one.load:<24}{one.throughput_ratio:>12.2f}"
        f"{f'{one.added_p50_us:.0f} / {one.haproxy_added_p50_us:.0f} = {one.added_p50_ratio:.2f}':>22}"
        f"{f'{one.added_p99_us:.0f} / {one.haproxy_added_p99_us:.0f}':>20}"
        for one in found.compared
    ]
    lines.append(
        f"aims: throughput ≥ {THROUGHPUT_AIM}, added p50 ≤ {ADDED_P50_AIM} of HAProxy's; "
        f"at {FIXED_RATE}/s within {FIXED_RATE_AIM_US} µs of HAProxy at p50"
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the relay against HAProxy.")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one measurement")
    chosen = parser.parse_args()
    found = asyncio.run(benchmark(rounds=chosen.rounds, seconds=chosen.seconds))
    print(table(found))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(asdict(found), indent=2) + "\n")


if __name__ == "__main__":
    main()
