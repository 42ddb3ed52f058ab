"""The operators of an update: what they take, and the change they make."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson.dbref import DBRef
from bson.int64 import Int64
from bson.regex import Regex

from adapters.query.failures import CommandFailure
from adapters.query.filter import is_value_operator, parse_element_filter
from adapters.query.filter.numbers import FAILED_TO_PARSE, whole_number
from adapters.query.types import is_number, type_name
from adapters.query.update.push import parse_push
from adapters.query.update.tree import (
    AddToSet,
    Arithmetic,
    BitOperation,
    Bound,
    Calculate,
    Change,
    ChangeBits,
    CurrentDate,
    Pop,
    PullAll,
    PullMatching,
    SetTo,
    Unset,
)

BAD_VALUE: Final = 2
TYPE_MISMATCH: Final = 14

Parser = Callable[[Any], Change]


def _calculate(operation: Arithmetic) -> Parser:
    def parse(operand: Any) -> Change:
        if not is_number(operand):
            raise CommandFailure(TYPE_MISMATCH, f"Cannot {operation} with non-numeric argument")
        return Calculate(operation=operation, operand=operand)

    return parse


def _current_date(operand: Any) -> Change:
    if isinstance(operand, bool):
        return CurrentDate()
    if not isinstance(operand, dict):
        raise CommandFailure(BAD_VALUE, f"{type_name(operand)} is not valid for $currentDate")
    for name in operand:
        if name != "$type":
            raise CommandFailure(BAD_VALUE, f"Unrecognized $currentDate option: {name}")
    if operand.get("$type") not in {"date", "timestamp"}:
        raise CommandFailure(BAD_VALUE, "'$type' is required to be 'date' or 'timestamp'")
    return CurrentDate(timestamp=operand["$type"] == "timestamp")


def _add_to_set(operand: Any) -> Change:
    if not isinstance(operand, dict) or next(iter(operand), "") != "$each":
        return AddToSet(values=(operand,))
    each = operand["$each"]
    if not isinstance(each, list):
        raise CommandFailure(TYPE_MISMATCH, "The argument to $each in $addToSet must be an array")
    if len(operand) > 1:
        raise CommandFailure(BAD_VALUE, "Found unexpected fields after $each in $addToSet")
    return AddToSet(values=tuple(each))


def _pull(operand: Any) -> Change:
    if isinstance(operand, Regex):
        return PullMatching(condition=parse_element_filter({"": operand}), documents=False)
    document = operand.as_doc() if isinstance(operand, DBRef) else operand
    if not isinstance(document, dict):
        return PullAll(values=(operand,))
    if is_value_operator(next(iter(document), "")):
        return PullMatching(condition=parse_element_filter({"": document}), documents=False)
    return PullMatching(condition=parse_element_filter(document), documents=True)


def _pull_all(operand: Any) -> Change:
    if not isinstance(operand, list):
        raise CommandFailure(BAD_VALUE, "$pullAll requires an array argument")
    return PullAll(values=tuple(operand))


def _pop(operand: Any) -> Change:
    end = whole_number(operand, what="$pop", code=FAILED_TO_PARSE)
    if end not in {1, -1}:
        raise CommandFailure(FAILED_TO_PARSE, f"$pop expects 1 or -1, found: {end}")
    return Pop(first=end == -1)


def _bits(operand: Any) -> Change:
    if not isinstance(operand, dict):
        raise CommandFailure(BAD_VALUE, "The $bit modifier needs an embedded document")
    if not operand:
        raise CommandFailure(BAD_VALUE, "You must pass in at least one bitwise operation.")
    operations = []
    for name, value in operand.items():
        if name not in set(BitOperation):
            raise CommandFailure(
                BAD_VALUE, f"$bit only supports 'and', 'or', and 'xor', not {name}"
            )
        if type(value) not in {int, Int64}:
            raise CommandFailure(BAD_VALUE, "The $bit modifier field must be an Integer(32/64 bit)")
        operations.append((BitOperation(name), value))
    return ChangeBits(operations=tuple(operations))


OPERATORS: Final[Mapping[str, Parser]] = {
    "$set": lambda operand: SetTo(value=operand),
    "$setOnInsert": lambda operand: SetTo(value=operand, on_insert=True),
    "$unset": lambda _operand: Unset(),
    "$inc": _calculate(Arithmetic.INC),
    "$mul": _calculate(Arithmetic.MUL),
    "$min": lambda operand: Bound(value=operand, upper=False),
    "$max": lambda operand: Bound(value=operand, upper=True),
    "$currentDate": _current_date,
    "$push": parse_push,
    "$addToSet": _add_to_set,
    "$pull": _pull,
    "$pullAll": _pull_all,
    "$pop": _pop,
    "$bit": _bits,
}
"""All but `$rename`, which is of two paths."""
