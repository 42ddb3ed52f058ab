"""`distinct` where MongoDB may read an index instead of the documents."""

from typing import Any, Final

import pytest

from comparators.operation import Kind
from comparators.outcome import Values
from tests.differential.twins import Twins, same

DOCUMENTS: Final[list[dict[str, Any]]] = [
    {},
    {"a": None, "b": 1},
    {"a": []},
    {"a": [[], [1, [2]], 3]},
    {"a": {"a": []}},
    {"a": {"a": [None, 4]}},
    {"a": [{"a": 5}, 6, {}, {"a": [7, [8, [9]]]}]},
    {"a": 3.0, "b": [1, 2]},
    {"a": "x"},
    {"1": [[7], 8, {"a": []}]},
    {"1": {"a": [1, [2, [3]]]}},
]
INDEXES: Final[list[dict[str, Any]]] = [
    {"key": {"a": 1}},
    {"key": {"a.a": -1, "b": 1}},
    {"key": {"a": 1}, "sparse": True},
    {"key": {"a": 1, "c": 1}, "sparse": True},
    {"key": {"a": 1}, "partialFilterExpression": {"b": 1}},
    {"key": {"a": 1}, "hidden": True},
    {"key": {"a": 1}, "collation": {"locale": "en"}},
    {"key": {"a.0": 1}},
    {"key": {"a.0": 1, "b": -1}},
    {"key": {"1": 1}},
    {"key": {"1.a": 1}},
    {"key": {"b": 1, "a": 1}},
]


@pytest.mark.parametrize("index", INDEXES, ids=str)
async def test_without_a_filter_the_values_are_those_of_an_index(
    twins: Twins, index: dict[str, Any]
) -> None:
    await twins.run(Kind.CREATE_INDEXES, indexes=[{**index, "name": "one"}])

    for chosen in (*([each] for each in DOCUMENTS), DOCUMENTS):
        await twins.run(Kind.DELETE, deletes=[{"q": {}, "limit": 0}])
        await twins.run(Kind.INSERT, documents=chosen)
        for key in ("a", "a.a", "a.0", "b", "1", "1.a"):
            legacy, gateway = await twins.run(Kind.DISTINCT, key=key, query={})
            assert isinstance(gateway, Values)
            assert same(Kind.DISTINCT, {}, legacy, gateway), (key, chosen, legacy, gateway)


@pytest.mark.parametrize("keys", [{"a": 1}, {"a": 1, "b": 1}, {"a": -1, "b": -1}])
async def test_under_a_collation_the_first_document_of_each_value_is_looked_up(
    twins: Twins, keys: dict[str, int]
) -> None:
    order = {"locale": "en", "strength": 2}
    await twins.run(Kind.CREATE_INDEXES, indexes=[{"key": keys, "name": "one", "collation": order}])

    for direction in (1, -1):
        await twins.run(Kind.DELETE, deletes=[{"q": {}, "limit": 0}])
        of_null: list[dict[str, Any]] = [{"_id": 1}, {"_id": 2, "a": None, "b": 1}]
        others: list[dict[str, Any]] = [{"_id": 3, "a": ["x", 1]}, {"_id": 4, "a": []}]
        await twins.run(Kind.INSERT, documents=[*of_null[::direction], *others])
        legacy, gateway = await twins.run(Kind.DISTINCT, key="a", query={}, collation=order)
        assert isinstance(gateway, Values)
        assert not gateway.optional
        assert same(Kind.DISTINCT, {}, legacy, gateway), (legacy, gateway)


@pytest.mark.parametrize("keys", [{"n": 1}, {"n": -1, "t": 1}, {"t": 1, "n": 1}])
@pytest.mark.parametrize("query", [{"n": {"$ne": 2}}, {"t": 1}])
async def test_with_a_filter_null_may_be_found_in_an_index(
    twins: Twins, keys: dict[str, int], query: dict[str, Any]
) -> None:
    documents = [{"_id": 1, "n": 1, "t": 1}, {"_id": 2, "t": 1}, {"_id": 3, "n": 2}]
    await twins.run(Kind.INSERT, documents=documents)
    await twins.run(Kind.CREATE_INDEXES, indexes=[{"key": keys, "name": "one"}])

    legacy, gateway = await twins.run(Kind.DISTINCT, key="n", query=query)

    assert isinstance(legacy, Values)
    assert isinstance(gateway, Values)
    assert set(gateway.values) <= set(legacy.values) <= {*gateway.values, *gateway.optional}
    assert gateway.optional == (None,)
