"""Declare a rule: it is written behind those of the file, once all of them together are good."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from comparators.errors import SettingsError
from comparators.rules import EXACT, Effect, Rules, Tolerance
from proxy.changed_file import RULES, replace_file, sole_change_of
from proxy.marked_rules import declared_mark, quoted, withdrawn_in

_MOST_NAME: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredRule:
    """What somebody declares; a rule without a path covers whole documents, and lists its `changes`.

    Without `kinds` it holds for all operations and for stored documents, without `changes` for all differences.
    """

    effect: Effect = Effect.IGNORE
    collection: str
    path: str
    kinds: tuple[str, ...] = ()
    changes: tuple[str, ...]
    tolerance: Tolerance = EXACT
    owner: str
    reason: str
    expires: date


async def declare(file: Path, rule: DeclaredRule, *, who: str) -> str:
    """Write a rule down and return its name; SettingsError, and nothing is written, where the file would be wrong."""
    now = datetime.now(UTC)
    async with sole_change_of(file, what=RULES):
        before = rules_text(file)
        known = Rules.parse(before, where=str(file), today=date.min).rules
        # Also of those that were withdrawn: hits are counted by name, and the history goes by it.
        taken = {each.name for each in known} | withdrawn_in(before).keys()
        name = _name(rule, taken)
        after = f"{before.rstrip()}\n\n{_table(name, rule, who=who, at=now)}".lstrip()
        Rules.parse(after, where=str(file), today=now.date())
        replace_file(file, after, what=RULES)
    return name


def rules_text(file: Path) -> str:
    """Return what is in a file of rules, nothing where there is none yet; SettingsError where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the rules cannot be read: {error}",
            where=str(file),
            remedy="name a readable file in `[rules] file`",
        ) from error


def _name(rule: DeclaredRule, taken: Collection[str]) -> str:
    """Return a name that says what the rule is about, and that no other has."""
    does = "" if rule.effect is Effect.IGNORE else rule.effect
    about = f"{rule.collection} {rule.path or ' '.join(rule.changes)} {does}"
    name = re.sub(r"[^A-Za-z0-9]+", "-", about).strip("-").lower()[:_MOST_NAME] or "rule"
    names = (name if n == 1 else f"{name}-{n}" for n in range(1, len(taken) + 2))
    return next(each for each in names if each not in taken)


def _table(name: str, rule: DeclaredRule, *, who: str, at: datetime) -> str:
    lines = [
        declared_mark(who=who, at=at),
        "[[rule]]",
        f"name = {quoted(name)}",
        f"effect = {quoted(rule.effect)}",
        f"collection = {quoted(rule.collection)}",
        f"path = {quoted(rule.path)}",
        *_choices("kinds", rule.kinds),
        *_choices("changes", rule.changes),
        *_tolerance(rule.tolerance),
        f"owner = {quoted(rule.owner)}",
        f"reason = {quoted(rule.reason)}",
        f"expires = {rule.expires.isoformat()}",
    ]
    return "\n".join(lines) + "\n"


def _choices(key: str, chosen: tuple[str, ...]) -> list[str]:
    return [f"{key} = [{', '.join(map(quoted, chosen))}]"] if chosen else []


def _tolerance(tolerance: Tolerance) -> list[str]:
    """Return the bounds that are given; who gives none, or a bad one, is told when the whole is read."""
    bounds = {"absolute": tolerance.absolute, "relative": tolerance.relative}
    given = ", ".join(f"{side} = {bound!r}" for side, bound in bounds.items() if bound)
    return [f"tolerance = {{ {given} }}"] if given else []
