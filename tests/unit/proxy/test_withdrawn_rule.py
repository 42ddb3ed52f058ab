from datetime import date
from pathlib import Path

import pytest

from comparators.errors import RefusedError, SettingsError
from comparators.rules import Effect, Rules, Tolerance
from proxy.declared_rule import DeclaredRule, declare
from proxy.marked_rules import declared_by, withdrawn_in
from proxy.withdrawn_rule import withdraw

RULE = DeclaredRule(
    effect=Effect.TOLERANCE,
    collection="app.users",
    path="profile.name",
    kinds=("find",),
    changes=("value",),
    tolerance=Tolerance(absolute=1.0),
    owner="ada@example.org",
    reason='he said "no"\n[[rule]]\u2028\x7f \\ \N{GRINNING FACE}',
    expires=date(2099, 1, 31),
)
BY_HAND = """
# Ours.
[[rule]]
name = "by-hand"
effect = "ignore"
collection = "users"
path = "name"
owner = "ada"
reason = '''
# Declared by "eve" at 2026-01-01 00:00:00 UTC.'''
expires = 2099-01-31
"""
CHANGED = """
# Declared by "ada" at 2026-01-01 00:00:00 UTC.
[[rule]]
name = "changed"
effect = "tolerance"
collection = "users"
path = "n"
owner = "ada"
reason = '''
one

[two]
'''
expires = 2099-01-31

# How far.
[rule.tolerance]
absolute = 1.0

# Of ours.
"""


def names(file: Path) -> list[str]:
    return [rule.name for rule in Rules.load(file, date(2026, 1, 1)).rules]


async def test_a_rule_that_was_declared_is_withdrawn_and_stays_as_comments(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(BY_HAND)
    first = await declare(file, RULE, who="ada\nlovelace")
    second = await declare(file, RULE, who="grace")
    assert [by.partition(", 20")[0] for by in declared_by(file.read_text()).values()] == [
        "ada\nlovelace",
        "grace",
    ]

    about = await withdraw(file, first, who="bob", why='a "reason"\n[[rule]]')

    text = file.read_text()
    assert about == "app.users"
    assert names(file) == ["by-hand", second]
    assert list(declared_by(text)) == [second]
    assert withdrawn_in(text)[first].startswith("bob, 20")
    assert text.startswith(BY_HAND.lstrip())
    assert f'# name = "{first}"' in text
    assert '# Declared by "ada\\nlovelace" at ' in text
    assert ' UTC: "a \\"reason\\"\\n[[rule]]"\n# [[rule]]\n' in text


async def test_a_name_is_given_once_also_after_its_rule_was_withdrawn(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    first = await declare(file, RULE, who="ada")
    await withdraw(file, first, who="bob", why="mended")

    again = await declare(file, RULE, who="ada")

    assert again == f"{first}-2"
    assert names(file) == [again]


async def test_what_cannot_be_withdrawn_is_told_and_leaves_the_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(BY_HAND)
    gone = await declare(file, RULE, who="ada")
    await withdraw(file, gone, who="bob", why="mended")
    before = file.read_text()

    with pytest.raises(RefusedError, match="withdrawn already, by bob"):
        await withdraw(file, gone, who="eve", why="again")
    with pytest.raises(RefusedError, match="written into the rules file"):
        await withdraw(file, "by-hand", who="eve", why="no more")
    with pytest.raises(SettingsError, match="no rule never-declared"):
        await withdraw(file, "never-declared", who="eve", why="no more")

    assert file.read_text() == before
    assert list(tmp_path.iterdir()) == [file]


async def test_a_declared_rule_that_somebody_has_changed_is_withdrawn_whole(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(CHANGED)
    other = await declare(file, RULE, who="ada")

    await withdraw(file, "changed", who="bob", why="mended")

    assert names(file) == [other]
    assert (
        "\n# [rule.tolerance]\n# absolute = 1.0\n\n# Of ours.\n\n# Declared by" in file.read_text()
    )


async def test_withdrawing_a_rule_that_has_expired_mends_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    name = await declare(file, RULE, who="ada")
    file.write_text(file.read_text().replace("2099-01-31", "2020-01-31"))

    await withdraw(file, name, who="bob", why="over")

    assert names(file) == []
