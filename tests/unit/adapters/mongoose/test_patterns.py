import pytest

from adapters.mongoose.patterns import found_in
from comparators.errors import UnsupportedError


def _pattern(pattern: str, options: str = "") -> dict[str, dict[str, str]]:
    return {"$regularExpression": {"pattern": pattern, "options": options}}


@pytest.mark.parametrize(
    ("pattern", "options", "value", "found"),
    [
        (r"^[a-z]+\d$", "", "ab1", True),
        (r"^[a-z]+\d$", "", "ab1\n", False),
        (r"^\d$", "", "\u0661", False),
        (r"^\w+$", "", "é", False),
        (r"^a.b$", "", "a\u2028b", False),
        (r"^a.b$", "s", "a\nb", True),
        (r"^b$", "m", "a\nb", True),
        (r"^\s$", "", "\ufeff", True),
        (r"^[\s]$", "", "\u00a0", True),
        (r"^A$", "i", "a", True),
    ],
)
def test_a_pattern_means_what_it_does_in_javascript(
    pattern: str, options: str, value: str, *, found: bool
) -> None:
    assert found_in(_pattern(pattern, options), value) is found


@pytest.mark.parametrize("pattern", [r"\p{L}", r"(?<name>a)", r"(?<=a)b", r"\cA", r"[^]", r"a\0"])
def test_what_python_reads_otherwise_is_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedError):
        found_in(_pattern(pattern), "a")


def test_an_expression_that_was_not_exported_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        found_in("/a/", "a")
