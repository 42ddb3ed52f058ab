"""`parallax bench`: how long the same operations take on each way to the data."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from comparators.errors import CapacityError, SettingsError
from dashboards.bench.page import BenchPage, render_bench
from proxy.cli import options
from proxy.cli.bench.running import Asked, benchmark
from proxy.cli.bench.shown import page_of
from proxy.cli.bench.told import print_page
from proxy.cli.bench.ways import Way
from proxy.cli.collection import settle_garbage_collection
from proxy.jobs.bench.comparing import compared
from proxy.jobs.bench.driver import precise_loop
from proxy.jobs.bench.history import Benchmark, read_history, to_json
from proxy.jobs.bench.loads import Load
from proxy.jobs.bench.measuring import Extent

CODES: Final = {"pass": 0, "fail": 1, "inconclusive": 2}
USUAL_RATE: Final = 200.0
USUAL_CONCURRENCY: Final = 8


def bench(
    config: options.Config = None,
    legacy: options.Legacy = None,
    gateway: options.Gateway = None,
    entities: options.Entities = None,
    *,
    target: Annotated[
        list[Way] | None,
        typer.Option("--target", help="Measure only this, again for more.", show_default=False),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            help="Measure what runs there, instead of starting it; again for more.",
            metavar="TARGET=URI",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="Drive the commands of a file, one JSON object a line."),
    ] = None,
    rate: Annotated[
        list[float] | None,
        typer.Option(
            "--rate",
            min=0.1,
            help="A load of so many operations a second; again for more.",
            show_default="200",
        ),
    ] = None,
    concurrency: Annotated[
        list[int] | None,
        typer.Option(
            "--concurrency",
            min=1,
            max=256,
            help="A load of so many who ask again once they are answered; again for more.",
            show_default="8",
        ),
    ] = None,
    connections: Annotated[
        int,
        typer.Option("--connections", min=1, max=256, help="At most so many, at a set rate."),
    ] = 32,
    operations: Annotated[
        int,
        typer.Option("--operations", min=20, help="So many are timed in each measurement."),
    ] = 1000,
    warm_up: Annotated[
        int, typer.Option("--warm-up", min=0, help="So many before them are not.")
    ] = 200,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, max=100, help="How often all take their turn.")
    ] = 5,
    database: Annotated[
        str, typer.Option("--database", help="What the names of its own databases begin with.")
    ] = "parallax_bench",
    force: Annotated[
        bool, typer.Option("--force", help="Drop databases of these names, whatever they hold.")
    ] = False,
    capture: Annotated[
        Path | None,
        typer.Option(
            "--capture", help="Drive what a capture log holds; its folder.", metavar="DIR"
        ),
    ] = None,
    copy: Annotated[
        int,
        typer.Option(
            "--copy",
            min=0,
            help="So many documents of each collection of a log are there before, read from MongoDB.",
        ),
    ] = 1000,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against", help="Compare with the bench.json of an earlier run.", metavar="FILE"
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance", min=0, max=10, help="A change up to this does not matter; 0.05 is 5 %."
        ),
    ] = 0.05,
    seed: Annotated[int, typer.Option("--seed", help="Of the built-in workload.")] = 1,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for bench.html and bench.json.")
    ] = Path("parallax-bench"),
) -> int:
    """Measure how long the same operations take on each way to the data, and what they cost.

    With --against, ends with 1 when a figure got worse.
    """
    settings = options.settings_of(config, legacy=legacy, gateway=gateway, entities=entities)
    asked = Asked(
        wanted=frozenset(target or ()),
        running=_addresses(at or ()),
        extent=Extent(
            loads=_loads(rate, concurrency, connections),
            rounds=rounds,
            warm_up=warm_up,
            count=operations,
        ),
        file=file,
        log=capture,
        copy=copy,
        before=None if against is None else read_history(against),
        seed=seed,
        prefix=database,
        force=force,
    )
    settle_garbage_collection()
    try:
        with asyncio.Runner(loop_factory=precise_loop) as runner:
            found = runner.run(benchmark(settings, asked))
    except asyncio.CancelledError:
        raise typer.Abort from None
    changes = None if asked.before is None else compared(asked.before, found, tolerance=tolerance)
    page = page_of(found, changes)
    print_page(page)
    typer.echo(f"page: {_written(found, page, out)}")
    return CODES[page.result]


def _loads(
    rates: Sequence[float] | None, concurrencies: Sequence[int] | None, connections: int
) -> tuple[Load, ...]:
    if not rates and not concurrencies:
        rates, concurrencies = [USUAL_RATE], [USUAL_CONCURRENCY]
    loads = (
        *(Load(connections=connections, per_s=rate) for rate in rates or ()),
        *(Load(connections=each) for each in concurrencies or ()),
    )
    return tuple(dict.fromkeys(loads))


def _addresses(texts: Sequence[str]) -> dict[Way, str]:
    """Return where ways are that run already."""
    found = {}
    for text in texts:
        name, _, uri = text.partition("=")
        if name not in list(Way) or not uri.startswith(("mongodb://", "mongodb+srv://")):
            raise SettingsError(
                f"{name!r} is no way to the data, or no address of MongoDB follows it",
                where="--at",
                remedy=f"write {', '.join(Way)}, an equals sign, and an address: proxy=mongodb://…",
            )
        found[Way(name)] = uri
    return found


def _written(found: Benchmark, page: BenchPage, out: Path) -> Path:
    path = out / "bench.html"
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(render_bench(page), encoding="utf-8")
        (out / "bench.json").write_text(to_json(found), encoding="utf-8")
    except OSError as error:
        raise CapacityError(
            f"the figures cannot be written: {error.strerror}",
            where=str(path),
            remedy="name a place this user may write to with --out",
        ) from error
    return path.resolve()
