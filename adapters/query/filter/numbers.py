"""Whole numbers as operands of `$size`, `$mod`, `$bits…` and their like.

Each operator refuses a wrong operand in its own words and, for some, with its own code.
"""

from typing import Any, Final

from bson.binary import Binary
from bson.decimal128 import Decimal128

from adapters.query.failures import CommandFailure
from adapters.query.types import is_number

BAD_VALUE: Final = 2
FAILED_TO_PARSE: Final = 9
INT32_MAX: Final = 2**31 - 1
INT64_MAX: Final = 2**63 - 1
INT64_MIN: Final = -(2**63)


def whole_number(value: Any, *, what: str, code: int = BAD_VALUE) -> int:
    """Return a number without a fraction; CommandFailure for any other value."""
    if not is_number(value):
        raise CommandFailure(code, f"Expected a number in: {what}")
    exact = value.to_decimal() if isinstance(value, Decimal128) else value
    # NaN differs from itself, and infinities have no whole part.
    if not isinstance(exact, int) and (not _finite(exact) or exact != int(exact)):
        raise CommandFailure(code, f"Expected an integer: {what}")
    whole = int(exact)
    if not INT64_MIN <= whole <= INT64_MAX:
        raise CommandFailure(code, f"Cannot represent as a 64-bit integer: {what}")
    return whole


def natural_number(value: Any, *, what: str, code: int = BAD_VALUE) -> int:
    """Return a whole number that is not negative; CommandFailure for any other value."""
    whole = whole_number(value, what=what, code=code)
    if whole < 0:
        raise CommandFailure(code, f"Expected a non-negative number in: {what}")
    return whole


def truncated(value: Any) -> int | None:
    """Return a number without its fraction; None if it is not finite or beyond 64 bits."""
    exact = value.to_decimal() if isinstance(value, Decimal128) else value
    if not isinstance(exact, int) and not _finite(exact):
        return None
    whole = int(exact)
    return whole if INT64_MIN <= whole <= INT64_MAX else None


def bit_positions(value: Any, *, operator: str) -> frozenset[int]:
    """Return the positions that an operand of `$bits…` names: a list, a mask or binary."""
    if isinstance(value, list):
        return frozenset(_bit_position(item, operator) for item in value)
    if isinstance(value, bytes | Binary):
        mask = int.from_bytes(value, "little")
    elif is_number(value):
        mask = natural_number(value, what=operator, code=FAILED_TO_PARSE)
    else:
        raise CommandFailure(BAD_VALUE, f"{operator} takes an Array, a number, or a BinData")
    return frozenset(position for position in range(mask.bit_length()) if mask >> position & 1)


def _bit_position(value: Any, operator: str) -> int:
    position = natural_number(value, what=f"{operator} position")
    if position > INT32_MAX:
        raise CommandFailure(BAD_VALUE, f"{operator} bit position cannot be represented as an int")
    return position


def _finite(value: Any) -> bool:
    return bool(value == value and abs(value) != float("inf"))  # noqa: PLR0124 - NaN
