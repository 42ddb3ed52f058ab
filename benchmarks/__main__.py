"""`make bench`: every benchmark in one go, one after the other, with the aim beside each figure.

    make bench
    make bench ARGS="--only verification --seconds 5"
    make bench ARGS=--quick

Ends with 0 when everything could be measured, whatever the figures; an aim that is missed is printed, not hidden in an exit code.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks import (
    added_latency,
    backfill,
    comparison,
    gateway,
    http,
    memory,
    relay,
    serving,
    sweep,
    telemetry,
    verification,
)
from benchmarks.figure import Figure, NotMeasuredError, Part, at_least, at_most
from benchmarks.table import Cell, table
from comparators.errors import ParallaxError

RESULTS: Final = Path("benchmark-results")
HAPROXY_PLACES: Final = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How long to measure: full figures, or enough to see that everything works."""

    rounds: int
    seconds: float
    exchanges: int
    memory_s: float
    documents: int


Measure = Callable[[Extent], Awaitable[Part]]

FULL: Final = Extent(rounds=5, seconds=2.0, exchanges=30_000, memory_s=300, documents=100_000)
QUICK: Final = Extent(rounds=1, seconds=0.5, exchanges=3_000, memory_s=60, documents=10_000)


async def _relay(extent: Extent) -> Part:
    _demand_haproxy()
    found = await relay.benchmark(rounds=extent.rounds, seconds=extent.seconds)
    figures = tuple(figure for one in found.compared for figure in _against_haproxy(one))
    return Part(figures=figures, text=relay.table(found), detail=asdict(found))


def _against_haproxy(one: relay.Compared) -> Iterator[Figure]:
    # At a fixed rate all targets have the same throughput; what they add there is judged with everything on.
    is_fixed = one.load == f"{relay.FIXED_RATE} operations/s"
    yield Figure(
        name=f"throughput : HAProxy's, {one.load}",
        value=one.throughput_ratio,
        aim=None if is_fixed else at_least(relay.THROUGHPUT_AIM),
    )
    if one.haproxy_added_p50_us <= 0:
        # Where the machine is too busy to see what HAProxy adds, a ratio to it would say anything at all.
        yield Figure(
            name=f"added p50, {one.load} (noise: HAProxy adds nothing)",
            value=one.added_p50_us,
            unit="µs",
        )
        return
    yield Figure(
        name=f"added p50 : HAProxy's, {one.load}",
        value=one.added_p50_ratio,
        aim=None if is_fixed else at_most(relay.ADDED_P50_AIM),
    )


async def _latency(extent: Extent) -> Part:
    _demand_haproxy()
    return await added_latency.benchmark(rounds=extent.rounds, seconds=extent.seconds)


async def _verification(extent: Extent) -> Part:
    rounds = (extent.rounds + 1) // 2
    return await verification.benchmark(
        rounds=rounds, seconds=extent.seconds, exchanges=extent.exchanges
    )


async def _telemetry(extent: Extent) -> Part:
    rounds = (extent.rounds + 1) // 2
    return await telemetry.benchmark(rounds=rounds, exchanges=extent.exchanges)


async def _comparison(_: Extent) -> Part:
    found = [comparison.measured(case) for case in comparison.cases()]
    figures = [
        Figure(
            name=f"times faster than DeepDiff, {one.case}",
            value=one.ratio,
            aim=None if one.wanted_ratio is None else at_least(one.wanted_ratio),
        )
        for one in found
    ]
    rows = [(one.case, one.bytes_compared, one.parallax_us, one.deepdiff_us) for one in found]
    headings = ("case", "bytes", "Parallax µs", "DeepDiff µs")
    return Part(
        figures=tuple(figures),
        text=table(headings, rows),
        detail=[asdict(one) for one in found],
    )


async def _gateway(extent: Extent) -> Part:
    return await gateway.benchmark(rounds=extent.rounds, seconds=extent.seconds)


async def _http(extent: Extent) -> Part:
    return await http.benchmark(rounds=extent.rounds, seconds=extent.seconds)


async def _serving(extent: Extent) -> Part:
    return await serving.benchmark(rounds=extent.rounds, seconds=extent.seconds)


async def _backfill(extent: Extent) -> Part:
    return await backfill.benchmark(documents=extent.documents)


