from datetime import date
from pathlib import Path
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from comparators.canonical import encode
from comparators.change import ChangeKind, Difference
from comparators.difference import differences_between
from comparators.errors import SettingsError
from comparators.rules import Rules

TODAY = date(2026, 6, 1)
GOOD = {
    "name": '"updated"',
    "effect": '"ignore"',
    "collection": '"users"',
    "path": '"updatedAt"',
    "owner": '"ann"',
    "reason": '"set by the server"',
    "expires": "2026-12-31",
}


def text_of(**changes: str | None) -> str:
    lines = [f"{key} = {value}" for key, value in (GOOD | changes).items() if value is not None]
    return "\n".join(["# rules", "", "[[rule]]", *lines, ""])


def rules(**changes: str | None) -> Rules:
    return Rules.parse(text_of(**changes), where="rules.toml", today=TODAY)


def difference(legacy: dict[str, Any], gateway: dict[str, Any]) -> Difference:
    (only,) = differences_between(encode(legacy), encode(gateway))
    return only


def excused(parsed: Rules, legacy: Any, gateway: Any, path: str = "updatedAt") -> str | None:
    found = difference({path: legacy}, {path: gateway})
    return parsed.excuse("app.users", "find", found)


def test_a_rule_excuses_its_path_and_what_is_below() -> None:
    nested = difference({"updatedAt": {"at": [1]}}, {"updatedAt": {"at": [2]}})

    assert excused(rules(), 1, 2) == "updated"
    assert rules().excuse("app.users", "find", nested) == "updated"
    assert excused(rules(), 1, 2, path="updatedAtAll") is None


@pytest.mark.parametrize(
    ("collection", "namespace", "covered"),
    [
        ("users", "app.users", True),
        ("users", "app.users2", False),
        ("user*", "app.users2", True),
        ("app.users", "app.users", True),
        ("other.users", "app.users", False),
        ("*", "app.fs.files", True),
        ("fs.*", "app.fs.files", True),
        ("user?", "app.users", True),
    ],
)
def test_collections_are_globs(collection: str, namespace: str, covered: bool) -> None:
    found = difference({"updatedAt": 1}, {"updatedAt": 2})

    hit = rules(collection=f'"{collection}"').excuse(namespace, "find", found)

    assert (hit is not None) == covered


def test_a_star_covers_one_part() -> None:
    parsed = rules(path='"items.*.at"')

    inside = difference({"items": [{"at": 1}]}, {"items": [{"at": 2}]})
    beside = difference({"items": [{"on": 1}]}, {"items": [{"on": 2}]})

    assert parsed.excuse("app.users", "find", inside) == "updated"
    assert parsed.excuse("app.users", "find", beside) is None


def test_kinds_and_changes_narrow_a_rule() -> None:
    found = difference({"updatedAt": 1}, {"updatedAt": 2})

    assert rules(kinds='["find"]').excuse("app.users", "find", found)
    assert not rules(kinds='["state"]').excuse("app.users", "find", found)
    assert rules(changes='["value"]').excuse("app.users", "find", found)
    assert not rules(changes='["type"]').excuse("app.users", "find", found)


@pytest.mark.parametrize(
    ("tolerance", "legacy", "gateway", "covered"),
    [
        ("1000", DatetimeMS(0), DatetimeMS(1000), True),
        ("1000", DatetimeMS(0), DatetimeMS(1001), False),
        ("{ absolute = 0.5 }", 1.0, 1.5, True),
        ("{ absolute = 0.5 }", 1.0, 1.6, False),
        ("{ relative = 0.1 }", 100, 110, True),
        ("{ relative = 0.1 }", 100, 112, False),
        ("{ relative = 0.1 }", Decimal128("100"), Decimal128("109"), True),
        ("1", 1, 1.0, False),
        ("1", True, False, False),
        ("1", "1", "2", False),
        ("1", 0.0, float("nan"), False),
        ("1", float("inf"), 1.0, False),
        ("1", float("inf"), float("-inf"), False),
    ],
)
def test_tolerance_is_for_numbers_and_dates_of_one_type(
    tolerance: str, legacy: Any, gateway: Any, covered: bool
) -> None:
    parsed = rules(effect='"tolerance"', tolerance=tolerance)

    assert (excused(parsed, legacy, gateway) is not None) == covered


def test_tolerance_covers_another_type_only_where_it_says_so() -> None:
    parsed = rules(effect='"tolerance"', tolerance="1", changes='["value", "type"]')

    assert excused(parsed, 1, 1.5) == "updated"
    assert excused(parsed, 1, DatetimeMS(1)) is None


def test_what_stands_for_the_same_is_equivalent_and_nothing_else() -> None:
    parsed = rules(effect='"equivalent"')

    assert excused(parsed, 1, 1.0) == "updated"
    assert excused(parsed, 1, 1.5) is None
    assert excused(parsed, "1", "2") is None
    missing = difference({"updatedAt": None}, {})
    assert parsed.excuse("app.users", "find", missing) == "updated"


def test_redact_and_reveal_excuse_nothing() -> None:
    assert excused(rules(effect='"reveal"'), 1, 2) is None
    assert excused(rules(effect='"redact"'), 1, 2) is None


