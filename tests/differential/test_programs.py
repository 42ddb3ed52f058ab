"""Random programs on a real mongod and on the gateway: the differential proof.

`make test` runs the same few thousand cases every time; `make fuzz` runs many, by a seed of its own.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from math import ceil
from typing import Final

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from proxy.embedded import EmbeddedMongo
from tests.differential.grammar.programs import FAMILIES, STEPS
from tests.differential.programs.program import Program
from tests.differential.programs.reporting import tally_of
from tests.differential.programs.storage import STORAGES, both_sides
from tests.differential.programs.tally import Tally

Run = Callable[[Program, Tally], None]

SERVERS: Final = {"MySQL": "mysql_url"}
"""The fixtures of those storages that are not on PostgreSQL."""

ROUNDS: Final = 20
"""Programs that end early leave cases to a next round; there are never many."""

QUIET: Final = settings(
    database=None,
    phases=[Phase.generate, Phase.shrink],
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)
"""Nothing is remembered from other runs: the seed alone decides what is drawn."""


@pytest.fixture(params=sorted(STORAGES))
def run(request: pytest.FixtureRequest, mongo: EmbeddedMongo) -> Iterator[Run]:
    """Give a function that runs a program on both sides, for each way to store documents.

    It has a loop of its own: Hypothesis calls a test from outside of any.
    """
    address = request.getfixturevalue(SERVERS.get(request.param, "postgres_dsn"))
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        opened = both_sides(request.param, mongo.uri, address)
        sides = runner.run(stack.enter_async_context(opened))
        yield lambda program, tally: runner.run(sides.run(program, tally))
        runner.run(stack.aclose())


@pytest.mark.timeout(0)
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_both_sides_agree(request: pytest.FixtureRequest, run: Run, family: str) -> None:
    seed = request.config.getoption("--seed")
    wanted = ceil(request.config.getoption("--cases") / len(FAMILIES) / len(STORAGES))
    tally = tally_of(request.config, request.node.callspec.id)

    for number in range(ROUNDS):
        left = wanted - tally.cases
        if left <= 0:
            break
        _draw(family, f"{seed} {number}", ceil(left / STEPS), lambda program: run(program, tally))

    assert tally.cases >= wanted
    assert tally.compared


def _draw(family: str, seed: str, programs: int, test: Callable[[Program], None]) -> None:
    """Run a test on random programs; Hypothesis makes one that fails smaller and shows it."""

    @hypothesis.seed(seed)
    @settings(QUIET, max_examples=programs)
    @given(program=FAMILIES[family])
    def agree(program: Program) -> None:
        test(program)

    agree()
