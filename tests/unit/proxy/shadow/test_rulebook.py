import os
from datetime import date
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from comparators.errors import RefusedError
from proxy.declared_rule import DeclaredRule, declare
from proxy.ledger.entries import EventKind
from proxy.shadow.rulebook import Rulebook
from proxy.withdrawn_rule import withdraw

RULE = """
[[rule]]
name = "{name}"
effect = "ignore"
collection = "users"
path = "name"
owner = "ada"
reason = "test"
expires = {expires}
"""
DECLARED = DeclaredRule(
    collection="users",
    path="name",
    changes=("value",),
    owner="ada",
    reason="test",
    expires=date(2099, 1, 31),
)


class Happenings:
    def __init__(self) -> None:
        self.all: list[tuple[EventKind, str, int]] = []

    def __call__(self, kind: EventKind, *, detail: str = "", n: int = 1) -> None:
        self.all.append((kind, detail, n))


def names(book: Rulebook) -> list[str]:
    return [rule.name for rule in book.now.rules]


def test_a_file_that_was_changed_is_taken_up_and_a_broken_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(RULE.format(name="first", expires="2099-01-31"))
    book, happened = Rulebook.of(file), Happenings()

    book.look(happened)
    assert not happened.all

    file.write_text(RULE.format(name="second", expires="2099-01-31"))
    book.look(happened)
    assert names(book) == ["second"]
    book.check("second")

    file.write_text(RULE.format(name="third", expires="2020-01-31"))
    with capture_logs() as logged:
        book.look(happened)
    assert names(book) == ["second"]
    assert [(each["event"], each["log_level"]) for each in logged] == [("rules_broken", "error")]
    with pytest.raises(RefusedError, match="stay in force"):
        book.check("second")

    file.unlink()
    book.look(happened)
    assert names(book) == ["second"]
    file.write_text(RULE.format(name="fourth", expires="2099-01-31"))
    book.look(happened)
    assert names(book) == ["fourth"]
    with pytest.raises(RefusedError, match="another file"):
        book.check("second")
    assert [kind for kind, *_ in happened.all] == [
        EventKind.RULES_READ,
        EventKind.RULES_BROKEN,
        EventKind.RULES_BROKEN,
        EventKind.RULES_READ,
    ]
    assert happened.all[1][1] == "rule 'third' expired on 2020-01-31 (rules.toml:9)"


def test_a_change_within_one_tick_of_the_clock_is_seen_by_its_size(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("")
    at = file.stat().st_mtime_ns
    book, happened = Rulebook.of(file), Happenings()

    file.write_text(RULE.format(name="first", expires="2099-01-31"))
    os.utime(file, ns=(at, at))
    book.look(happened)

    assert names(book) == ["first"]


async def test_a_rule_that_was_withdrawn_is_in_force_no_more(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    name = await declare(file, DECLARED, who="ada")
    book, happened = Rulebook.of(file), Happenings()
    with pytest.raises(RefusedError, match="another file"):
        book.check_withdrawn(name)

    await withdraw(file, name, who="bob", why="mended")
    book.look(happened)

    assert names(book) == []
    book.check_withdrawn(name)
    with pytest.raises(RefusedError, match="another file"):
        book.check_withdrawn("never declared")
    with pytest.raises(RefusedError, match="another file"):
        Rulebook().check_withdrawn(name)
