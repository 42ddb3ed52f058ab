from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from comparators.errors import SettingsError
from comparators.rules import EXACT, Effect, Rules, Tolerance
from proxy.declared_rule import DeclaredRule, declare

RULE = DeclaredRule(
    collection="app.users",
    path="profile.name",
    changes=("value",),
    owner="ada@example.org",
    reason='he said "no"\n[[rule]]\x7f \\ \N{GRINNING FACE}',
    expires=date(2099, 1, 31),
)


async def test_a_rule_is_written_behind_the_others_as_it_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("# kept\n")

    names = [await declare(file, RULE, who="ada\nlovelace") for _ in range(2)]

    first, second = Rules.load(file, date(2026, 1, 1)).rules
    assert (
        [first.name, second.name] == names == ["app-users-profile-name", "app-users-profile-name-2"]
    )
    assert (first.path, first.changes, first.owner) == (
        ("profile", "name"),
        frozenset(RULE.changes),
        RULE.owner,
    )
    assert (first.reason, first.expires) == (RULE.reason, RULE.expires)
    assert file.read_text().startswith('# kept\n\n# Declared by "ada\\nlovelace" at ')


@pytest.mark.parametrize("effect", Effect)
async def test_a_rule_of_any_effect_is_read_as_it_was_meant(effect: Effect, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    bounds = Tolerance(absolute=1000.0, relative=1e-05) if effect is Effect.TOLERANCE else EXACT
    meant = replace(RULE, effect=effect, kinds=("find", "state"), tolerance=bounds)

    name = await declare(file, meant, who="ada")

    [rule] = Rules.load(file, date(2026, 1, 1)).rules
    assert (rule.name, rule.effect, rule.tolerance) == (name, effect, bounds)
    assert (rule.kinds, rule.changes) == (frozenset(meant.kinds), frozenset(RULE.changes))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(RULE, expires=date(2020, 1, 1)),
        replace(RULE, path="", changes=()),
        replace(RULE, changes=("whim",)),
        replace(RULE, collection="app.[users]"),
        replace(RULE, owner=" "),
        replace(RULE, kinds=("look",)),
        replace(RULE, effect=Effect.TOLERANCE),
        replace(RULE, tolerance=Tolerance(absolute=1.0)),
        replace(RULE, effect=Effect.EQUIVALENT, path=""),
    ],
)
async def test_a_rule_that_would_be_wrong_leaves_the_file_alone(
    wrong: DeclaredRule, tmp_path: Path
) -> None:
    file = tmp_path / "rules.toml"
    await declare(file, RULE, who="ada")
    before = file.read_text()

    with pytest.raises(SettingsError):
        await declare(file, wrong, who="ada")

    assert file.read_text() == before
    assert list(tmp_path.iterdir()) == [file]
