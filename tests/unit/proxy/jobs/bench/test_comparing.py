"""Real change is told from noise: in runs of which the truth is known."""

import pytest

from comparators.errors import RefusedError
from proxy.jobs.bench.comparing import (
    BETTER,
    WORSE,
    Compared,
    Finding,
    compared,
    demand_comparable,
)
from proxy.jobs.bench.figures import Measure
from tests.unit.proxy.jobs.bench.runs import LOADS, run_of

RUNS = 60
TOLERANCE = 0.05


def deciding(changes: tuple[Compared, ...], finding: Finding) -> set[str]:
    return {each.target for each in changes if each.decides and each.finding is finding}


def test_noise_is_seldom_taken_for_a_change() -> None:
    alarms = 0
    for seed in range(RUNS):
        changes = compared(run_of(seed), run_of(1000 + seed), tolerance=TOLERANCE)
        alarms += any(each.decides and each.finding in WORSE | BETTER for each in changes)

    # Of a twentieth at most; with 95 % confidence no more than seven of sixty.
    assert alarms <= 7


def test_a_machine_that_was_slower_is_no_change_of_what_is_measured() -> None:
    alarms = 0
    direct = 0
    for seed in range(RUNS):
        changes = compared(run_of(seed), run_of(1000 + seed, machine=1.5), tolerance=TOLERANCE)
        alarms += any(each.decides and each.finding in WORSE for each in changes)
        direct += any(not c.decides and c.finding is Finding.SLOWER for c in changes)

    assert alarms <= 7
    assert direct == RUNS


@pytest.mark.parametrize(("factor", "finding"), [(1.3, Finding.SLOWER), (0.7, Finding.FASTER)])
def test_a_change_of_a_third_is_found_and_blamed_on_who_changed(
    factor: float, finding: Finding
) -> None:
    found = [
        deciding(
            compared(
                run_of(seed), run_of(1000 + seed, factors={"proxy": factor}), tolerance=TOLERANCE
            ),
            finding,
        )
        for seed in range(RUNS)
    ]

    assert sum("proxy" in each for each in found) >= 0.95 * RUNS
    assert sum("gateway" in each for each in found) <= 4


def test_a_change_below_the_tolerance_does_not_matter() -> None:
    before, after = run_of(1, noise=0.001), run_of(2, noise=0.001, factors={"proxy": 1.04})

    strict, lenient = (compared(before, after, tolerance=each) for each in (0.01, TOLERANCE))

    assert deciding(strict, Finding.SLOWER) == {"proxy"}
    assert deciding(lenient, Finding.SLOWER) == set()
    assert deciding(lenient, Finding.SMALL) == {"proxy"}


@pytest.mark.parametrize(
    ("factor", "finding"), [(1.3, Finding.DEARER), (0.7, Finding.CHEAPER), (1.0, None)]
)
def test_what_an_operation_costs_more_is_found_whatever_the_machine(
    factor: float, finding: Finding | None
) -> None:
    costlier = {
        str(each.figure)
        for seed in range(10)
        for each in compared(
            run_of(seed),
            run_of(1000 + seed, machine=1.5, costs={"relay": factor}),
            tolerance=TOLERANCE,
        )
        if each.decides and each.figure.is_cost and each.finding in WORSE | BETTER
        if each.finding is finding or finding is None
    }

    assert costlier == (set() if finding is None else {"processor of relay", "memory of relay"})


def test_every_figure_of_both_runs_is_compared_once() -> None:
    changes = compared(run_of(1), run_of(2), tolerance=TOLERANCE)

    timed = [each for each in changes if not each.figure.is_cost]
    assert len(timed) == len(LOADS) * 3 * 4
    assert {each.basis for each in timed if each.target == "direct"} == {"itself"}
    assert {each.basis for each in timed if each.target != "direct"} == {"the direct way's"}
    # Of databases memory is cache, and what makes the load is no part of any way.
    assert {(each.target, str(each.figure)) for each in changes if each.figure.is_cost} == {
        *{("direct", "processor of mongod"), ("proxy", "processor of mongod")},
        *{("proxy", "processor of relay"), ("proxy", "memory of relay")},
        *{("gateway", "processor of gateway"), ("gateway", "memory of gateway")},
        ("gateway", "processor of postgresql"),
    }
    assert {each.basis for each in changes if each.figure.measure is Measure.MEMORY} == {"itself"}
    assert compared(run_of(1, rounds=1), run_of(2), tolerance=TOLERANCE) == ()


def test_other_operations_are_not_compared() -> None:
    demand_comparable(run_of(1), "d", where="old.json")

    with pytest.raises(RefusedError, match="other operations"):
        demand_comparable(run_of(1), "e", where="old.json")
