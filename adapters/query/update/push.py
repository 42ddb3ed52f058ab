"""`$push` and its modifiers.

Source: MongoDB manual, "$push", section "Modifiers".
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.query.failures import CommandFailure
from adapters.query.filter.numbers import truncated
from adapters.query.types import is_number
from adapters.query.update.tree import Change, ElementOrder, Push

BAD_VALUE: Final = 2

MODIFIERS: Final = frozenset({"$each", "$position", "$slice", "$sort"})


def parse_push(operand: Any) -> Change:
    """Return the change; without `$each` the operand is the value itself."""
    if not isinstance(operand, dict) or "$each" not in operand:
        return Push(values=(operand,))
    for name in operand:
        if name not in MODIFIERS:
            raise CommandFailure(BAD_VALUE, f"Unrecognized clause in $push: {name}")
    each = operand["$each"]
    if not isinstance(each, list):
        raise CommandFailure(BAD_VALUE, "The argument to $each in $push must be an array")
    return Push(
        values=tuple(each),
        position=_whole(operand, "$position"),
        order=_order(operand["$sort"]) if "$sort" in operand else None,
        keep=_whole(operand, "$slice"),
    )


def _whole(operand: Mapping[str, Any], name: str) -> int | None:
    """Return a modifier that is a whole number; None if it was left out."""
    if name not in operand:
        return None
    value = operand[name]
    whole = truncated(value) if is_number(value) else None
    if whole is None or float(str(value)) != float(whole):
        raise CommandFailure(BAD_VALUE, f"The value for {name} must be an integer value")
    return whole


def _order(value: Any) -> ElementOrder:
    if is_number(value):
        return ElementOrder(by=None, descending=_direction(value) < 0)
    if not isinstance(value, dict):
        raise CommandFailure(BAD_VALUE, "The $sort is invalid: use 1/-1 or {field:1/-1}")
    if not value:
        raise CommandFailure(BAD_VALUE, "The sort pattern is empty.")
    for path, direction in value.items():
        if not all(path.split(".")):
            raise CommandFailure(BAD_VALUE, "The sort field has an empty part")
        if not is_number(direction):
            raise CommandFailure(BAD_VALUE, "The sort element value must be either 1 or -1")
    return ElementOrder(by={path: _direction(each) for path, each in value.items()})


def _direction(value: Any) -> int:
    number = float(str(value))
    if number not in {1.0, -1.0}:
        raise CommandFailure(BAD_VALUE, "The sort element value must be either 1 or -1")
    return int(number)
