from math import inf, isnan, nan

import pytest

from adapters.mongoose.javascript import (
    milliseconds_of,
    number,
    number_of,
    plain,
    text_of_number,
)
from comparators.errors import UnsupportedError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (5, "5"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (123456.789, "123456.789"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1.25e-7, "1.25e-7"),
        (0.000001, "0.000001"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (nan, "NaN"),
        (-inf, "-Infinity"),
    ],
)
def test_numbers_are_written_as_javascript_writes_them(value: float, text: str) -> None:
    assert text_of_number(value) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0),
        (" 7\n", 7),
        ("0x1F", 31),
        ("0b11", 3),
        ("1e3", 1000),
        (".5", 0.5),
        ("-Infinity", -inf),
    ],
)
def test_texts_are_read_as_javascript_reads_them(text: str, value: float) -> None:
    assert number_of(text) == value


@pytest.mark.parametrize("text", ["x", "1_000", "1e", "0x", "--1", "1 2", "inf", "nan"])
def test_texts_that_are_no_numbers_are_nan(text: str) -> None:
    assert isnan(number_of(text))


def test_whole_numbers_of_32_bits_are_integers_over_the_wire() -> None:
    assert type(number(5.0)) is int
    assert type(number(2.0**31)) is float
    assert type(number(2**31)) is float
    assert type(number(-0.0)) is float


def test_whole_numbers_anywhere_are_those_of_javascript() -> None:
    assert plain({"a": [2**40, 5, 5.0]}) == {"a": [2.0**40, 5, 5.0]}
    assert [type(each) for each in plain([2**40, 5, 5.0])] == [float, int, float]


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970", 0),
        ("1970-02", 2_678_400_000),
        ("1970-01-01T00:00Z", 0),
        ("1970-01-01T00:00:00.5+01:00", -3_599_500),
        ("1970-01-01T24:00:00Z", 86_400_000),
        ("-000001-01-01T00:00:00Z", -62_198_755_200_000),
        ("1970-13-01", None),
        ("never", None),
    ],
)
def test_dates_are_read_from_iso_8601(text: str, milliseconds: int | None) -> None:
    assert milliseconds_of(text) == milliseconds


@pytest.mark.parametrize("text", ["5", "May 5 2020", "2020-02-03T04:05", "2020-2-3"])
def test_dates_that_depend_on_engine_or_time_zone_are_refused(text: str) -> None:
    with pytest.raises(UnsupportedError):
        milliseconds_of(text)
