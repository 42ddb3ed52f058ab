from typing import Any

import bson
from bson.code import Code
from bson.dbref import DBRef
from hypothesis import given
from hypothesis import strategies as st

from comparators.canonical import CODEC, decode, encode
from comparators.element import element_of, elements
from tests.unit.comparators.strategies import documents, values


@given(document=documents())
def test_elements_are_the_fields_in_their_order(document: dict[str, Any]) -> None:
    found = list(elements(encode(document)))

    assert [name for name, _ in found] == list(document)
    assert encode({name: element.value for name, element in found}) == encode(document)


@given(value=values())
def test_a_value_and_its_element_are_one(value: Any) -> None:
    assert encode({"": element_of(value).value}) == encode({"": value})


@given(items=st.lists(values(max_leaves=3), max_size=12))
def test_arrays_have_elements_too(items: list[Any]) -> None:
    found = list(elements(element_of(items).raw))

    assert [name for name, _ in found] == [str(n) for n in range(len(items))]


def test_code_and_references_are_measured() -> None:
    document = {
        "code": Code("f()"),
        "scoped": Code("f()", {"a": 1}),
        "reference": DBRef("users", 1),
        "last": 1,
    }

    found = dict(elements(encode(document)))

    assert list(found) == list(document)
    assert found["scoped"].type_name == "javascriptWithScope"
    assert found["reference"].value == {"$ref": "users", "$id": 1}


def test_types_that_nobody_writes_any_more_are_measured() -> None:
    # undefined, symbol, dbPointer, then an int.
    fields = (
        b"\x06u\x00"
        b"\x0es\x00\x02\x00\x00\x00a\x00"
        b"\x0cp\x00\x02\x00\x00\x00a\x00" + bytes(12) + b"\x10n\x00\x01\x00\x00\x00"
    )
    raw = (len(fields) + 5).to_bytes(4, "little") + fields + b"\x00"

    found = dict(elements(raw))

    assert decode(raw)["n"] == 1
    assert [element.type_name for element in found.values()] == [
        "undefined",
        "symbol",
        "dbPointer",
        "int",
    ]


def test_a_name_that_occurs_twice_is_given_twice() -> None:
    once = bson.encode({"a": 1}, codec_options=CODEC)
    field = once[4:-1]
    raw = (len(field) * 2 + 5).to_bytes(4, "little") + field * 2 + b"\x00"

    assert [name for name, _ in elements(raw)] == ["a", "a"]
