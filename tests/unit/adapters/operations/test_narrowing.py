from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId
from bson.regex import Regex
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.evaluate.match import matcher
from adapters.operations.narrowing import identities_of, selection_of
from adapters.query.filter import parse_filter
from adapters.sql.keys import LONGEST_EXACT, key_of
from tests.differential.grammar.values import values


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


BOUNDS = (
    ObjectId(bytes(12)),
    ObjectId(b"\xff" * 12),
    ObjectId(b"twelve bytes"),
    DatetimeMS(-1),
    DatetimeMS(2**62),
    *("", "a", "a\0", "a\0b", "ab", "\uffff", "\U0001d11e"),
    *("a" * length for length in (LONGEST_EXACT - 3, LONGEST_EXACT - 2, LONGEST_EXACT)),
)


@settings(max_examples=300)
@given(
    bounds=st.dictionaries(
        st.sampled_from(("$gt", "$gte", "$lt", "$lte")), st.sampled_from(BOUNDS), min_size=1
    ),
    identifiers=st.lists(
        st.sampled_from(BOUNDS) | values(1).filter(lambda value: type(value) is not list),
        min_size=1,
    ),
)
def test_a_range_finds_what_the_filter_finds(bounds: dict[str, Any], identifiers: Any) -> None:
    tree = parse_filter({"_id": bounds})
    selection = selection_of(tree)
    assert selection.least is not None
    assert selection.below is not None

    for identifier in identifiers:
        is_selected = selection.least <= key_of(identifier) < selection.below
        is_meant = matcher(tree)({"_id": identifier})
        assert is_selected or not is_meant
        assert is_meant or not (is_selected and selection.exact)


@pytest.mark.parametrize(
    ("query", "exact"),
    [
        ({"_id": {"$gte": ObjectId(), "$lt": ObjectId()}}, True),
        ({"_id": {"$gt": "a"}}, True),
        ({"_id": {"$lt": 5}}, False),
        ({"_id": {"$gt": "a" * LONGEST_EXACT}}, False),
        ({"_id": {"$gt": "a"}, "a": 1}, False),
        ({"_id": {"$gt": "a", "$in": ["b"]}}, False),
    ],
)
def test_a_range_of_identifiers_alone_may_be_exact(query: dict[str, Any], exact: bool) -> None:
    assert selection_of(parse_filter(query)).exact == exact


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
