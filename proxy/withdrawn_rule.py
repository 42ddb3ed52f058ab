"""Withdraw a rule that was declared on the page: from then on it excuses nothing, and stays in the file as comments."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from comparators.errors import RefusedError, SettingsError
from comparators.rules import Rule, Rules
from proxy.changed_file import RULES, replace_file, sole_change_of
from proxy.declared_rule import rules_text
from proxy.marked_rules import Marked, declared_in, withdrawn_in, without

_BY_HAND: Final = "delete its table from the file: the verifier takes that up by itself"


async def withdraw(file: Path, name: str, *, who: str, why: str) -> str:
    """Take a rule out of force and return the collections that it was about.

    SettingsError for an unknown one, RefusedError for one that is withdrawn already or was written by hand; nothing is
    written then, nor where the file would be wrong afterwards.
    """
    now = datetime.now(UTC)
    async with sole_change_of(file, what=RULES):
        before = rules_text(file)
        marked = _withdrawable(file, before, name)
        after = without(before, marked, who=who, why=why, at=now)
        left = Rules.parse(after, where=str(file), today=now.date()).rules
        if left != tuple(each for each in _rules(file, before) if each.name != name):
            raise _by_hand(file, name)
        replace_file(file, after, what=RULES)
    return marked.collection


def _withdrawable(file: Path, text: str, name: str) -> Marked:
    if all(each.name != name for each in _rules(file, text)):
        by = withdrawn_in(text).get(name)
        if by is not None:
            raise RefusedError(
                f"the rule {name} is withdrawn already, by {by}",
                where=str(file),
                remedy="nothing is left to do; declare it again if it is to hold again",
            )
        raise SettingsError(
            f"there is no rule {name}", where=str(file), remedy="load the page again"
        )
    marked = declared_in(text).get(name)
    if marked is None:
        raise _by_hand(file, name)
    return marked


def _rules(file: Path, text: str) -> tuple[Rule, ...]:
    """Return the rules, those that have expired too: withdrawing one of them mends the file."""
    return Rules.parse(text, where=str(file), today=date.min).rules


def _by_hand(file: Path, name: str) -> RefusedError:
    return RefusedError(
        f"the rule {name} was written into the rules file, not declared on the page",
        where=str(file),
        remedy=_BY_HAND,
    )
