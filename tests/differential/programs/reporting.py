"""Options of the random programs, and the totals at the end: a plugin of pytest."""

import pytest

from tests.differential.programs.tally import Tally

TALLIES = pytest.StashKey[dict[str, Tally]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("random programs")
    group.addoption(
        "--cases", type=int, default=2_000, help="how many cases the random programs run in all"
    )
    group.addoption(
        "--seed", type=int, default=0, help="what they are drawn by: the same seed, the same cases"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLIES] = {}


def tally_of(config: pytest.Config, name: str) -> Tally:
    """Return the counts of one test, which are shown at the end."""
    return config.stash[TALLIES].setdefault(name, Tally())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    tallies = config.stash[TALLIES]
    if not tallies:
        return
    seed = config.getoption("--seed")
    terminalreporter.section(f"both sides compared, --seed {seed}")
    for name, tally in tallies.items():
        terminalreporter.write_line(f"{name}: {tally.cases:,} cases")
    for line in sum(tallies.values(), Tally()).lines():
        terminalreporter.write_line(line)
