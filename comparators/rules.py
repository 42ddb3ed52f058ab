"""Declared exceptions to equality: each has an owner, a reason and a day on which it ends.

A rule covers its path and everything below. What it excuses is counted under its name; what it does not
excuse stays a mismatch.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from fnmatch import translate
from math import isfinite
from pathlib import Path
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from comparators.change import ChangeKind, Difference
from comparators.errors import SettingsError
from comparators.operation import Kind
from comparators.representation import same_meaning

STATE: Final = "state"
"""The kind of a comparison of stored documents, beside the kinds of operations."""

_ANY_PART: Final = "*"
_TABLE: Final = re.compile(r"^\s*\[\[\s*rule\s*\]\]")
_GLOB: Final = re.compile(r"[\w.*?$ -]+")
_LINE_OF_TOML_ERROR: Final = re.compile(r"at line (\d+)")


class Effect(StrEnum):
    """What a rule does."""

    IGNORE = "ignore"
    """Differences do not count."""
    TOLERANCE = "tolerance"
    """Numbers and dates may be this far apart."""
    EQUIVALENT = "equivalent"
    """Values may differ in type where they stand for the same."""
    REDACT = "redact"
    """Samples never show the value, whatever another rule reveals."""
    REVEAL = "reveal"
    """Samples show the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far two numbers, or two dates in milliseconds, may be apart; either bound suffices."""

    absolute: float = 0.0
    relative: float = 0.0

    def covers(self, legacy: Any, gateway: Any) -> bool:
        """Return whether two values are numbers, or two are dates, and close enough."""
        if isinstance(legacy, DatetimeMS) != isinstance(gateway, DatetimeMS):
            return False
        left, right = _as_float(legacy), _as_float(gateway)
        if left is None or right is None:
            return False
        distance = abs(left - right)
        return distance <= self.absolute or distance <= self.relative * max(abs(left), abs(right))


EXACT: Final = Tolerance()
"""Of a rule that tolerates nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One exception. Empty `kinds` and `changes` stand for all of them."""

    name: str
    effect: Effect
    collection: re.Pattern[str]
    path: tuple[str, ...]
    kinds: frozenset[str]
    changes: frozenset[ChangeKind]
    tolerance: Tolerance
    owner: str
    reason: str
    expires: date

    def covers(self, namespace: str, path: str) -> bool:
        """Return whether the rule speaks of a generalised path in `database.collection`."""
        collection = namespace.partition(".")[2]
        if not (self.collection.match(collection) or self.collection.match(namespace)):
            return False
        parts = path.split(".") if path else []
        return len(parts) >= len(self.path) and all(
            pattern in {_ANY_PART, part} for pattern, part in zip(self.path, parts, strict=False)
        )

    def excuses(self, namespace: str, kind: str, difference: Difference) -> bool:
        """Return whether the rule takes a difference out of the verdict."""
        if self.kinds and kind not in self.kinds:
            return False
        if self.changes and difference.kind not in self.changes:
            return False
        if not self.covers(namespace, difference.path):
            return False
        if self.effect is Effect.IGNORE:
            return True
        if self.effect is Effect.EQUIVALENT:
            return same_meaning(difference.legacy, difference.gateway)
        return (
            self.effect is Effect.TOLERANCE
            and (difference.kind is ChangeKind.VALUE or difference.kind in self.changes)
            and self.tolerance.covers(difference.legacy, difference.gateway)
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules that are in force; without any, everything counts and samples show no value."""

    rules: tuple[Rule, ...] = field(default=())

    @staticmethod
    def load(path: Path, today: date) -> "Rules":
        """Read a file of rules; raises SettingsError with the line that is wrong or has expired."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"the rules cannot be read: {error}",
                where=str(path),
                remedy="name a readable file in `[rules] file`, or leave it empty",
            ) from error
        return Rules.parse(text, where=str(path), today=today)

    @staticmethod
    def parse(text: str, *, where: str, today: date) -> "Rules":
        """Return the rules of a TOML text; `where` names it in errors."""
        return Rules(tuple(_Reader(text, where, today).rules()))

    def excuse(self, namespace: str, kind: str, difference: Difference) -> str | None:
        """Return the name of the first rule that excuses a difference.

        `kind` is a kind of operation, or "state" for stored documents.
        """
        for rule in self.rules:
            if rule.excuses(namespace, kind, difference):
                return rule.name
        return None

    def reveals(self, namespace: str, path: str) -> bool:
        """Return whether samples may show the values at a generalised path."""
        effects = {rule.effect for rule in self.rules if rule.covers(namespace, path)}
        return Effect.REVEAL in effects and Effect.REDACT not in effects


class _Reader:
    """Reads the tables of one text, and knows their lines."""

    def __init__(self, text: str, where: str, today: date) -> None:
        self._lines = text.splitlines()
        self._text = text
        self._where = where
        self._today = today
        self._starts = [n for n, line in enumerate(self._lines, 1) if _TABLE.match(line)]

    def rules(self) -> Iterable[Rule]:
        names: set[str] = set()
        for number, table in enumerate(self._tables()):
            line = self._starts[number] if number < len(self._starts) else 1
            rule = self._rule(table, line)
            if rule.name in names:
                raise self._wrong(f"rule {rule.name!r} exists twice", line, "name", "rename one")
            names.add(rule.name)
            yield rule

    def _tables(self) -> list[dict[str, Any]]:
        try:
            content = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            found = _LINE_OF_TOML_ERROR.search(str(error))
            line = int(found[1]) if found else max(len(self._lines), 1)
            raise SettingsError(
                f"the rules are not TOML: {error}",
                where=f"{self._where}:{line}",
                remedy="correct the line",
            ) from error
        tables = content.pop("rule", [])
        for name in content:
            raise self._wrong(
                f"{name!r} is no table of rules", 0, name, "write each rule as a [[rule]] table"
            )
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self._wrong(
                "`rule` is no array of tables", 0, "rule", "write each rule as a [[rule]] table"
            )
        return tables

    def _rule(self, table: dict[str, Any], line: int) -> Rule:
        name = self._text_of(table, "name", line, label="a rule")
        label = f"rule {name!r}"
        for key in table:
            if key not in _KEYS:
                raise self._wrong(
                    f"{label} has an unknown key {key!r}", line, key, f"use {', '.join(_KEYS)}"
                )
        effect = self._effect(table, line, label)
        changes = frozenset(
            ChangeKind(each)
            for each in self._choices(table, "changes", frozenset(ChangeKind), line, label)
        )
        return Rule(
            name=name,
            effect=effect,
            collection=self._collection(table, line, label),
            path=self._path(table, effect, changes, line, label),
            kinds=self._choices(table, "kinds", frozenset(Kind) | {STATE}, line, label),
            changes=changes,
            tolerance=self._tolerance(table, effect, line, label),
            owner=self._text_of(table, "owner", line, label=label),
            reason=self._text_of(table, "reason", line, label=label),
            expires=self._expires(table, line, label),
        )

    def _text_of(self, table: Mapping[str, Any], key: str, line: int, *, label: str) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(f"{label} has no {key}", line, key, f"give it a text as `{key}`")
        return value

    def _effect(self, table: Mapping[str, Any], line: int, label: str) -> Effect:
        value = table.get("effect")
        if not isinstance(value, str) or value not in set(Effect):
            raise self._wrong(
                f"{label} has no known effect", line, "effect", f"use {', '.join(Effect)}"
            )
        return Effect(value)

    def _collection(self, table: Mapping[str, Any], line: int, label: str) -> re.Pattern[str]:
        glob = self._text_of(table, "collection", line, label=label)
        if not _GLOB.fullmatch(glob):
            raise self._wrong(
                f"{label} has a bad glob {glob!r}",
                line,
                "collection",
                "use names, `*` and `?`, with or without the database in front",
            )
        return re.compile(translate(glob))

    def _path(
        self,
        table: Mapping[str, Any],
        effect: Effect,
        changes: frozenset[ChangeKind],
        line: int,
        label: str,
    ) -> tuple[str, ...]:
        value = table.get("path", "")
        if not isinstance(value, str) or "" in value.split(".")[bool(not value) :]:
            raise self._wrong(f"{label} has a bad path", line, "path", "write it like `items.*.at`")
        if not value and (effect is not Effect.IGNORE or not changes):
            raise self._wrong(
                f"{label} has no path",
                line,
                "path",
                "name one; only an `ignore` that lists its `changes` may cover whole documents",
            )
        return tuple(value.split(".")) if value else ()

    def _choices(
        self, table: Mapping[str, Any], key: str, known: frozenset[str], line: int, label: str
    ) -> frozenset[str]:
        values = table.get(key, [])
        if not isinstance(values, list) or not all(
            isinstance(value, str) and value in known for value in values
        ):
            raise self._wrong(
                f"{label} has unknown {key}", line, key, f"list some of {', '.join(sorted(known))}"
            )
        return frozenset(values)

    def _tolerance(
        self, table: Mapping[str, Any], effect: Effect, line: int, label: str
    ) -> Tolerance:
        if ("tolerance" in table) != (effect is Effect.TOLERANCE):
            raise self._wrong(
                f"{label} has a tolerance without its effect, or the effect without it",
                line,
                "tolerance",
                'give `tolerance` together with `effect = "tolerance"`',
            )
        if effect is not Effect.TOLERANCE:
            return EXACT
        value = table["tolerance"]
        bounds = value if isinstance(value, dict) else {"absolute": value}
        if (
            not bounds
            or not bounds.keys() <= {"absolute", "relative"}
            or not all(map(_is_bound, bounds.values()))
        ):
            raise self._wrong(
                f"{label} has a bad tolerance",
                line,
                "tolerance",
                "write `{ absolute = 1000 }` or `{ relative = 0.01 }`; dates count in milliseconds",
            )
        return Tolerance(**{side: float(bound) for side, bound in bounds.items()})

    def _expires(self, table: Mapping[str, Any], line: int, label: str) -> date:
        value = table.get("expires")
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self._wrong(
                f"{label} has no day on which it expires",
                line,
                "expires",
                "write a date without quotes, as in `expires = 2027-01-31`",
            )
        if value < self._today:
            raise self._wrong(
                f"{label} expired on {value}",
                line,
                "expires",
                "renew `expires` and say why, or delete the rule: its mismatches then count",
            )
        return value

    def _wrong(self, what: str, line: int, key: str, remedy: str) -> SettingsError:
        where = f"{self._where}:{self._line_of(key, line)}"
        return SettingsError(what, where=where, remedy=remedy)

    def _line_of(self, key: str, line: int) -> int:
        """Return the line of a key in the table that opens at `line`, else the line of the table."""
        end = next((start for start in self._starts if start > line), len(self._lines) + 1)
        wanted = re.compile(rf"\s*(?:\[\[?\s*)?[\"']?{re.escape(key)}[\"']?\s*[\]=.]")
        for number in range(line + 1, end):
            if wanted.match(self._lines[number - 1]):
                return number
        return max(line, 1)


_KEYS: Final = (
    "name",
    "effect",
    "collection",
    "path",
    "kinds",
    "changes",
    "tolerance",
    "owner",
    "reason",
    "expires",
)


def _is_bound(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and isfinite(value)
        and value > 0
    )


def _as_float(value: Any) -> float | None:
    """Return a finite number, or the milliseconds of a date; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal128 | DatetimeMS):
        return None
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    try:
        number = float(int(value)) if isinstance(value, DatetimeMS) else float(value)
    except (OverflowError, ValueError):
        return None
    return number if isfinite(number) else None
