"""Filters and updates without their values: operations of one outline can share a plan.

A value leaves a slot where all values of its class are planned alike; a value that decides about the plan (null, a
boolean, a count) is part of the outline. What is neither has no outline, and is planned each time.
"""

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from adapters.query.types import INT32_MAX, INT32_MIN

LATEST_MS: Final = 2**52
"""Dates up to here, before and after the epoch, are dates for every database."""

LONGEST_IDENTITY: Final = 64
"""A longer text may be too long to be a key as it is."""

ESCAPES: Final = "\x01"
"""A text that begins so is no key as it is."""

Key = list[Any]
Values = list[Any]


def _is_plain_text(value: str) -> bool:
    return "\0" not in value


def _is_int32(value: int) -> bool:
    return INT32_MIN <= value <= INT32_MAX


def _is_fraction(value: float) -> bool:
    # A whole one is told apart from an integer by the layout of its document.
    return isfinite(value) and value != int(value)


def _is_usual_date(value: DatetimeMS) -> bool:
    return -LATEST_MS < int(value) < LATEST_MS


def _is_any(_value: Any) -> bool:
    return True


CLASSES: Final[Mapping[type, Callable[[Any], bool]]] = {
    str: _is_plain_text,
    int: _is_int32,
    float: _is_fraction,
    ObjectId: _is_any,
    DatetimeMS: _is_usual_date,
}
"""By the type of a value, whether it is of the class that leaves a slot."""

CONSTANTS: Final = frozenset({bool, type(None)})
COMPARISONS: Final = frozenset({"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"})
MEMBERSHIPS: Final = frozenset({"$in", "$nin"})
COUNTS: Final = frozenset({"$exists", "$size"})
LOGICAL: Final = frozenset({"$and", "$or", "$nor"})
NEGATION: Final = "$not"
OF_VALUES: Final = frozenset({"$set", "$setOnInsert", "$min", "$max"})
OF_ELEMENTS: Final = frozenset({"$push", "$addToSet", "$pull"})
END: Final = None
"""Closes a document in an outline: no name is None."""


def outline_filter(document: Mapping[str, Any], key: Key, values: Values) -> bool:
    """Add the outline of a filter to `key`, and to `values` what is in its slots; False where it has none."""
    for name, value in document.items():
        key.append(name)
        if name.startswith("$"):
            if name not in LOGICAL or not _alternatives(value, key, values):
                return False
        elif not _field(name, value, key, values):
            return False
    key.append(END)
    return True


def outline_update(update: Any, key: Key, values: Values) -> bool:
    """Add the outline of an update by operators, as `outline_filter` does."""
    if type(update) is not dict or not update:
        return False
    for operator, fields in update.items():
        key.append(operator)
        add = OPERANDS.get(operator)
        if add is None or type(fields) is not dict:
            return False
        for name, value in fields.items():
            key.append(name)
            if not add(value, key, values):
                return False
        key.append(END)
    key.append(END)
    return True


def is_usual_identity(value: Any) -> bool:
    """Return whether a value is an `_id` that all databases keep as it is."""
    if type(value) is str:
        return len(value) <= LONGEST_IDENTITY and "\0" not in value and value[:1] != ESCAPES
    return type(value) is ObjectId


def _field(name: str, value: Any, key: Key, values: Values) -> bool:
    if name == "_id" and not _asks_for_usual_identities(value):
        return False
    return _scalar(value, key, values) or _conditions(value, key, values)


def _asks_for_usual_identities(value: Any) -> bool:
    if type(value) is not dict:
        return is_usual_identity(value)
    return all(
        all(map(is_usual_identity, each)) if type(each) is list else is_usual_identity(each)
        for each in value.values()
    )


def _scalar(value: Any, key: Key, values: Values) -> bool:
    kind = type(value)
    belongs = CLASSES.get(kind)
    if belongs is not None:
        if not belongs(value):
            return False
        key.append(kind)
        values.append(value)
        return True
    if kind not in CONSTANTS:
        return False
    key += (kind, value)
    return True


def _alternatives(given: Any, key: Key, values: Values) -> bool:
    if type(given) is not list or not given:
        return False
    key.append(len(given))
    return all(type(each) is dict and outline_filter(each, key, values) for each in given)


