from typing import Any

import pytest
from bson.dbref import DBRef
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from adapters.operations.indexes import index_of, is_flat
from adapters.query.failures import CommandFailure

DOCUMENTS: list[dict[str, Any]] = [{"a": None}, {}, {"a": []}]


def values(document: dict[str, Any], key: dict[str, Any], **options: Any) -> list[Any]:
    index = index_of({"key": key, "name": "one", "unique": True, **options})
    return [entry.key_value for entry in index.entries_of(document).values()]


@pytest.mark.parametrize(
    ("document", "key", "held"),
    [
        ({"a": 1}, {"a": 1}, [{"a": 1}]),
        ({}, {"a": 1}, [{"a": None}]),
        ({"a": [1, 2, 1.0]}, {"a": 1}, [{"a": 1}, {"a": 2}]),
        ({"a": []}, {"a": 1}, [{"a": None}]),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a.b": 1}, [{"a.b": 1}, {"a.b": 2}]),
        (
            {"a": [{"b": 1, "c": 2}, {"b": 3}]},
            {"a.b": 1, "a.c": 1},
            [{"a.b": 1, "a.c": 2}, {"a.b": 3, "a.c": None}],
        ),
        ({"a": [[1, 2], 3]}, {"a": 1}, [{"a": 3}, {"a": [1, 2]}]),
        ({"a": [[1, 2], 3]}, {"a": -1}, [{"a": [1, 2]}, {"a": 3}]),
        ({"a": [5, {"b": 1}]}, {"a.0": 1}, [{"a.0": 5}]),
        ({"a": [[5, 6], 7]}, {"a.0": 1}, [{"a.0": [5, 6]}]),
        ({"a": [[[5]], 7]}, {"a.0.0": 1}, [{"a.0.0": [5]}]),
    ],
)
def test_an_index_holds_each_combination(
    document: dict[str, Any], key: dict[str, Any], held: list[Any]
) -> None:
    assert values(document, key) == held


def test_null_and_missing_are_one_value_but_an_empty_array_is_not() -> None:
    index = index_of({"key": {"a": 1}, "name": "one", "unique": True})
    null, missing, empty = (set(index.entries_of(each)) for each in DOCUMENTS)

    assert null == missing
    assert null != empty


def test_a_sparse_index_holds_what_has_one_of_its_fields() -> None:
    key = {"a": 1, "b": 1}

    assert values({"c": 1}, key, sparse=True) == []
    assert values({"b": 1}, key, sparse=True) == [{"a": None, "b": 1}]


def test_a_partial_index_holds_what_its_filter_admits() -> None:
    admitting = {"partialFilterExpression": {"on": True}}

    assert values({"a": 1}, {"a": 1}, **admitting) == []
    assert values({"a": 1, "on": True}, {"a": 1}, **admitting) == [{"a": 1}]


@pytest.mark.parametrize("value", [[1], {"b": [1]}, DBRef("a", 1), Timestamp(1, 1)])
def test_only_what_surely_holds_nothing_else_is_flat(value: Any) -> None:
    assert is_flat({"a": 1, "b": "x", "c": None, "d": ObjectId()})
    assert not is_flat({"a": 1, "b": value})


@pytest.mark.parametrize("unique", [True, False])
def test_two_arrays_side_by_side_are_refused(unique: bool) -> None:
    index = index_of({"key": {"a": 1, "b": 1}, "name": "one", "unique": unique})

    with pytest.raises(CommandFailure) as failure:
        index.entries_of({"a": [1], "b": [2]})

    assert failure.value.code == 171
    assert failure.value.code_name == "CannotIndexParallelArrays"
