"""The trees of filters."""

import pytest
from bson.regex import Regex

from adapters.query.failures import CommandFailure
from adapters.query.filter import (
    EVERYTHING,
    NOTHING,
    And,
    Comparator,
    Comparison,
    ElementMatches,
    ElementSatisfies,
    Exists,
    In,
    Not,
    PatternMatch,
    holds_expression,
    parse_filter,
)
from comparators.errors import UnsupportedError


def test_an_empty_filter_is_everything() -> None:
    assert parse_filter({}) == EVERYTHING


def test_an_empty_all_is_nothing() -> None:
    assert parse_filter({"a": {"$all": []}}) == NOTHING


def test_operators_of_one_field_are_joined() -> None:
    both = parse_filter({"a.b": {"$gt": 1, "$exists": True}})

    assert both == And(
        children=(
            Comparison(path=("a", "b"), comparator=Comparator.GT, value=1),
            Exists(path=("a", "b")),
        )
    )


def test_a_document_that_does_not_begin_with_an_operator_is_a_value() -> None:
    value = {"b": 1, "$gt": 2}

    assert parse_filter({"a": value}) == Comparison(
        path=("a",), comparator=Comparator.EQ, value=value
    )


def test_nin_separates_values_and_patterns() -> None:
    pattern = Regex("x", "i")

    assert parse_filter({"a": {"$nin": [1, pattern]}}) == Not(
        child=In(path=("a",), values=(1,), patterns=(pattern,))
    )


def test_options_belong_to_the_regex() -> None:
    assert parse_filter({"a": {"$options": "i", "$regex": "x"}}) == PatternMatch(
        path=("a",), pattern=Regex("x", "i")
    )


def test_the_first_name_tells_the_forms_of_elem_match_apart() -> None:
    by_query = parse_filter({"a": {"$elemMatch": {"$or": [{"b": 1}]}}})
    by_operators = parse_filter({"a": {"$elemMatch": {"$gt": 1}}})

    assert isinstance(by_query, ElementMatches)
    assert isinstance(by_operators, ElementSatisfies)


@pytest.mark.parametrize("name", ["$where", "$text"])
def test_an_unsupported_clause_is_named(name: str) -> None:
    with pytest.raises(UnsupportedError) as refused:
        parse_filter({"$and": [{name: {}}]})

    assert refused.value.what == name


@pytest.mark.parametrize("name", ["$near", "$nearSphere", "$geoWithin", "$geoIntersects"])
def test_an_unsupported_operator_is_named(name: str) -> None:
    with pytest.raises(UnsupportedError) as refused:
        parse_filter({"a": {"$not": {name: {}}}})

    assert refused.value.what == name


def test_an_unknown_operator_is_mongodbs_refusal() -> None:
    with pytest.raises(CommandFailure) as refused:
        parse_filter({"a": {"$near2": 1}})

    assert (refused.value.code, refused.value.code_name) == (2, "BadValue")


def test_an_expression_is_found_at_any_depth() -> None:
    assert holds_expression(parse_filter({"$or": [{"a": 1}, {"$nor": [{"$expr": True}]}]}))
    assert not holds_expression(parse_filter({"$or": [{"a": 1}]}))
