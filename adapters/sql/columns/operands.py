"""BSON values as operands of a comparison with a column: what they are among the values that it can hold.

Numbers compare by value whatever their type: of an operand that the column cannot hold, the neighbour that it
can hold serves as well. A value of another class equals none, and is neither above nor below any.
Source: MongoDB manual, "Comparison/Sort Order"; PostgreSQL manual, "Numeric Types".
"""

import math
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple
from uuid import UUID

from bson.binary import UUID_SUBTYPE, Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from adapters.entities.entity import ColumnType
from adapters.entities.values import EARLIEST_MS, LATEST_MS
from adapters.query.filter import Comparator
from adapters.query.types import is_number
from adapters.sql.columns.condition import Sign

INTEGERS: Final[Mapping[ColumnType, tuple[int, int]]] = {
    ColumnType.INTEGER: (-(2**31), 2**31 - 1),
    ColumnType.BIGINT: (-(2**63), 2**63 - 1),
}
NUMBERS: Final = frozenset(
    {ColumnType.INTEGER, ColumnType.BIGINT, ColumnType.DOUBLE, ColumnType.NUMERIC}
)
TEXTS: Final = frozenset({ColumnType.TEXT, ColumnType.VARCHAR})
LARGEST: Final = sys.float_info.max

SIGNS: Final[Mapping[Comparator, Sign]] = {
    Comparator.EQ: Sign.EQUAL,
    Comparator.LT: Sign.BELOW,
    Comparator.LTE: Sign.AT_MOST,
    Comparator.GT: Sign.ABOVE,
    Comparator.GTE: Sign.AT_LEAST,
}
UPWARD: Final = frozenset({Comparator.GT, Comparator.GTE})
FROM_BELOW: Final = frozenset({Comparator.GT, Comparator.LTE})
"""Comparisons with what lies between two values of a column that may use the lower one instead."""


class Bound(NamedTuple):
    """A comparison that the database can make."""

    sign: Sign
    value: Any


class Unknown:
    """It is not known here how the values of the column compare: all of them may satisfy it."""


UNKNOWN: Final = Unknown()
Comparable = Bound | bool | Unknown
"""A comparison, or whether all values of the column satisfy it."""


def compared(kind: ColumnType, comparator: Comparator, value: Any) -> Comparable:
    """Return how values of a column compare with an operand that is not null, MinKey or MaxKey."""
    if kind in NUMBERS:
        return _number(kind, comparator, value) if is_number(value) else False
    return _COMPARED[kind](comparator, value)


def _number(kind: ColumnType, comparator: Comparator, value: Any) -> Comparable:
    # By far the most common operands, as they are.
    if kind is ColumnType.INTEGER and type(value) is int:
        return _within(kind, comparator, value)
    exact = value.to_decimal() if type(value) is Decimal128 else value
    if exact != exact:  # noqa: PLR0124 - NaN, which drifts
        return False
    if not isinstance(exact, int) and math.isinf(exact):
        return _infinite(kind, comparator, exact)
    match kind:
        case ColumnType.DOUBLE:
            return _double(comparator, exact)
        case ColumnType.NUMERIC:
            return Bound(SIGNS[comparator], Decimal(exact))
        case _:
            return _whole(kind, comparator, exact)


def _infinite(kind: ColumnType, comparator: Comparator, exact: float | Decimal) -> Comparable:
    if kind is ColumnType.DOUBLE:
        return Bound(SIGNS[comparator], float(exact))
    if comparator is Comparator.EQ:
        return False
    return (exact < 0) is (comparator in UPWARD)


def _whole(kind: ColumnType, comparator: Comparator, exact: float | Decimal) -> Comparable:
    below = math.floor(exact)
    if comparator is Comparator.EQ:
        return _within(kind, comparator, below) if below == exact else False
    return _within(kind, comparator, below if comparator in FROM_BELOW else math.ceil(exact))


def _within(kind: ColumnType, comparator: Comparator, value: int) -> Comparable:
    least, most = INTEGERS[kind]
    if least <= value <= most:
        return Bound(SIGNS[comparator], int(value))
    if comparator is Comparator.EQ:
        return False
    return (value < least) is (comparator in UPWARD)


