from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import (
    Binary,
    Code,
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
from hypothesis import strategies as st

from comparators.raw import DOCUMENT, documents, elements, fields

EVERY_TYPE: dict[str, Any] = {
    "double": 1.5,
    "string": "é\u0000x",
    "document": {"a": {"b": 1}},
    "array": [1, "x", None],
    "binary": Binary(b"\x00\x01", 128),
    "old binary": Binary(b"abc", 2),
    "id": ObjectId(),
    "true": True,
    "date": datetime(2026, 1, 1, tzinfo=UTC),
    "null": None,
    "regex": Regex("^a.b$", "im"),
    "reference": DBRef("users", 1, "other"),
    "code": Code("f()"),
    "scoped code": Code("f()", {"x": 1}),
    "int": 1,
    "timestamp": Timestamp(1, 2),
    "long": Int64(2**40),
    "decimal": Decimal128("1.20"),
    "least": MinKey(),
    "greatest": MaxKey(),
    "": "empty name",
}


def test_fields_of_every_type_are_found_whole() -> None:
    raw = bson.encode(EVERY_TYPE)

    found = list(elements(b"before" + raw + b"behind", 6))

    assert [field.name.decode() for field in found] == list(EVERY_TYPE)
    assert b"".join((b"before" + raw)[field.start : field.end] for field in found) == raw[4:-1]


def test_deprecated_types_are_found_whole() -> None:
    symbol = b"\x0es\x00\x02\x00\x00\x00a\x00"
    undefined = b"\x06u\x00"
    pointer = b"\x0cp\x00\x02\x00\x00\x00a\x00" + bytes(12)
    body = symbol + undefined + pointer + b"\x00"
    raw = (len(body) + 4).to_bytes(4, "little") + body

    found = list(elements(raw))

    assert [raw[field.start : field.end] for field in found] == [symbol, undefined, pointer]


@given(st.binary(max_size=80))
def test_any_bytes_give_fields_or_a_value_error(noise: bytes) -> None:
    at = 4
    try:
        for field in elements(noise):
            assert field.start == at < field.value_at <= field.end < len(noise)
            at = field.end
    except ValueError:
        return
    assert noise[at] == 0


@given(st.data())
def test_a_damaged_document_gives_fields_or_a_value_error(data: st.DataObject) -> None:
    raw = bytearray(bson.encode(EVERY_TYPE))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))

    try:
        ends = [field.end for field in elements(bytes(raw))]
    except ValueError:
        return
    assert ends == sorted(ends)


@pytest.mark.parametrize("size", [-1, 0, 4, 100])
def test_a_document_of_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="document"):
        list(elements(size.to_bytes(4, "little", signed=True) + b"\x00" * 4))


def test_places_by_name_are_those_of_the_elements() -> None:
    raw = b"before" + bson.encode(EVERY_TYPE) + b"behind"

    places = {each.name: (each.type, each.value_at, each.end) for each in elements(raw, 6)}

    assert fields(raw, 6) == places


@given(st.binary(max_size=80))
def test_places_are_an_error_exactly_where_elements_are(noise: bytes) -> None:
    try:
        expected = [each.name for each in elements(noise)]
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            fields(noise)
    else:
        assert set(fields(noise)) == set(expected)


def test_the_documents_of_an_array_are_given_in_order() -> None:
    held = [EVERY_TYPE, {}, {"a": [{"b": 1}]}]
    raw = b"before" + bson.encode({"": held})
    ((_, start, _),) = fields(raw, 6).values()

    assert documents(raw, start) == tuple(map(bson.encode, held))
    assert documents(bson.encode({})) == ()


def test_an_array_of_something_else_holds_no_documents() -> None:
    with pytest.raises(ValueError, match="no document"):
        documents(bson.encode({"0": {}, "1": 1}))


@given(st.data())
def test_documents_of_a_damaged_array_are_whole_or_an_error(data: st.DataObject) -> None:
    raw = bytearray(bson.encode({"0": {"a": 1}, "1": {"b": {"c": 2}}}))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))

    try:
        found = documents(bytes(raw))
    except ValueError:
        return
    places = [each for each in elements(bytes(raw)) if each.type == DOCUMENT]
    assert found == tuple(bytes(raw[each.value_at : each.end]) for each in places)
