import pytest
from bson.regex import Regex

from adapters.sql.columns.patterns import Literal, after_prefix, literal_of


@pytest.mark.parametrize(
    ("source", "options", "literal"),
    [
        ("abc", "", Literal("abc", at_start=False, folded=False, exact=True)),
        ("^abc", "", Literal("abc", at_start=True, folded=False, exact=True)),
        ("^abc$", "", Literal("abc", at_start=True, folded=False, exact=False)),
        ("^a\\.b", "", Literal("a.b", at_start=True, folded=False, exact=True)),
        ("abc*", "", Literal("ab", at_start=False, folded=False, exact=False)),
        ("abc+", "", Literal("abc", at_start=False, folded=False, exact=False)),
        ("a\\d", "", Literal("a", at_start=False, folded=False, exact=False)),
        ("", "", Literal("", at_start=False, folded=False, exact=True)),
        ("ABC", "i", Literal("ABC", at_start=False, folded=True, exact=True)),
        ("é", "i", None),
        ("a|b", "", None),
        ("abc", "m", None),
        ("a b", "x", None),
        ("(?i)abc", "", Literal("", at_start=False, folded=False, exact=False)),
    ],
)
def test_a_pattern_has_a_literal(source: str, options: str, literal: Literal | None) -> None:
    assert literal_of(Regex(source, options)) == literal


@pytest.mark.parametrize(
    ("prefix", "after"),
    [("ab", "ac"), ("a\U0010ffff", "b"), ("\U0010ffff", None), ("\ud7ff", "\ue000")],
)
def test_a_prefix_has_an_end(prefix: str, after: str | None) -> None:
    assert after_prefix(prefix) == after
