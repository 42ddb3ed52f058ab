"""A filter as conditions on the JSON body (`adapters/sql/body.py`): a superset of what it matches.

Only scalars at paths of plain names are asked for. Where an array lies on the way the condition holds: MongoDB looks into
arrays, and the residual will. What cannot be said so (null and absence, negation, regular expressions …) is left out.
Conditions are positive only, so that an unknown in SQL's logic never hides a match. Numbers are compared with a margin,
since databases read decimal fractions with errors in the last place.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from bson.regex import Regex
from sqlalchemy.sql import ColumnElement

from adapters.query.filter import And, Comparator, Comparison, Filter, In, Or
from adapters.query.paths import Path
from adapters.sql.body import scalar_of
from adapters.sql.jsonpath import ORDERED
from adapters.tables.dialect import Dialect

MOST_ALTERNATIVES: Final = 100
"""Longer lists are left to the residual."""

MARGIN: Final = 1e-12
PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_ -]*")
"""A name that needs no escape, and is no position in an array."""

AT_LEAST: Final = frozenset({Comparator.GT, Comparator.GTE})
AT_MOST: Final = frozenset({Comparator.LT, Comparator.LTE})


class Narrowing:
    """From the parts of a filter to a condition, in one dialect."""

    def __init__(self, dialect: Dialect, body: ColumnElement[Any]) -> None:
        self._dialect = dialect
        self._body = body

    def all_of(self, parts: Sequence[Filter]) -> ColumnElement[bool] | None:
        """Return what holds wherever all parts do; a part that cannot be said is left out."""
        return _all([self._part(part) for part in parts])

    def _part(self, part: Filter) -> ColumnElement[bool] | None:
        match part:
            case And(children=children):
                return self.all_of(children)
            case Or(children=children):
                return _any([self._part(child) for child in children])
            case Comparison(path=path, comparator=Comparator.EQ, value=value) if self._is_plain(
                path
            ):
                return self._equal(path, value)
            case Comparison(path=path, comparator=comparator, value=value) if self._is_plain(path):
                return self._compared(path, comparator, value)
            case In(path=path, values=values, patterns=()) if self._is_plain(path):
                if len(values) > MOST_ALTERNATIVES:
                    return None
                return _any([self._equal(path, value) for value in values])
            case _:
                return None

    def _equal(self, path: Path, value: Any) -> ColumnElement[bool] | None:
        if isinstance(value, Mapping):
            inner = [(*path, name) for name in value]
            if not all(map(self._is_plain, inner)):
                return None
            fields = zip(inner, value.values(), strict=True)
            return _all([self._equal(each, item) for each, item in fields])
        scalar = None if value is None or isinstance(value, Regex) else _scalar(value)
        if scalar is None or isinstance(scalar, bool):
            return None
        if isinstance(scalar, str):
            return self._or_array(path, self._dialect.text_at(self._body, path) == scalar)
        return self._numbered(path, scalar, at_least=True, at_most=True)

    def _compared(
        self, path: Path, comparator: Comparator, value: Any
    ) -> ColumnElement[bool] | None:
        scalar = _scalar(value) if type(value) in ORDERED else None
        if isinstance(value, str) and isinstance(scalar, str):
            found = self._dialect.text_at(self._body, path)
            return self._or_array(
                path, found >= scalar if comparator in AT_LEAST else found <= scalar
            )
        if isinstance(scalar, int | float):
            return self._numbered(
                path, scalar, at_least=comparator in AT_LEAST, at_most=comparator in AT_MOST
            )
        return None

    def _numbered(
        self, path: Path, number: float, *, at_least: bool, at_most: bool
    ) -> ColumnElement[bool] | None:
        margin = abs(number) * MARGIN
        if not math.isfinite(margin):
            return None
        found = self._dialect.number_at(self._body, path)
        bounds = [found >= number - margin] if at_least else []
        bounds += [found <= number + margin] if at_most else []
        return self._or_array(path, sa.and_(*bounds))

    def _or_array(self, path: Path, condition: ColumnElement[bool]) -> ColumnElement[bool]:
        arrays = [
            self._dialect.is_array_at(self._body, path[:depth]) for depth in range(1, len(path) + 1)
        ]
        return sa.or_(condition, *arrays)

    def _is_plain(self, path: Path) -> bool:
        return len(path) <= self._dialect.deepest and all(map(PLAIN.fullmatch, path))


def _scalar(value: Any) -> Any:
    """Return a value as the body holds it, None where it is no scalar."""
    text = scalar_of(value)
    return None if text is None else json.loads(text)


def _all(conditions: Sequence[ColumnElement[bool] | None]) -> ColumnElement[bool] | None:
    known = [each for each in conditions if each is not None]
    return sa.and_(*known) if known else None


def _any(conditions: Sequence[ColumnElement[bool] | None]) -> ColumnElement[bool] | None:
    known = [each for each in conditions if each is not None]
    if len(known) < len(conditions):
        return None
    return sa.or_(sa.false(), *known)
