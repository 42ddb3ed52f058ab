from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import given
from hypothesis import strategies as st

from comparators.canonical import decode, document_key, encode, encode_each
from comparators.element import identity
from comparators.order import compare
from tests.unit.comparators.strategies import documents, values


@given(document=documents())
def test_what_is_encoded_decodes_to_the_same_bytes(document: dict[str, Any]) -> None:
    raw = encode(document)

    assert encode(decode(raw)) == raw


def test_encoding_keeps_the_order_of_fields() -> None:
    assert list(decode(encode({"a": 1, "_id": 2, "b": 3}))) == ["a", "_id", "b"]


@given(document=documents(), count=st.sampled_from((0, 1, 2, 11, 101, 250)))
def test_documents_encoded_together_are_those_encoded_alone(
    document: dict[str, Any], count: int
) -> None:
    several = [{"number": number, **document} for number in range(count)]

    assert encode_each(several) == [encode(each) for each in several]


@pytest.mark.parametrize("one", [1, Int64(1), 1.0, Decimal128("1"), Decimal128("1.00")])
def test_numbers_of_one_value_are_one_id(one: Any) -> None:
    assert document_key(one) == document_key(1)
    assert document_key({"a": [one]}) == document_key({"a": [1]})
    assert document_key(one) != document_key(True)
    assert document_key(one) != document_key("1")


def test_large_numbers_are_not_rounded_into_one_id() -> None:
    assert document_key(Int64(2**53 + 1)) != document_key(float(2**53))
    assert document_key(Decimal128("9007199254740993")) == document_key(Int64(2**53 + 1))


def test_every_nan_is_one_id() -> None:
    forms = [float("nan"), -float("nan"), Decimal128("NaN"), Decimal128("sNaN"), Decimal128("-NaN")]

    assert {document_key(form) for form in forms} == {document_key(float("nan"))}


def test_the_last_of_34_digits_counts() -> None:
    one, other = (Decimal128(f"0.{'1' * 33}{last}") for last in (1, 2))

    assert document_key(one) != document_key(other)


@given(left=values(), right=values())
def test_keys_are_equal_exactly_where_values_compare_equal(left: Any, right: Any) -> None:
    for one, other in ((left, right), (left, left)):
        assert (document_key(one) == document_key(other)) == (compare(one, other) == 0)


@given(value=values())
def test_the_identity_of_raw_bson_is_the_key_of_its_id(value: Any) -> None:
    same = identity(encode({"a": 1, "_id": value}))

    assert same == identity(encode({"_id": value, "b": 2}))
    assert identity(encode({"a": 1})) is None
