"""The order of the elements of an array: `$sort` of `$push`, and `sortBy` of `$sortArray`.

Source: MongoDB manual, "$push", section "Sort Array of Documents"; "$sortArray".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from adapters.query.failures import CommandFailure
from adapters.query.types import is_number


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementOrder:
    """An order of whole elements (by is None) or of documents by their fields."""

    by: Mapping[str, int] | None
    descending: bool = False


class Refusals(NamedTuple):
    """The codes for an order that is none: in a pattern of paths, as a number, and as anything else."""

    pattern: int
    number: int
    other: int


def parse_element_order(value: Any, refusals: Refusals) -> ElementOrder:
    """Return the order that is written as 1, -1 or a pattern of paths."""
    if is_number(value):
        return ElementOrder(by=None, descending=_direction(value, refusals.number) < 0)
    if not isinstance(value, Mapping):
        raise CommandFailure(refusals.other, "The sort is invalid: use 1/-1 or {field:1/-1}")
    if not value:
        raise CommandFailure(refusals.pattern, "The sort pattern is empty.")
    by = {}
    for path, direction in value.items():
        if not all(path.split(".")):
            raise CommandFailure(refusals.pattern, "The sort field has an empty part")
        by[path] = _direction(direction, refusals.pattern)
    return ElementOrder(by=by)


def _direction(value: Any, refusal: int) -> int:
    number = float(str(value)) if is_number(value) else 0.0
    if number not in {1.0, -1.0}:
        raise CommandFailure(refusal, "The sort element value must be either 1 or -1")
    return int(number)