def _double(comparator: Comparator, exact: float | Decimal) -> Comparable:
    if type(exact) is float:
        return Bound(SIGNS[comparator], exact)
    fraction = Fraction(exact)
    nearest = _nearest_double(fraction)
    if Fraction(nearest) == fraction:
        return Bound(SIGNS[comparator], nearest)
    if comparator is Comparator.EQ:
        return False
    is_below = nearest < fraction
    if comparator in FROM_BELOW:
        return Bound(SIGNS[comparator], nearest if is_below else _neighbour(nearest, -math.inf))
    return Bound(SIGNS[comparator], _neighbour(nearest, math.inf) if is_below else nearest)


def _nearest_double(fraction: Fraction) -> float:
    """Return the nearest finite double."""
    if abs(fraction) >= LARGEST:
        return LARGEST if fraction > 0 else -LARGEST
    return float(fraction)


def _neighbour(value: float, towards: float) -> float:
    return math.nextafter(value, towards)


def _text(comparator: Comparator, value: Any) -> Comparable:
    if type(value) is not str:
        return False
    before, zero, _after = value.partition("\0")
    if not zero:
        return Bound(SIGNS[comparator], value)
    # No text in a column holds U+0000, and nothing fits between `before` and what begins with it.
    if comparator is Comparator.EQ:
        return False
    return Bound(Sign.ABOVE if comparator in UPWARD else Sign.AT_MOST, before)


def _timestamp(comparator: Comparator, value: Any) -> Comparable:
    if type(value) is not DatetimeMS:
        return False
    if EARLIEST_MS <= int(value) <= LATEST_MS:
        return Bound(SIGNS[comparator], value)
    if comparator is Comparator.EQ:
        return False
    return (int(value) < EARLIEST_MS) is (comparator in UPWARD)


def _objectid(comparator: Comparator, value: Any) -> Comparable:
    return Bound(SIGNS[comparator], value.binary) if type(value) is ObjectId else False


def _uuid(comparator: Comparator, value: Any) -> Comparable:
    if not isinstance(value, bytes):
        return False
    if type(value) is Binary and value.subtype == UUID_SUBTYPE and len(value) == 16:
        return Bound(SIGNS[comparator], UUID(bytes=bytes(value)))
    # By length, then subtype.
    place = (len(value), value.subtype if isinstance(value, Binary) else 0)
    if comparator is Comparator.EQ:
        return False
    return (place < (16, UUID_SUBTYPE)) is (comparator in UPWARD)


def _bytes(comparator: Comparator, value: Any) -> Comparable:
    if not isinstance(value, bytes):
        return False
    if comparator is not Comparator.EQ:
        # MongoDB orders binary by length first.
        return UNKNOWN
    return Bound(Sign.EQUAL, bytes(value)) if type(value) is bytes else False


_COMPARED: Final[Mapping[ColumnType, Callable[[Comparator, Any], Comparable]]] = {
    ColumnType.TEXT: _text,
    ColumnType.VARCHAR: _text,
    ColumnType.TIMESTAMPTZ: _timestamp,
    ColumnType.OBJECTID: _objectid,
    ColumnType.UUID: _uuid,
    ColumnType.BYTEA: _bytes,
}


def equal_values(kind: ColumnType, values: tuple[Any, ...]) -> list[Any]:
    """Return those of the values that a column can equal, as operands."""
    found = []
    for value in values:
        equal = compared(kind, Comparator.EQ, value)
        if isinstance(equal, Bound):
            found.append(equal.value)
    return found


def flags(comparator: Comparator, value: Any) -> tuple[bool, ...]:
    """Return the booleans that satisfy a comparison."""
    if type(value) is not bool:
        return ()
    return tuple(flag for flag in (False, True) if _DECISIONS[comparator](flag, value))


_DECISIONS: Final[Mapping[Comparator, Callable[[bool, bool], bool]]] = {
    Comparator.EQ: lambda flag, value: flag is value,
    Comparator.LT: lambda flag, value: flag < value,
    Comparator.LTE: lambda flag, value: flag <= value,
    Comparator.GT: lambda flag, value: flag > value,
    Comparator.GTE: lambda flag, value: flag >= value,
}
