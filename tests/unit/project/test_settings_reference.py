"""The settings file and its reference say what the code does: every setting, its default, its variable and flag."""

import itertools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from proxy import settings
from proxy.settings import Settings, load

ROOT = Path(__file__).parents[3]
FILE = ROOT / "config" / "parallax.toml"
REFERENCE = ROOT / "docs" / "settings.md"
ROW = re.compile(
    r"\| `(?P<name>[a-z_.]+)` \| (?P<default>.*?) \| `(?P<variable>\w+)` \| (?P<flag>.*?) ?\| (?P<meaning>.+) \|"
)


def _defaults() -> dict[str, Any]:
    sections = Settings().model_dump(mode="json")
    return {name: sections[name.split(".")[0]][name.split(".")[1]] for name in settings.names()}


def _rows() -> dict[str, re.Match[str]]:
    return {row["name"]: row for row in map(ROW.match, REFERENCE.read_text().splitlines()) if row}


def test_the_file_lists_every_setting_with_its_default() -> None:
    document = tomllib.loads(FILE.read_text())

    listed = {
        f"{section}.{name}": value
        for section in document
        for name, value in document[section].items()
    }

    assert listed == _defaults()


def test_the_file_loads_as_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.names():
        monkeypatch.delenv(settings.variable_of(name), raising=False)

    assert load(FILE) == Settings()


def test_every_setting_of_the_file_has_a_comment_above_it() -> None:
    lines = FILE.read_text().splitlines()

    bare = [
        line
        for before, line in itertools.pairwise(lines)
        if "=" in line and not line.startswith("#") and not before.startswith("#")
    ]

    assert bare == []


def test_the_reference_describes_every_setting_and_no_other() -> None:
    assert set(_rows()) == set(settings.names())


@pytest.mark.parametrize("name", list(settings.names()))
def test_the_reference_tells_the_default_variable_and_flag(name: str) -> None:
    row = _rows()[name]
    default = _defaults()[name]
    shown = str(default).lower() if isinstance(default, bool) else str(default)

    assert row["variable"] == settings.variable_of(name)
    assert row["flag"].strip("` ") == settings.FLAGS.get(name, "")
    assert row["default"].startswith("*") if default == "" else row["default"] == f"`{shown}`"
