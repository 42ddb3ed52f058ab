"""From a sort document to the keys in order of weight.

Source: MongoDB manual, "cursor.sort()"; the refusals were observed on MongoDB 6.0.
"""

from collections.abc import Mapping
from typing import Any, Final

from bson.dbref import DBRef

from adapters.query.expression import field_path
from adapters.query.failures import CommandFailure
from adapters.query.filter.numbers import truncated
from adapters.query.types import is_number
from adapters.query.unsupported import unsupported

TOO_MANY_KEYS: Final = 13103
WRONG_VALUE: Final = 15974
WRONG_DIRECTION: Final = 15975
WRONG_EXPRESSION: Final = 17312
MAX_KEYS: Final = 32

Sort = Mapping[str, int]
"""Paths to 1 or -1, in order of weight."""


def parse_sort(document: Mapping[str, Any]) -> Sort:
    """Return the keys; CommandFailure where MongoDB refuses one. An empty sort sorts nothing."""
    if "$natural" not in document:
        check_number(document)
    return sort_keys(document)


def sort_keys(document: Mapping[str, Any]) -> Sort:
    """Return the keys, however many they are."""
    if "$natural" in document:
        raise unsupported("$natural", where="sort")
    return {path: _direction(path, value) for path, value in document.items()}


def check_number(sort: Mapping[str, Any]) -> None:
    """Refuse a sort by more keys than MongoDB takes."""
    if len(sort) > MAX_KEYS:
        raise CommandFailure(TOO_MANY_KEYS, "too many compound keys")


def _direction(path: str, value: Any) -> int:
    field_path(path)
    if isinstance(value, dict | DBRef):
        if isinstance(value, dict) and "$meta" in value:
            raise unsupported("$meta", where="sort")
        raise CommandFailure(WRONG_EXPRESSION, "$meta is the only expression supported by $sort")
    if not is_number(value):
        raise CommandFailure(WRONG_VALUE, f"Illegal key in $sort specification: {path}")
    direction = truncated(value)
    if direction not in {1, -1}:
        raise CommandFailure(WRONG_DIRECTION, "$sort key ordering must be 1 or -1")
    return direction
