"""The operators that are parsed and those that are evaluated."""

from adapters.evaluate.expressions import EXPRESSIONS, LAZY
from adapters.query.expression.signatures import SIGNATURES, UNSUPPORTED


def test_every_parsed_operator_is_evaluated() -> None:
    assert set(SIGNATURES) | {"$toHashedIndexKey"} == set(EXPRESSIONS) | set(LAZY)


def test_no_operator_is_both_supported_and_not() -> None:
    assert not UNSUPPORTED & set(SIGNATURES)
