"""Intervals and changes against SciPy, and against samples of which the truth is known."""

from math import exp, isinf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from proxy.jobs.bench.comparing import absolute, relative
from proxy.jobs.bench.figures import latency
from proxy.jobs.bench.intervals import change, geometric_mean, holm, mean
from proxy.jobs.bench.measuring import quantile
from proxy.ledger.statistics import student_t, student_t_beyond
from tests.unit.proxy.jobs.bench.runs import LOADS, run_of

SAMPLES = [
    ([1.0, 1.1, 0.9, 1.05, 1.02], [1.2, 1.25, 1.18, 1.3, 1.22]),
    ([0.004, 0.0041, 0.0039], [0.0038, 0.0042, 0.004, 0.0041, 0.0039, 0.004]),
    ([100.0, 250.0], [90.0, 91.0, 92.0]),
]


@pytest.mark.parametrize("freedom", [1, 1.7, 2, 4, 9.3, 30, 400])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.975, 0.999])
def test_quantiles_of_students_t_are_those_of_scipy(share: float, freedom: float) -> None:
    assert student_t(share, freedom) == pytest.approx(
        stats.t.ppf(share, freedom), rel=1e-6, abs=1e-6
    )


@pytest.mark.parametrize("freedom", [1, 1.7, 4, 9.3, 400])
@pytest.mark.parametrize("t", [0, 0.3, 2, 7.5, 80])
def test_tails_of_students_t_are_those_of_scipy(t: float, freedom: float) -> None:
    assert student_t_beyond(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-6)


@pytest.mark.parametrize(("before", "after"), SAMPLES)
def test_a_change_is_that_of_welch(before: list[float], after: list[float]) -> None:
    found = change(before, after)

    test = stats.ttest_ind(np.log(after), np.log(before), equal_var=False)
    interval = test.confidence_interval(0.95)
    assert found is not None
    assert found.p == pytest.approx(test.pvalue, rel=1e-6)
    assert found.ratio.low == pytest.approx(exp(interval.low), rel=1e-6)
    assert found.ratio.high == pytest.approx(exp(interval.high), rel=1e-6)


@pytest.mark.parametrize("sample", [one for pair in SAMPLES for one in pair])
def test_a_mean_has_the_interval_of_student(sample: list[float]) -> None:
    found, geometric = mean(sample), geometric_mean(sample)

    low, high = stats.t.interval(
        0.95, len(sample) - 1, loc=np.mean(sample), scale=stats.sem(sample)
    )
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-6)
    assert geometric.value == pytest.approx(stats.gmean(sample))
    assert log(geometric.high / geometric.value) == pytest.approx(
        log(geometric.value / geometric.low)
    )


def test_a_ratio_within_rounds_is_that_of_scipys_paired_test() -> None:
    run = run_of(7)
    proxy, direct = (run.find(name, LOADS[0]) for name in ("proxy", "direct"))
    assert proxy is not None
    assert direct is not None

    found = geometric_mean(relative(run, proxy, latency("p50")))

    logs = [np.log(absolute(one.rounds, latency("p50"))) for one in (proxy, direct)]
    test = stats.ttest_rel(*logs)
    low, high = test.confidence_interval(0.95)
    assert found.value == pytest.approx(np.exp(np.mean(logs[0] - logs[1])))
    assert (found.low, found.high) == pytest.approx((np.exp(low), np.exp(high)))


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_of_a_round_is_that_of_the_empirical_distribution(
    latencies: list[float], q: float
) -> None:
    exact = stats.ecdf(latencies).cdf

    found = quantile(sorted(latencies), q)

    assert exact.evaluate(found) >= q - 1e-6
    assert exact.evaluate(np.nextafter(found, 0)) < q + 1e-6


def test_one_round_has_no_interval_and_shows_no_change() -> None:
    alone = geometric_mean([2.0])

    assert (alone.value, alone.low) == (2.0, 0.0)
    assert isinf(alone.high)
    assert change([1.0], [2.0, 2.1]) is None


def test_what_never_varies_is_exact() -> None:
    same, other = change([2.0, 2.0], [2.0, 2.0]), change([2.0, 2.0], [4.0, 4.0])

    assert same is not None
    assert other is not None
    assert (same.p, same.ratio.value) == (1.0, 1.0)
    assert other.p == 0
    assert [other.ratio.low, other.ratio.high] == pytest.approx([2, 2])


def test_chances_are_corrected_for_how_often_was_asked() -> None:
    assert holm([0.01, 0.04, 0.03, 0.9]) == pytest.approx([0.04, 0.09, 0.09, 0.9])
    assert holm([0.6, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
