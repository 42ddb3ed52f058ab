"""docs/serving.md names every command that is served beyond the support page, and every one that is refused."""

import re
from pathlib import Path

from proxy.request import KINDS
from proxy.serving.commands import SERVED
from proxy.serving.refused import REFUSED

PAGE = (Path(__file__).parents[3] / "docs" / "serving.md").read_text()
OLD_SPELLINGS = {"buildinfo", "ismaster"}


def section(heading: str) -> str:
    return PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]


def names(text: str) -> set[str]:
    return set(re.findall(r"`([A-Za-z]+)`", text))


def test_served_commands_are_named() -> None:
    listed = section("What drivers see").split("and besides\n")[1].split("\n* ")[0]

    assert names(listed) == SERVED - KINDS.keys() - OLD_SPELLINGS


def test_refused_commands_are_named() -> None:
    assert names(section("What is refused").split("Commands that are refused:")[1]) == REFUSED
