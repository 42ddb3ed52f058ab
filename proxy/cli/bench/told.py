"""What a benchmark found, on a terminal."""

import os
import platform
from importlib.metadata import version

import psutil
import typer
from rich.console import Console
from rich.table import Table

from dashboards.bench.page import BenchPage, ChangeRow, LoadPart, TargetRow, interval, times
from dashboards.report import words


def about_machine() -> dict[str, str]:
    """Return what the figures depend on besides what is measured."""
    return {
        "parallax": version("parallax"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "processors": str(os.cpu_count()),
        "load": f"{psutil.getloadavg()[0]:.2f}",
    }


def print_page(page: BenchPage) -> None:
    """Print the figures, one table for each load, and how they compare with an earlier run."""
    console = Console()
    for part in page.loads:
        console.print(_load(part))
    if page.changes is not None:
        console.print(_changes(page.changes))
    for name, why in page.absent.items():
        typer.echo(f"not measured: {name}: {why}")
    for name, n in page.left_out.items():
        typer.echo(f"left out: {n:,} {name}")
    for remark in page.remarks:
        typer.echo(remark)
    typer.echo(page.headline)


def _load(part: LoadPart) -> Table:
    headings = ("target", *part.quantiles, "p50 added", ": direct", "per s", "failed", "cpu")
    table = Table(*headings, title=part.load)
    for row in part.rows:
        table.add_row(
            row.target,
            *(words.duration(row.quantiles[name].value) for name in part.quantiles),
            words.NONE if row.added is None else interval(row.added),
            times(row.ratio),
            f"{row.per_s.value:,.0f}",
            f"{sum(row.failures.values()):,}",
            _cost(row),
        )
    return table


def _cost(row: TargetRow) -> str:
    """Return what an operation costs, but for what makes the load."""
    spent = {part: seconds for part, seconds in row.cpu_s.items() if part != "generator"}
    return ", ".join(f"{part} {words.duration(seconds)}" for part, seconds in spent.items())


def _changes(changes: tuple[ChangeRow, ...]) -> Table:
    table = Table("target", "load", "figure", "of", "new : old", "p", "finding")
    for row in changes:
        table.add_row(
            *(row.target, row.load, row.figure, row.basis),
            *(times(row.ratio), f"{row.p:.3f}", row.finding),
        )
    return table
