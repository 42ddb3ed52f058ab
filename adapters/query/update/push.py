"""`$push` and its modifiers.

Source: MongoDB manual, "$push", section "Modifiers".
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.query.element_order import Refusals, parse_element_order
from adapters.query.failures import CommandFailure
from adapters.query.filter.numbers import truncated
from adapters.query.types import is_number
from adapters.query.update.tree import Change, Push

BAD_VALUE: Final = 2
REFUSALS: Final = Refusals(pattern=BAD_VALUE, number=BAD_VALUE, other=BAD_VALUE)

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
        order=parse_element_order(operand["$sort"], REFUSALS) if "$sort" in operand else None,
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
