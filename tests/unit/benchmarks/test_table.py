import pytest

from benchmarks.table import number, table


def test_words_stand_to_the_left_and_numbers_to_the_right() -> None:
    drawn = table(("load", "per s"), [("mix", 12), ("find by _id", 12_345.6)])

    assert drawn.splitlines() == [
        "load          per s",
        "───────────  ──────",
        "mix              12",
        "find by _id  12,346",
    ]


def test_a_table_may_be_empty() -> None:
    assert table(("load", "per s"), []).splitlines() == ["load  per s", "────  ─────"]


def test_rows_must_fit_the_headings() -> None:
    with pytest.raises(ValueError, match="zip"):
        table(("load",), [("mix", 1)])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12, "12"),
        (1234567, "1,234,567"),
        (0.34567, "0.346"),
        (45.67, "45.7"),
        (-2.5, "-2.5"),
    ],
)
def test_a_number_is_shown_with_the_digits_that_say_something(value: float, text: str) -> None:
    assert number(value) == text
