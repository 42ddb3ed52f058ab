from typing import Any

import pytest
from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.regex import Regex
from hypothesis import assume, given
from hypothesis import strategies as st

from comparators.canonical import encode
from comparators.change import ChangeKind, Difference
from comparators.difference import MAX_ALIGNED, differences_between
from tests.unit.comparators.strategies import documents, names, values


def found(legacy: dict[str, Any], gateway: dict[str, Any]) -> list[Difference]:
    return list(differences_between(encode(legacy), encode(gateway)))


def summary(legacy: dict[str, Any], gateway: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((each.exact, each.kind.value) for each in found(legacy, gateway))


@pytest.mark.parametrize(
    ("legacy", "gateway", "types"),
    [
        (1, 1.0, ("int", "double")),
        (1, Int64(1), ("int", "long")),
        (1, True, ("int", "bool")),
        (0, False, ("int", "bool")),
        (1.0, Decimal128("1"), ("double", "decimal")),
        (None, 0, ("null", "int")),
        ("a", b"a", ("string", "binData")),
        ("0" * 24, ObjectId("0" * 24), ("string", "objectId")),
        (0, DatetimeMS(0), ("int", "date")),
        ([], {}, ("array", "object")),
        ("a", Regex("a"), ("string", "regex")),
    ],
    ids=repr,
)
def test_another_type_is_a_difference_of_type(
    legacy: Any, gateway: Any, types: tuple[str, str]
) -> None:
    (difference,) = found({"a": legacy}, {"a": gateway})

    assert difference.kind is ChangeKind.TYPE
    assert (difference.legacy_type, difference.gateway_type) == types
    assert (difference.legacy, difference.gateway) == (legacy, gateway)


@pytest.mark.parametrize(
    ("legacy", "gateway"),
    [
        (0.0, -0.0),
        (float("nan"), 1.0),
        (Decimal128("1.0"), Decimal128("1.00")),
        (Binary(b"a", 3), Binary(b"a", 4)),
        (Binary(b"a", 0), Binary(b"a", 128)),
        (Regex("a", "i"), Regex("a", "m")),
        (DatetimeMS(1), DatetimeMS(2)),
        ("a\nb", "a\nc"),
        ("é", "e\u0301"),
    ],
    ids=repr,
)
def test_another_value_of_one_type_is_a_difference_of_value(legacy: Any, gateway: Any) -> None:
    assert summary({"a": legacy}, {"a": gateway}) == [("a", "value")]


def test_nan_is_nan() -> None:
    assert found({"a": float("nan")}, {"a": float("nan")}) == []


def test_missing_is_not_null() -> None:
    (difference,) = found({"_id": 1}, {"_id": 1, "a": None})

    assert difference.kind is ChangeKind.EXTRA_IN_GATEWAY
    assert (difference.legacy_type, difference.gateway_type) == ("missing", "null")


@pytest.mark.parametrize(
    ("legacy", "gateway", "expected"),
    [
        ({"__v": 1}, {"__v": 2}, [("__v", "value")]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("a.b", "value")]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, [("", "field_order")]),
        ({"o": {"a": 1, "b": 2}}, {"o": {"b": 2, "a": 1}}, [("o", "field_order")]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("a", "order")]),
        ({"a": [1, 2, 3]}, {"a": [2, 3]}, [("a.0", "missing_in_gateway")]),
        ({"a": [1, 2]}, {"a": [1, 9, 2]}, [("a.1", "extra_in_gateway")]),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3}]}, [("a.1.b", "value")]),
        ({"a": [[1], [2]]}, {"a": [[1], [3]]}, [("a.1.0", "value")]),
        ({"a.b": 1}, {"a.b": 2}, [("a.b", "value")]),
        ({"": 1}, {"": 2}, [("", "value")]),
        ({"$ref": "c", "$id": 1}, {"$ref": "c", "$id": 2}, [("$id", "value")]),
        ({"r": {"$ref": "c", "$id": 1}}, {"r": {"$ref": "c", "$id": 2}}, [("r.$id", "value")]),
    ],
    ids=str,
)
def test_the_place_is_named(
    legacy: dict[str, Any], gateway: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert summary(legacy, gateway) == expected


def test_paths_are_generalised_over_positions_and_keys_that_look_like_values() -> None:
    key = "64f0c1a2b3d4e5f6a7b8c9d0"

    (difference,) = found({"votes": {key: [{"at": 1}]}}, {"votes": {key: [{"at": 2}]}})

    assert difference.path == "votes.*.*.at"
    assert difference.exact == f"votes.{key}.0.at"


def test_long_arrays_compare_by_position() -> None:
    items = list(range(MAX_ALIGNED * 4))
    changed = [*items]
    changed[3], changed[-2] = -1, -2

    assert summary({"a": items}, {"a": changed}) == [("a.1022", "value"), ("a.3", "value")]


def test_large_documents_are_looked_into() -> None:
    fields = {f"f{n}": "x" * 100 for n in range(3000)}

    assert summary(fields, fields | {"f2999": "y"}) == [("f2999", "value")]


@given(document=documents())
def test_a_document_is_equal_to_itself(document: dict[str, Any]) -> None:
    assert found(document, document) == []


@given(legacy=documents(), gateway=documents())
def test_unequal_bytes_are_never_without_a_difference(
    legacy: dict[str, Any], gateway: dict[str, Any]
) -> None:
    assert bool(found(legacy, gateway)) == (encode(legacy) != encode(gateway))


_OPPOSITE = {
    ChangeKind.MISSING_IN_GATEWAY: ChangeKind.EXTRA_IN_GATEWAY,
    ChangeKind.EXTRA_IN_GATEWAY: ChangeKind.MISSING_IN_GATEWAY,
}


@given(legacy=documents(), gateway=documents())
def test_fields_differ_the_same_seen_from_the_other_side(
    legacy: dict[str, Any], gateway: dict[str, Any]
) -> None:
    there = {(each.path, each.kind) for each in found(legacy, gateway) if "*" not in each.path}
    back = {(each.path, each.kind) for each in found(gateway, legacy) if "*" not in each.path}

    assert there == {(path, _OPPOSITE.get(kind, kind)) for path, kind in back}


@given(document=documents(), name=names, value=values(), other=values())
def test_any_changed_field_is_found(
    document: dict[str, Any], name: str, value: Any, other: Any
) -> None:
    assume(encode({"": value}) != encode({"": other}))

    differences = found(document | {name: value}, document | {name: other})

    assert differences
    assert all(each.exact == name or each.exact.startswith(f"{name}.") for each in differences)


@given(document=documents(), name=names, value=values())
def test_any_lost_or_added_field_is_found(document: dict[str, Any], name: str, value: Any) -> None:
    document.pop(name, None)

    assert summary(document | {name: value}, document) == [(name, "missing_in_gateway")]
    assert summary(document, document | {name: value}) == [(name, "extra_in_gateway")]


@given(document=documents().filter(lambda each: len(each) > 1), data=st.data())
def test_any_reordering_of_fields_is_found(document: dict[str, Any], data: st.DataObject) -> None:
    items = data.draw(st.permutations(list(document.items())))
    assume(list(dict(items)) != list(document))

    assert summary(document, dict(items)) == [("", "field_order")]


@given(items=st.lists(st.integers(-9, 9), min_size=1, max_size=8), data=st.data())
def test_any_change_of_an_array_is_found(items: list[int], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(items) - 1))
    shorter = items[:position] + items[position + 1 :]
    changed = [*items[:position], 99, *items[position + 1 :]]

    assert [kind for _, kind in summary({"a": items}, {"a": shorter})] == ["missing_in_gateway"]
    assert [kind for _, kind in summary({"a": shorter}, {"a": items})] == ["extra_in_gateway"]
    assert summary({"a": items}, {"a": changed}) == [(f"a.{position}", "value")]
