"""What telling of it costs a verifier: the same traffic verified with and without telemetry, in turns.

    python -m benchmarks.telemetry

With telemetry, the verifier serves `/metrics`, which is read, and sends metrics, traces and its log to an OpenTelemetry collector: at the
interval that settings have by default, or once a second. A tenth of the exchanges is traced, or all of them. Reader and collector are
this process, so that neither counts as the verifier's time.

A verification here lasts some seconds, and hardly sees an export at the usual interval. Its share of them is therefore added from what
those of each second cost: hiding it would be cheating.
"""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import aiohttp
from aiohttp import web

from benchmarks.figure import Figure, NotMeasuredError, Part, at_most
from benchmarks.recording import Recording, Spent, recorded
from benchmarks.table import table
from benchmarks.verification import LOADS, SHARE_OF_MIX
from proxy.embedded import embedded_mongo, embedded_postgres
from proxy.embedded.process import free_port
from proxy.settings_sections import Signal, Telemetry

OVERHEAD_AIM: Final = 5.0
TRACED: Final = 0.1
"""The share of exchanges that is traced."""
_ALWAYS_SENT: Final = (Signal.METRICS, Signal.TRACES)
"""A verifier that nothing happens to logs nothing."""
USUAL_S: Final = Telemetry().interval_s
OFTEN_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The same exchanges verified in four ways, right behind each other.

    `without` telemetry, with it at the `usual` interval, `often`, and often while every one is `traced`.
    """

    load: str
    exchanges: int
    without: Spent
    usual: Spent
    often: Spent
    traced: Spent

    @property
    def lasting(self) -> Spent:
        """Return what telemetry at the usual interval takes in the long run, with its share of the exports."""
        share = OFTEN_S / USUAL_S
        more = self.often - self.usual
        return Spent(
            wall_s=self.usual.wall_s + more.wall_s * share,
            cpu_s=self.usual.cpu_s + more.cpu_s * share,
        )

    def lost_percent(self, along: Spent) -> float:
        """Return by how much fewer exchanges are verified in a second."""
        return (1 - self.without.wall_s / along.wall_s) * 100

    def cpu_percent(self, along: Spent) -> float:
        """Return by how much more processor time is taken."""
        return (along.cpu_s / self.without.cpu_s - 1) * 100


@dataclass(slots=True)
class Received:
    """How often somebody was told."""

    scrapes: int = 0
    exports: Counter[str] = field(default_factory=Counter)
    """By signal."""


async def benchmark(*, rounds: int, exchanges: int) -> Part:
    """Record, verify in turns, and return the figures."""
    found: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="parallax-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        for number, (load, kinds) in enumerate(LOADS.items()):
            place = directory / str(number)
            place.mkdir()
            place.chmod(0o711)
            count = exchanges // (SHARE_OF_MIX if number else 1)
            async with (
                embedded_mongo(place / "mongo") as mongo,
                embedded_postgres(place / "postgresql") as postgres,
            ):
                print(f"recording {count} exchanges, {load} …", file=sys.stderr)
                recording = await recorded(place / "log", mongo, postgres, kinds, count)
                print(f"verifying them {4 * rounds} times …", file=sys.stderr)
                found += [await _round(load, recording, turn) for turn in range(rounds)]
    return _part(found)


async def _round(load: str, recording: Recording, turn: int) -> Round:
    ways: Mapping[str, Callable[[], Awaitable[Spent]]] = {
        "without": recording.verified,
        "usual": partial(_along, recording, TRACED, USUAL_S),
        "often": partial(_along, recording, TRACED, OFTEN_S),
        "traced": partial(_along, recording, 1.0, OFTEN_S),
    }
    names = [*ways][turn % len(ways) :] + [*ways][: turn % len(ways)]
    spent = {name: await ways[name]() for name in names}
    return Round(load=load, exchanges=recording.exchanges, **spent)


async def _along(recording: Recording, share: float, every_s: float) -> Spent:
    received = Received()
    async with _listener(received, share, every_s) as settings:
        spent = await recording.verified(settings)
    is_scraped = received.scrapes or every_s > OFTEN_S
    if not is_scraped or not all(received.exports[signal] for signal in _ALWAYS_SENT):
        raise NotMeasuredError(f"the verifier was not listened to: {received}")
    return spent


@asynccontextmanager
async def _listener(
    received: Received, share: float, every_s: float
) -> AsyncIterator[Mapping[str, str]]:
    """Scrape and collect; give the settings that make a verifier tell."""
    collector, page = free_port(), free_port()

    async def collect(request: web.Request) -> web.Response:
        await request.read()
        received.exports[request.match_info["signal"]] += 1
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/{signal}", collect)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", collector).start()
    try:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            scraping = tasks.create_task(_scrape(session, page, received, every_s), name="scrape")
            yield {
                "PARALLAX_TELEMETRY_PROMETHEUS": f"127.0.0.1:{page}",
                "PARALLAX_TELEMETRY_OTLP_ENDPOINT": f"http://127.0.0.1:{collector}",
                "PARALLAX_TELEMETRY_INTERVAL_S": str(every_s),
                "PARALLAX_TELEMETRY_SIGNALS": ",".join(Signal),
                "PARALLAX_TELEMETRY_TRACES": str(share),
            }
            scraping.cancel()
    finally:
        await runner.cleanup()


async def _scrape(
    session: aiohttp.ClientSession, port: int, received: Received, every_s: float
) -> None:
    while True:
        # The verifier comes and goes.
        with suppress(aiohttp.ClientError):
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                await answer.read()
                received.scrapes += 1
        await asyncio.sleep(every_s)


def _part(found: list[Round]) -> Part:
    figures, rows = [], []
    for load in LOADS:
        of_load = [one for one in found if one.load == load]
        figures += [
            Figure(
                name=f"fewer verified per second, every {USUAL_S:g} s, {load}",
                value=median(one.lost_percent(one.lasting) for one in of_load),
                unit="%",
                aim=at_most(OVERHEAD_AIM),
            ),
            Figure(
                name=f"more processor time, every {USUAL_S:g} s, {load}",
                value=median(one.cpu_percent(one.lasting) for one in of_load),
                unit="%",
                aim=at_most(OVERHEAD_AIM),
            ),
            Figure(
                name=f"fewer verified per second, every second, {load}",
                value=median(one.lost_percent(one.often) for one in of_load),
                unit="%",
            ),
            Figure(
                name=f"more processor time, every second, {load}",
                value=median(one.cpu_percent(one.often) for one in of_load),
                unit="%",
            ),
            Figure(
                name=f"more processor time, every second and exchange, {load}",
                value=median(one.cpu_percent(one.traced) for one in of_load),
                unit="%",
            ),
        ]
        rows += [
            (
                load,
                median(one.exchanges / one.without.wall_s for one in of_load),
                *(
                    median(getattr(one, way).cpu_s / one.exchanges * 1e6 for one in of_load)
                    for way in ("without", "lasting", "often", "traced")
                ),
            )
        ]
    headings = (
        "load",
        "verified/s without",
        "CPU µs without",
        f"every {USUAL_S:g} s",
        f"every {OFTEN_S:g} s",
        "all traced",
    )
    text = (
        f"{table(headings, rows)}\n"
        f"With telemetry: metrics, traces of {TRACED:.0%} of the exchanges, and the log, over HTTP, and a page that is read as often."
    )
    return Part(figures=tuple(figures), text=text, detail=[asdict(one) for one in found])


if __name__ == "__main__":
    done = asyncio.run(benchmark(rounds=3, exchanges=20_000))
    print(done.text)
    for figure in done.figures:
        print(figure.name, figure.shown, figure.standing)
