"""The operators that are parsed and those that are evaluated."""

from adapters.evaluate.expressions import EXPRESSIONS, LAZY
from adapters.query.expression.signatures import SIGNATURES, UNSUPPORTED

NOT_EVALUATED = {"$dateFromParts", "$dateFromString", "$dateTrunc"}
"""Parsed, so that MongoDB's refusals hold, and refused by name as unsupported after that."""


def test_every_parsed_operator_is_evaluated_or_named_here() -> None:
    assert set(SIGNATURES) - NOT_EVALUATED == set(EXPRESSIONS) | set(LAZY)


def test_no_operator_is_both_supported_and_not() -> None:
    assert not UNSUPPORTED & set(SIGNATURES)
