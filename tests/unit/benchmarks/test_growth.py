import pytest

from benchmarks.growth import FEWEST, MOST_GROWTH, growth_of, sparkline


def test_what_happens_while_warming_up_does_not_count() -> None:
    growth = growth_of([*[10.0] * 9, *[100.0] * 1, *[50.0] * 50])

    assert growth.first == 50
    assert growth.is_bounded


def test_a_peak_in_the_first_third_does_not_excuse_growth_in_the_last() -> None:
    steady = growth_of([100.0] * 60)
    leaking = growth_of([100.0 + number for number in range(60)])

    assert steady.ratio == 1
    assert leaking.ratio > MOST_GROWTH
    assert not leaking.is_bounded


def test_growth_to_the_limit_itself_is_bounded() -> None:
    assert growth_of([*[100.0] * 40, *[100 * MOST_GROWTH] * 20]).is_bounded
    assert not growth_of([*[100.0] * 40, *[100 * MOST_GROWTH + 1] * 20]).is_bounded


def test_one_high_sample_in_the_last_third_is_growth() -> None:
    assert not growth_of([*[100.0] * 59, 130.0]).is_bounded


def test_the_peak_is_that_of_the_whole_run() -> None:
    assert growth_of([900.0, *[100.0] * 59]).peak == 900


def test_too_few_samples_say_nothing() -> None:
    with pytest.raises(ValueError, match="say nothing"):
        growth_of([1.0] * (FEWEST - 1))


def test_a_sparkline_begins_at_zero_and_ends_at_the_maximum() -> None:
    assert sparkline([0, 1, 2, 4, 8]) == "▁▂▃▅█"


def test_a_bar_of_a_sparkline_is_the_maximum_of_its_share() -> None:
    assert sparkline([1, 1, 1, 1, 8, 1, 1, 1, 1, 1], width=2) == "█▂"


def test_a_sparkline_of_nothing_is_flat_or_empty() -> None:
    assert sparkline([]) == ""
    assert sparkline([0, 0, 0]) == "▁▁▁"
