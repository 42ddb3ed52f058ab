from typing import Any

import pytest
from bson.regex import Regex

from adapters.postgresql.narrowing import identities_of, selection_of
from adapters.query.filter import parse_filter
from adapters.sql.keys import key_of


@pytest.mark.parametrize(
    ("query", "path", "indexed"),
    [
        ({"a": 1}, '$."a" == 1', True),
        ({"a.b": "x"}, '$."a"."b" == "x"', True),
        ({"a.0": 1}, '($."a"."0" == 1) || ($."a"[0] == 1)', True),
        ({"a": {"$gt": 1, "$lt": 5}}, '($."a" >= 1) && ($."a" <= 5)', False),
        ({"a": 1, "b": {"$gt": 1}}, '($."a" == 1) && ($."b" >= 1)', True),
        ({"$or": [{"a": 1}, {"b": 2}]}, '($."a" == 1) || ($."b" == 2)', True),
        ({"$or": [{"a": 1}, {"b": None}]}, None, False),
        ({"a": {"$in": [1, 2]}}, '($."a" == 1) || ($."a" == 2)', True),
        ({"a": {"$in": [1, None]}}, None, False),
        ({"a": {"$in": []}}, "1 == 2", False),
        ({"a": {"$exists": True}}, 'exists($."a")', False),
        ({"a": {"$elemMatch": {"b": 1}}}, '$."a"[*]."b" == 1', True),
        ({"a": {"b": 1, "c": [2]}}, '($."a"."b" == 1) && ($."a"."c"[*] == 2)', True),
        ({"a": {"$ne": 1}}, None, False),
        ({"a": None}, None, False),
        ({"a": Regex("^x")}, None, False),
        ({"a.0.1.2": 1}, None, False),
        ({'quote"d': 1}, '$."quote\\"d" == 1', True),
    ],
)
def test_a_filter_becomes_a_path(query: dict[str, Any], path: str | None, indexed: bool) -> None:
    selection = selection_of(parse_filter(query))

    assert (selection.path, selection.indexed) == (path, indexed)
    assert not selection.exact


def test_an_identifier_alone_is_exact() -> None:
    selection = selection_of(parse_filter({"_id": {"$in": [2, 1.0, 1]}}))

    assert selection.exact
    assert selection.ids == (key_of(1), key_of(2))


def test_an_identifier_with_more_is_narrowed_by_key_first() -> None:
    selection = selection_of(parse_filter({"_id": "x", "a": 1}))

    assert selection.ids == (key_of("x"),)
    assert selection.path == '$."a" == 1'
    assert not selection.exact


def test_a_range_of_identifiers_stays_in_its_class() -> None:
    selection = selection_of(parse_filter({"_id": {"$gt": 5}}))

    assert selection.least is not None
    assert selection.below is not None
    assert selection.least <= key_of(6) < selection.below
    assert not selection.least <= key_of("6") < selection.below


@pytest.mark.parametrize(
    ("query", "identities"),
    [
        ({"_id": 1, "a": 2}, [1]),
        ({"_id": {"$eq": 1}}, [1]),
        ({"_id": {"$in": [1, 2]}}, [1, 2]),
        ({"_id": {"a": 1}}, [{"a": 1}]),
        ({"_id": {"$gt": 1}}, None),
        ({"_id": Regex("x")}, None),
        ({"a": 1}, None),
    ],
)
def test_identities_are_known_when_given(query: dict[str, Any], identities: Any) -> None:
    assert identities_of(query) == identities
