"""`$inc`, `$mul` and `$bit`.

Source: MongoDB manual, "$inc", "$mul", "$bit"; the widths of results were observed on MongoDB 6.0.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson.int64 import Int64

from adapters.evaluate.changes.outcome import NOTHING
from adapters.evaluate.numbers import (
    CONTEXT,
    DECIMAL,
    DOUBLE,
    INT,
    INT_MAX,
    INT_MIN,
    LONG_MAX,
    LONG_MIN,
    decimal128,
    decimal_of,
    width,
)
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name
from adapters.query.update import Arithmetic, BitOperation, Calculate, ChangeBits
from comparators.canonical import MISSING
from comparators.order import compare

BAD_VALUE: Final = 2
TYPE_MISMATCH: Final = 14


def calculated(change: Calculate, current: Any) -> Any:
    """Return the sum or product; CommandFailure where MongoDB has no number for it.

    A number of the same type and value is none, so that -0.0 stays what it is.
    """
    if current is MISSING:
        if change.operation is Arithmetic.INC:
            return change.operand
        return _result(change, 0)
    result = _result(change, current)
    same = type(result) is type(current) and compare(result, current) == 0
    return NOTHING if same else result


def _result(change: Calculate, current: Any) -> Any:
    operand = change.operand
    left, right = width(current), width(operand)
    if left is None or right is None:
        raise CommandFailure(
            TYPE_MISMATCH,
            f"Cannot apply {change.operation} to a value of non-numeric type {type_name(current)}",
        )
    widest = max(left, right)
    multiply = change.operation is Arithmetic.MUL
    if widest == DECIMAL:
        operate = CONTEXT.multiply if multiply else CONTEXT.add
        return decimal128(operate(decimal_of(current), decimal_of(operand)))
    result = current * operand if multiply else current + operand
    if widest == DOUBLE:
        return float(result)
    return _integer(int(result), long=widest != INT, what=change.operation)


def changed_bits(change: ChangeBits, current: Any) -> Any:
    """Return the number after all operations; a place that is empty counts as zero."""
    value = 0 if current is MISSING else current
    if type(value) not in {int, Int64}:
        raise CommandFailure(BAD_VALUE, "Cannot apply $bit to a value of non-integral type")
    for operation, operand in change.operations:
        long = isinstance(value, Int64) or isinstance(operand, Int64)
        result = _BITS[operation](int(value), int(operand))
        value = Int64(result) if long else result
    return value


def _integer(exact: int, *, long: bool, what: str) -> Any:
    if not long and INT_MIN <= exact <= INT_MAX:
        return exact
    if LONG_MIN <= exact <= LONG_MAX:
        return Int64(exact)
    raise CommandFailure(BAD_VALUE, f"Failed to apply {what} operations to current value")


_BITS: Final[Mapping[BitOperation, Callable[[int, int], int]]] = {
    BitOperation.AND: lambda value, mask: value & mask,
    BitOperation.OR: lambda value, mask: value | mask,
    BitOperation.XOR: lambda value, mask: value ^ mask,
}
