import json
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson import (
    Binary,
    Code,
    DatetimeMS,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from hypothesis import given

from adapters.sql.body import body_of
from adapters.sql.quick_body import identified_body
from comparators.canonical import decode, encode
from tests.unit.comparators.strategies import documents

VALUES: list[Any] = [
    None,
    True,
    0,
    -0.0,
    1.0,
    1.5,
    1e22,
    5e-324,
    float("nan"),
    float("inf"),
    Int64(5),
    Int64(2**53 + 1),
    Int64(-(2**63)),
    Decimal128("1.10"),
    Decimal128("NaN"),
    Decimal128("1E+6000"),
    "",
    "a\0b",
    "\\u0000",
    'quote " back \\ \n é 😀',
    ObjectId("6b0000000000000000000001"),
    DatetimeMS(2**62),
    DatetimeMS(-5),
    Timestamp(1, 2),
    Binary(b"\0x", 0),
    Binary(b"\1" * 16, 4),
    Regex("a", "i"),
    Code("f()"),
    Code("f()", {"x": 1}),
    MinKey(),
    MaxKey(),
    DBRef("c", 1),
    [],
    {},
    {"a": [1, {"b": Code("x")}]},
]


def _read(text: str) -> Any:
    """Return JSON as jsonb would hold it: numbers by value."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_the_body_is_what_it_would_be_otherwise(value: Any) -> None:
    document = encode({"_id": value, "v": value, "in": {"v": [value]}})

    identifier, body = identified_body(document)

    assert _read(body) == _read(body_of(decode(document)))
    assert encode({"": identifier}) == encode({"": decode(document)["_id"]})


@given(document=documents())
def test_any_document_has_the_body_it_would_have_otherwise(document: dict[str, Any]) -> None:
    raw = encode({**document, "_id": 1})

    _identifier, body = identified_body(raw)

    assert _read(body) == _read(body_of(decode(raw)))


def test_a_name_given_twice_counts_once_as_before() -> None:
    raw = bson.encode({"_id": 1, "a": 1, "b": 2}).replace(b"b\0", b"a\0")

    assert _read(identified_body(raw)[1]) == _read(body_of(decode(raw)))