def _conditions(operators: Any, key: Key, values: Values) -> bool:
    if type(operators) is not dict or not operators:
        return False
    key.append(dict)
    for name, operand in operators.items():
        key.append(name)
        if name in COMPARISONS:
            if not _scalar(operand, key, values):
                return False
        elif name in MEMBERSHIPS:
            if not _several(operand, key, values):
                return False
        elif name == NEGATION:
            if not _conditions(operand, key, values):
                return False
        elif name not in COUNTS or type(operand) not in {bool, int}:
            return False
        else:
            key += (type(operand), operand)
    key.append(END)
    return True


def _several(operand: Any, key: Key, values: Values) -> bool:
    """Take the operand of `$in`: one value, or different ones of one type."""
    if type(operand) is not list or not operand:
        return False
    kind = type(operand[0])
    belongs = CLASSES.get(kind)
    if belongs is None or not all(type(each) is kind and belongs(each) for each in operand):
        return False
    if len(operand) > 1 and len(set(operand)) < len(operand):
        return False
    key += (list, kind, len(operand) > 1)
    values.append(operand)
    return True


def _list_of_texts(value: Any, key: Key, values: Values) -> bool:
    if type(value) is not list or not all(type(each) is str and "\0" not in each for each in value):
        return False
    key.append(list)
    values.append(value)
    return True


def _value(value: Any, key: Key, values: Values) -> bool:
    return _scalar(value, key, values) or _list_of_texts(value, key, values)


def _addend(value: Any, key: Key, values: Values) -> bool:
    return type(value) is int and value != 0 and _scalar(value, key, values)


def _flag(_value: Any, _key: Key, _values: Values) -> bool:
    return True


OPERANDS: Final[Mapping[str, Callable[[Any, Key, Values], bool]]] = {
    **dict.fromkeys(OF_VALUES, _value),
    **dict.fromkeys(OF_ELEMENTS, _scalar),
    "$inc": _addend,
    "$unset": _flag,
}
"""By the operator of an update, how its operands are taken."""


def filled_filter(document: Mapping[str, Any], values: Iterator[Any]) -> dict[str, Any]:
    """Return a filter that has an outline with other values in its slots."""
    filled: dict[str, Any] = {}
    for name, value in document.items():
        if name in LOGICAL:
            filled[name] = [filled_filter(each, values) for each in value]
        elif type(value) is dict:
            filled[name] = _filled_conditions(value, values)
        else:
            filled[name] = _filled(value, values)
    return filled


def _filled_conditions(operators: Mapping[str, Any], values: Iterator[Any]) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for operator, operand in operators.items():
        if operator in COUNTS:
            filled[operator] = operand
        elif operator == NEGATION:
            filled[operator] = _filled_conditions(operand, values)
        else:
            filled[operator] = _filled(operand, values)
    return filled


def filled_update(update: Mapping[str, Any], values: Iterator[Any]) -> dict[str, Any]:
    """Return an update that has an outline with other values in its slots."""
    return {
        operator: fields
        if operator == "$unset"
        else {name: _filled(value, values) for name, value in fields.items()}
        for operator, fields in update.items()
    }


def _filled(value: Any, values: Iterator[Any]) -> Any:
    return value if type(value) in CONSTANTS else next(values)


def probes_of(values: Values, *, round_of: int) -> Values:
    """Return values of the same classes: all different, and different from those of other rounds."""
    found: Values = []
    for at, value in enumerate(values):
        if type(value) is list:
            kind = type(value[0]) if value else str
            # Not in their order: whether a plan sorts them shows.
            elements = reversed(range(min(len(value), MOST_PROBED)))
            found.append([PROBES[kind](_number(round_of, at, each)) for each in elements])
        else:
            found.append(PROBES[type(value)](_number(round_of, at, 0)))
    return found


MOST_PROBED: Final = 2


def _number(round_of: int, at: int, element: int) -> int:
    return 1000 + (round_of * 1000 + at) * MOST_PROBED + element


PROBES: Final[Mapping[type, Callable[[int], Any]]] = {
    # Of one character: there may be columns for few.
    str: lambda number: chr(0x4E00 + number),
    int: lambda number: number,
    float: lambda number: number + 0.5,
    ObjectId: lambda number: ObjectId(number.to_bytes(12)),
    DatetimeMS: DatetimeMS,
}
