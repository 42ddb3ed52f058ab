import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from proxy.ledger.sketches import RELATIVE_ERROR, Sketch

DURATIONS = st.lists(st.floats(min_value=1e-9, max_value=86_400), min_size=1, max_size=200)


def sketch_of(values: list[float]) -> Sketch:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


@given(DURATIONS, st.floats(min_value=0, max_value=1))
def test_a_quantile_is_within_its_error_of_a_value_at_that_rank(
    values: list[float], q: float
) -> None:
    exact = sorted(values)[int(q * (len(values) - 1))]

    assert sketch_of(values).quantile(q) == pytest.approx(exact, rel=RELATIVE_ERROR + 1e-6)


@given(DURATIONS, st.sampled_from([0.5, 0.95, 0.99]))
def test_quantiles_are_scipys_to_their_error(values: list[float], q: float) -> None:
    """Between two ranks there is room: both neighbours are quantiles as SciPy's empirical distribution has it."""
    found = sketch_of(values).quantile(q)

    exact = stats.ecdf(values).cdf
    rank = 1 / len(values)
    error = RELATIVE_ERROR + 1e-6
    assert exact.evaluate(found / (1 - error)) >= q - rank
    assert 1 - exact.evaluate(found / (1 + error) * (1 - 1e-9)) >= 1 - q - rank


@given(DURATIONS, DURATIONS)
def test_a_merge_is_the_sketch_of_all_values(first: list[float], second: list[float]) -> None:
    merged = sketch_of(first)
    merged.merge(sketch_of(second))

    assert list(merged.buckets()) == list(sketch_of(first + second).buckets())


@given(DURATIONS)
def test_a_stored_sketch_comes_back(values: list[float]) -> None:
    sketch = sketch_of(values)

    assert list(Sketch.from_bytes(sketch.to_bytes()).buckets()) == list(sketch.buckets())


def test_the_size_is_bounded_by_the_range_not_by_the_number_of_values() -> None:
    spread = random.Random(1)

    sketch = sketch_of([10 ** spread.uniform(-9, 5) for _ in range(20_000)])

    assert sketch.n == 20_000
    assert len(sketch.to_bytes()) < 10_000


def test_clocks_that_went_back_count_as_the_smallest_duration() -> None:
    sketch = sketch_of([-1.0, 0.0])

    assert sketch.n == 2
    assert sketch.quantile(1) == pytest.approx(1e-9, rel=0.03)


def test_an_empty_sketch_has_no_values() -> None:
    assert Sketch.from_bytes(Sketch().to_bytes()).n == 0
