"""What a benchmark found, on a terminal."""

import os
import platform
from importlib.metadata import version
from statistics import median

import psutil
from rich.console import Console
from rich.table import Table

from dashboards.report import words
from proxy.jobs.bench.history import Benchmark, Measured
from proxy.jobs.bench.measuring import QUANTILES


def about_machine() -> dict[str, str]:
    """Return what the figures depend on besides what is measured."""
    return {
        "parallax": version("parallax"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "processors": str(os.cpu_count()),
        "load": f"{psutil.getloadavg()[0]:.2f}",
    }


def print_measured(found: Benchmark) -> None:
    """Print medians over the rounds, one table for each load."""
    console = Console()
    for load in dict.fromkeys(one.load for one in found.measured):
        shown = [one for one in found.measured if one.load == load]
        console.print(_table(load, shown))
    for name, why in found.absent.items():
        console.print(f"not measured: {name}: {why}", highlight=False)
    for name, n in found.left_out.items():
        console.print(f"left out: {n:,} {name}", highlight=False)


def _table(load: str, shown: list[Measured]) -> Table:
    names = [
        name
        for name in QUANTILES
        if all(name in r.quantiles_s for one in shown for r in one.rounds)
    ]
    table = Table("target", *names, "per s", "failed", title=load)
    for one in shown:
        table.add_row(
            one.target,
            *(words.duration(median(r.quantiles_s[name] for r in one.rounds)) for name in names),
            f"{median(r.per_s for r in one.rounds):,.0f}",
            f"{sum(sum(r.failures.values()) for r in one.rounds):,}",
        )
    return table
