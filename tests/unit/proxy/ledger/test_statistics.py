"""Bounds and intervals against SciPy, and against samples of which the truth is known."""

import random
from itertools import pairwise
from math import exp, inf, isinf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from proxy.ledger import statistics
from proxy.ledger.sketches import Sketch
from proxy.ledger.statistics import (
    MIN_SECTIONS,
    SECTIONS,
    Pair,
    highest_rate,
    latency_ratio,
    lowest_rate,
    trials_for,
)

SAMPLES = [
    (0, 1),
    (0, 3_000),
    (0, 10**9),
    (1, 1),
    (1, 2),
    (1, 10_000),
    (3, 7),
    (17, 20),
    (250, 1_000),
    (4_999, 5_000),
    (12_345, 10**7),
    (10**6, 2 * 10**6),
]


@pytest.mark.parametrize(("hits", "trials"), SAMPLES)
def test_rates_are_those_of_clopper_and_pearson(hits: int, trials: int) -> None:
    test = stats.binomtest(hits, trials)

    # Two-sided at 90 %: 5 % on either side, as our one-sided bounds of 95 % have.
    interval = test.proportion_ci(confidence_level=0.9, method="exact")

    assert highest_rate(hits, trials) == pytest.approx(interval.high, rel=1e-6)
    assert lowest_rate(hits, trials) == pytest.approx(interval.low, rel=1e-6)


def test_nothing_tried_excludes_nothing() -> None:
    assert (lowest_rate(0, 0), highest_rate(0, 0)) == (0.0, 1.0)


@settings(max_examples=50)
@given(st.integers(1, 10**6), st.data())
def test_one_more_hit_moves_both_bounds_up(trials: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials - 1))

    assert lowest_rate(hits, trials) < lowest_rate(hits + 1, trials)
    assert highest_rate(hits, trials) < highest_rate(hits + 1, trials) + 1e-15
    assert lowest_rate(hits, trials) <= hits / trials <= highest_rate(hits, trials)


@settings(max_examples=30)
@given(st.floats(1e-6, 0.999), st.integers(0, 50))
def test_the_trials_that_are_missing_are_the_fewest_that_suffice(rate: float, hits: int) -> None:
    trials = trials_for(rate, hits)

    assert highest_rate(min(hits, trials), trials) <= rate
    assert highest_rate(min(hits, trials - 1), trials - 1) > rate


def test_the_rule_of_three_holds() -> None:
    assert trials_for(0.001, 0) == 2_995


def test_the_table_of_student_is_scipys() -> None:
    exact = [stats.t.ppf(0.975, n - 1) for n in range(MIN_SECTIONS, SECTIONS + 1)]

    assert list(statistics._STUDENT_T) == pytest.approx(exact, abs=6e-4)


def pair(legacy: list[float], gateway: list[float]) -> Pair:
    found = Pair()
    for sketch, values in ((found.legacy, legacy), (found.gateway, gateway)):
        for value in values:
            sketch.add(value)
    return found


def traffic(minutes: int, n: int, *, factor: float, seed: int = 1) -> list[Pair]:
    """Return minutes in which both sides are slowed by the same load, and the gateway by a factor."""
    rng = random.Random(seed)
    found = []
    for _ in range(minutes):
        load = exp(rng.gauss(0, 0.2))
        legacy = [1e-3 * load * exp(rng.gauss(0, 0.5)) for _ in range(n)]
        gateway = [1e-3 * load * factor * exp(rng.gauss(0, 0.5)) for _ in range(n)]
        found.append(pair(legacy, gateway))
    return found


@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99])
def test_the_ratio_is_that_of_the_quantiles_of_all_operations(quantile: float) -> None:
    minutes = traffic(20, 600, factor=1.5)
    legacy = [value for one in minutes for value, n in one.legacy.buckets() for _ in range(n)]
    gateway = [value for one in minutes for value, n in one.gateway.buckets() for _ in range(n)]

    ratio = latency_ratio(minutes, quantile)

    assert ratio is not None
    exact = np.quantile(gateway, quantile, method="lower") / np.quantile(
        legacy, quantile, method="lower"
    )
    assert ratio.value == pytest.approx(exact, rel=1e-9)
    assert ratio.low < 1.5 < ratio.high
    assert ratio.n == 20 * 600


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    found = [latency_ratio(traffic(20, 30, factor=1.2, seed=seed), 0.5) for seed in range(200)]

    held = sum(ratio is not None and ratio.low <= 1.2 <= ratio.high for ratio in found)

    assert held >= 0.93 * len(found)


def test_load_that_both_sides_share_widens_nothing() -> None:
    """What pairing is for: the sections differ among each other, and their ratios do not."""
    loads = [1 + (minute % 10) for minute in range(20)]
    minutes = [pair([1e-3 * load] * 100, [1.1e-3 * load] * 100) for load in loads]

    ratio = latency_ratio(minutes, 0.5)

    assert ratio is not None
    assert ratio.high / ratio.low < 1.07


def test_few_operations_or_little_time_leave_the_interval_open() -> None:
    few = latency_ratio(traffic(30, 10, factor=1), 0.99)
    brief = latency_ratio(traffic(3, 3_000, factor=1), 0.99)

    assert few is not None
    assert brief is not None
    assert isinf(few.high)
    assert few.n < few.n_needed == 5_000
    assert brief.high == inf
    assert brief.n > brief.n_needed
    assert brief.sections == 3
    assert latency_ratio([], 0.5) is None
    assert latency_ratio([Pair(legacy=Sketch(), gateway=Sketch())], 0.5) is None


@settings(max_examples=30)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_sections_lose_no_operation_and_are_never_too_many(sizes: list[int]) -> None:
    minutes = [pair([1e-3] * n, [2e-3] * n) for n in sizes]

    for least in (10, 100):
        size = max(-(-sum(sizes) // SECTIONS), least)
        sections = statistics._sections(minutes, size)

        assert sum(section.n for section in sections) == sum(sizes)
        assert len(sections) <= SECTIONS
        assert all(section.n >= size for section in sections) or len(sections) == 1


def test_bounds_narrow_with_more_operations() -> None:
    highs = [highest_rate(0, 10**n) for n in range(1, 9)]

    assert all(before > after for before, after in pairwise(highs))
