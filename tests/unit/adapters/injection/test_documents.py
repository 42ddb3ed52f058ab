import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64

from adapters.injection.documents import with_lost_field, with_wrong_value
from comparators.canonical import decode, encode


@pytest.mark.parametrize("value", ["text", "", True, 7, 0, Int64(2**40), -0.0, 1.5])
def test_a_wrong_value_has_the_same_type(value: object) -> None:
    image = encode({"_id": 1, "field": value})

    damaged = decode(with_wrong_value(image, 3))

    assert damaged["field"] != value
    assert type(damaged["field"]) is type(value)


def test_only_one_field_gets_a_wrong_value() -> None:
    document = {"_id": ObjectId(), "a": 1, "b": "x", "c": [1], "at": DatetimeMS(5)}

    damaged = decode(with_wrong_value(encode(document), 1))

    assert {name for name in document if damaged[name] != document[name]} == {"b"}


def test_a_document_without_a_value_to_change_stays() -> None:
    image = encode({"_id": 1, "at": DatetimeMS(5), "none": None})

    assert with_wrong_value(image, 0) == image


@pytest.mark.parametrize(("number", "lost"), [(0, "a"), (1, "b"), (2, "a")])
def test_a_lost_field_is_never_the_id(number: int, lost: str) -> None:
    image = encode({"_id": 1, "a": 1, "b": None})

    damaged = decode(with_lost_field(image, number))

    assert {"_id", "a", "b"} - set(damaged) == {lost}


def test_a_document_with_an_id_alone_loses_nothing() -> None:
    image = encode({"_id": 1})

    assert with_lost_field(image, 5) == image
