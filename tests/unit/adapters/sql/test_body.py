import json
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import given, settings

from adapters.sql.body import body_of
from comparators.order import compare
from tests.differential.grammar.values import values


@settings(max_examples=300)
@given(values(2), values(2))
def test_equal_values_have_equal_bodies(a: Any, b: Any) -> None:
    if compare(a, b) == 0:
        assert json.loads(body_of({"v": a})) == json.loads(body_of({"v": b}))


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ("a\0b", "a"),
        (Int64(2**53 + 1), float(2**53)),
        (Decimal128("1.50"), 1.5),
        (DatetimeMS(-1), -1),
        (float("nan"), "$NaN"),
        (-0.0, 0),
        ({"a\u2028": [None, True]}, {"a\u2028": [None, True]}),
    ],
)
def test_every_value_has_a_body(value: Any, body: Any) -> None:
    assert json.loads(body_of({"v": value})) == {"v": body}


def test_infinities_stay_numbers() -> None:
    text = body_of({"v": [float("inf"), Decimal128("-Infinity"), Decimal128("1E+6000")]})

    assert text == '{"v":[2e308,-2e308,2e308]}'
