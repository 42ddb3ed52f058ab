"""Options of the random programs, and the totals at the end: a plugin of pytest.

The tests may run in several processes (pytest-xdist): each hands what it counted to the one that shows it.
"""

import os
import pickle
from pathlib import Path
from typing import Any, Final

import pytest

from tests.differential.programs.tally import Tally

TOLD = pytest.StashKey[dict[str, list[str]]]()
TALLIES = pytest.StashKey[dict[str, Tally]]()
_HANDED_OVER: Final = "both sides compared"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("random programs")
    group.addoption(
        "--cases", type=int, default=2_000, help="how many cases the random programs run in all"
    )
    group.addoption(
        "--seed", type=int, default=0, help="what they are drawn by: the same seed, the same cases"
    )
    group.addoption(
        "--shapes",
        type=Path,
        default=os.environ.get("SHAPES") or None,
        help="a file of captured command shapes to run on both sides; SHAPES in the environment",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLIES] = {}
    config.stash[TOLD] = {}


def tally_of(config: pytest.Config, name: str) -> Tally:
    """Return the counts of one test, which are shown at the end."""
    return config.stash[TALLIES].setdefault(name, Tally())


def tell(config: pytest.Config, title: str, lines: list[str]) -> None:
    """Show lines under a title at the end."""
    config.stash[TOLD][title] = lines


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what this process counted, if it works for another."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        stash = session.config.stash
        output[_HANDED_OVER] = pickle.dumps((stash[TOLD], stash[TALLIES]))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a process counted that worked for this one, unless it crashed."""
    output: dict[str, Any] = getattr(node, "workeroutput", {})
    if _HANDED_OVER in output:
        told, tallies = pickle.loads(output[_HANDED_OVER])  # noqa: S301 - our own process wrote it
        node.config.stash[TOLD].update(told)
        for name, tally in tallies.items():
            merged = tally_of(node.config, name) + tally
            node.config.stash[TALLIES][name] = merged


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for title, lines in config.stash[TOLD].items():
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.write_line(line)
    tallies = config.stash[TALLIES]
    if not tallies:
        return
    seed = config.getoption("--seed")
    terminalreporter.section(f"both sides compared, --seed {seed}")
    for name, tally in tallies.items():
        terminalreporter.write_line(f"{name}: {tally.cases:,} cases")
    for line in sum(tallies.values(), Tally()).lines():
        terminalreporter.write_line(line)