def test_redact_wins_over_reveal() -> None:
    reveal = text_of(effect='"reveal"', path='"profile"')
    redact = text_of(name='"secret"', effect='"redact"', path='"profile.email"')

    parsed = Rules.parse(reveal + redact, where="rules.toml", today=TODAY)

    assert parsed.reveals("app.users", "profile.name")
    assert not parsed.reveals("app.users", "profile.email")
    assert not parsed.reveals("app.users", "other")


def test_whole_documents_need_their_changes_named() -> None:
    parsed = rules(path=None, changes='["document_missing"]')

    lost = Difference(
        kind=ChangeKind.DOCUMENT_MISSING,
        path="",
        exact="",
        legacy_type="object",
        gateway_type="missing",
    )

    assert parsed.excuse("app.users", "find", lost) == "updated"
    assert excused(parsed, 1, 2) is None


def test_the_day_of_expiry_still_counts() -> None:
    assert rules(expires="2026-06-01").rules


@pytest.mark.parametrize(
    ("changes", "line", "words"),
    [
        ({"expires": "2026-05-31"}, 10, "expired on 2026-05-31"),
        ({"expires": '"2026-12-31"'}, 10, "no day on which it expires"),
        ({"expires": "2026-12-31T00:00:00"}, 10, "no day on which it expires"),
        ({"expires": None}, 3, "no day on which it expires"),
        ({"owner": None}, 3, "has no owner"),
        ({"owner": '" "'}, 8, "has no owner"),
        ({"reason": None}, 3, "has no reason"),
        ({"name": None}, 3, "has no name"),
        ({"effect": '"drop"'}, 5, "no known effect"),
        ({"effect": None}, 3, "no known effect"),
        ({"collection": '"[a"'}, 6, "bad glob"),
        ({"collection": '""'}, 6, "no collection"),
        ({"collection": None}, 3, "no collection"),
        ({"path": '"a..b"'}, 7, "bad path"),
        ({"path": '"a."'}, 7, "bad path"),
        ({"path": "3"}, 7, "bad path"),
        ({"path": None}, 3, "no path"),
        ({"path": None, "effect": '"reveal"', "changes": '["value"]'}, 3, "no path"),
        ({"kinds": '["fnid"]'}, 11, "unknown kinds"),
        ({"kinds": '"find"'}, 11, "unknown kinds"),
        ({"kinds": "[{}]"}, 11, "unknown kinds"),
        ({"changes": '["values"]'}, 11, "unknown changes"),
        ({"tolerance": "1"}, 11, "without its effect"),
        ({"effect": '"tolerance"'}, 3, "without its effect"),
        ({"effect": '"tolerance"', "tolerance": "-1"}, 11, "bad tolerance"),
        ({"effect": '"tolerance"', "tolerance": "true"}, 11, "bad tolerance"),
        ({"effect": '"tolerance"', "tolerance": "{ ms = 1 }"}, 11, "bad tolerance"),
        ({"effect": '"tolerance"', "tolerance": "{}"}, 11, "bad tolerance"),
        ({"colour": '"red"'}, 11, "unknown key 'colour'"),
        ({"name": '"a'}, 4, "not TOML"),
    ],
    ids=str,
)
def test_a_bad_rule_is_refused_with_its_line(
    changes: dict[str, str | None], line: int, words: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        rules(**changes)

    assert words in refused.value.what
    assert refused.value.where == f"rules.toml:{line}"


def test_the_line_is_that_of_the_right_table() -> None:
    text = text_of() + text_of(name='"second"', expires="2020-01-01")

    with pytest.raises(SettingsError) as refused:
        Rules.parse(text, where="rules.toml", today=TODAY)

    assert refused.value.where == "rules.toml:20"


def test_names_are_unique() -> None:
    with pytest.raises(SettingsError, match="exists twice") as refused:
        Rules.parse(text_of() + text_of(), where="rules.toml", today=TODAY)

    assert refused.value.where == "rules.toml:14"


@pytest.mark.parametrize("text", ["[rule]\nname = 'a'\n", "rule = [1]\n", "[[rules]]\n", "x = 1\n"])
def test_what_is_no_table_of_rules_is_refused(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Rules.parse(text, where="rules.toml", today=TODAY)

    assert refused.value.where == "rules.toml:1"


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text_of())

    assert [rule.name for rule in Rules.load(path, TODAY).rules] == ["updated"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        Rules.load(tmp_path / "none.toml", TODAY)

    assert refused.value.where == str(tmp_path / "none.toml")


def test_the_rules_that_are_shipped_are_in_order() -> None:
    shipped = Path(__file__).parents[3] / "config" / "rules.toml"

    assert Rules.load(shipped, TODAY).rules == ()


def test_the_examples_of_the_documentation_are_rules() -> None:
    page = (Path(__file__).parents[3] / "docs" / "rules.md").read_text()
    blocks = [block.split("```")[0] for block in page.split("```toml\n")[1:]]

    assert blocks
    for block in blocks:
        assert Rules.parse(block, where="docs/rules.md", today=TODAY).rules
