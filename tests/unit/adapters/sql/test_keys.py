from itertools import pairwise
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sql.keys import LONGEST_EXACT, class_bounds, key_of
from comparators.order import compare
from tests.differential.grammar.values import values

NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**20)).map(
        lambda number: Decimal128(number.quantize(number) if abs(number) < 10**20 else "1E+6000")
    ),
    st.sampled_from(
        [
            Decimal128("1E-6170"),
            Decimal128("-1E+6100"),
            Decimal128("-1.1E+6100"),
            Decimal128("9E+6100"),
            Decimal128("0.1"),
            0.1,
            Int64(2**53 + 1),
            float(2**53),
            1.7976931348623157e308,
            float("inf"),
            float("-inf"),
            -0.0,
            0,
        ]
    ),
)


@settings(max_examples=300)
@given(NUMBERS, NUMBERS)
def test_numbers_sort_by_value_across_types(a: Any, b: Any) -> None:
    key_a, key_b = key_of(a), key_of(b)

    assert (key_a > key_b) - (key_a < key_b) == compare(a, b)


@settings(max_examples=300)
@given(values(2), values(2))
def test_keys_sort_as_values_do(a: Any, b: Any) -> None:
    key_a, key_b = key_of(a), key_of(b)

    assert (key_a > key_b) - (key_a < key_b) == compare(a, b)


@pytest.mark.parametrize("value", [1, "a", ObjectId(), True, None, {"a": 1}, [1], b"x"])
def test_bounds_enclose_the_class(value: Any) -> None:
    least, beyond = class_bounds(value)

    assert least <= key_of(value) < beyond


def test_strings_with_nul_stay_in_order() -> None:
    texts = ["", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "a\x01", "ab"]

    assert all(key_of(a) < key_of(b) for a, b in pairwise(texts))


def test_long_keys_stay_distinct_and_fit_an_index() -> None:
    one, other = key_of("x" * 10_000 + "a"), key_of("x" * 10_000 + "b")

    assert one != other
    assert one[:LONGEST_EXACT] == other[:LONGEST_EXACT]
    assert len(one) < 2_700