async def _memory(extent: Extent) -> Part:
    return await memory.benchmark(seconds=extent.memory_s)


async def _sweep(extent: Extent) -> Part:
    rounds = (extent.rounds + 1) // 2
    return await sweep.benchmark(rounds=rounds, documents=extent.documents)


PARTS: Final[Mapping[str, Measure]] = {
    "relay": _relay,
    "latency": _latency,
    "verification": _verification,
    "telemetry": _telemetry,
    "gateway": _gateway,
    "http": _http,
    "serving": _serving,
    "sweep": _sweep,
    "comparison": _comparison,
    "backfill": _backfill,
    "memory": _memory,
}
"""In the order in which they run: what is easily disturbed first."""


async def measure(
    names: Sequence[str], extent: Extent, parts: Mapping[str, Measure] = PARTS
) -> tuple[dict[str, Part], dict[str, str]]:
    """Return what the parts found, and for those that could not be measured why."""
    found: dict[str, Part] = {}
    missing: dict[str, str] = {}
    for name in names:
        print(f"── {name}", file=sys.stderr)
        try:
            found[name] = await parts[name](extent)
        except NotMeasuredError as error:
            missing[name] = str(error)
        except ParallaxError as error:
            missing[name] = f"{error.what} ({error.where}): {error.remedy}"
        except Exception as error:  # noqa: BLE001 - one part that breaks must not cost the others
            traceback.print_exc()
            missing[name] = f"{type(error).__name__}, see above"
    return found, missing


def summary(found: Mapping[str, Part], missing: Mapping[str, str]) -> str:
    """Return all figures as one table, behind the tables of the parts."""
    texts = [f"{name}\n{part.text}\n" for name, part in found.items()]
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            figure.name,
            figure.shown,
            "" if figure.aim is None else figure.aim.text,
            figure.standing,
        )
        for name, part in found.items()
        for figure in part.figures
    ]
    rows += [(name, "NOT MEASURED", "", "", reason) for name, reason in missing.items()]
    return "\n".join([*texts, table(("part", "figure", "value", "aim", ""), rows)])


def content(
    found: Mapping[str, Part], missing: Mapping[str, str], extent: Extent
) -> dict[str, Any]:
    """Return everything for the JSON."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(),
            "load": os.getloadavg(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "extent": asdict(extent),
        "parts": {
            name: {"figures": [one.as_json() for one in part.figures], "detail": part.detail}
            for name, part in found.items()
        },
        "not_measured": dict(missing),
    }


def main() -> int:
    """Measure, print and keep the figures."""
    chosen = _arguments()
    extent = _extent(chosen)
    load = os.getloadavg()[0]
    if load > 1:
        print(f"the machine is busy (load {load:.1f}): expect noise", file=sys.stderr)
    began_s = time.monotonic()
    found, missing = uvloop.run(measure(chosen.only or list(PARTS), extent))
    print(summary(found, missing))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(content(found, missing, extent), indent=2) + "\n", encoding="utf-8")
    print(f"\n{time.monotonic() - began_s:.0f} s; everything is in {path}")
    return 1 if missing else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure side by side.")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="may be repeated")
    parser.add_argument("--quick", action="store_true", help="see that everything works")
    parser.add_argument("--rounds", type=int, help="of turns; figures are medians over them")
    parser.add_argument("--seconds", type=float, help="of one measurement")
    parser.add_argument("--exchanges", type=int, help="to be verified")
    parser.add_argument("--memory-seconds", type=float, help="of the run that watches memory")
    parser.add_argument(
        "--documents", type=int, help="to be filled and swept; a million takes minutes"
    )
    return parser.parse_args()


def _extent(chosen: argparse.Namespace) -> Extent:
    usual = QUICK if chosen.quick else FULL
    return Extent(
        rounds=chosen.rounds or usual.rounds,
        seconds=chosen.seconds or usual.seconds,
        exchanges=chosen.exchanges or usual.exchanges,
        memory_s=chosen.memory_seconds or usual.memory_s,
        documents=chosen.documents or usual.documents,
    )


def _demand_haproxy() -> None:
    if shutil.which("haproxy", path=HAPROXY_PLACES) is None:
        raise NotMeasuredError("haproxy is not installed: try `apt-get install haproxy`")


if __name__ == "__main__":
    sys.exit(main())
