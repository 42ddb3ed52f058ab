"""The tests of single values behind the leaves of a filter."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex

from adapters.evaluate.numbers import coerced
from adapters.evaluate.patterns import compiled
from adapters.query.filter.numbers import truncated
from adapters.query.filter.tree import Bits, BitsTest, Comparator, Comparison, In, Modulo, TypeIs
from adapters.query.types import is_number, type_number
from comparators.canonical import MISSING
from comparators.order import SIMPLE, ValueOrder

Test = Callable[[Any], bool]


def comparison_test(leaf: Comparison) -> Test:
    """Return the test of one comparison."""
    if leaf.comparator is Comparator.EQ:
        return equality_test(leaf.value, leaf.comparing)
    return _range_test(leaf.comparator, leaf.value, leaf.comparing)


def equality_test(value: Any, order: ValueOrder = SIMPLE) -> Test:
    """Return the test for equality as a query sees it: null and missing are one, numbers have no type."""
    kind = type(value)
    if value is None:
        return lambda other: other is None or other is MISSING
    if kind is ObjectId or (kind is str and order.is_simple):
        return lambda other: type(other) is kind and other == value
    if kind is bool:
        return lambda other: other is value
    if kind is int or kind is Int64:
        return _whole_number_test(int(value))
    key_of = order.key
    key = key_of(value)
    return lambda other: other is not MISSING and key_of(other) == key


def in_test(leaf: In) -> Test:
    """Return the test for membership."""
    key_of = leaf.comparing.key
    keys = {key_of(value) for value in leaf.values}
    null = None in leaf.values
    finds = [pattern_test(pattern) for pattern in leaf.patterns]

    def test(value: Any) -> bool:
        if value is MISSING:
            return null
        return key_of(value) in keys or any(find(value) for find in finds)

    return test


def pattern_test(pattern: Regex[str]) -> Test:
    """Return the test for a string that a pattern finds, or for the pattern itself as a value."""
    search = compiled(pattern.pattern, pattern.flags).search
    key = SIMPLE.key(pattern)

    def test(value: Any) -> bool:
        if type(value) is str:
            return search(value) is not None
        return isinstance(value, Regex) and SIMPLE.key(value) == key

    return test


def type_test(leaf: TypeIs) -> Test:
    """Return the test for the type of a value."""
    types = leaf.types
    return lambda value: value is not MISSING and type_number(value) in types


def modulo_test(leaf: Modulo) -> Test:
    """Return the test of a remainder, whose sign is that of the dividend."""
    divisor = abs(leaf.divisor)
    remainder = leaf.remainder

    def test(value: Any) -> bool:
        if not is_number(value):
            return False
        whole = truncated(value)
        if whole is None:
            return False
        rest = whole % divisor if whole >= 0 else -(-whole % divisor)
        return rest == remainder

    return test


def bits_test(leaf: Bits) -> Test:
    """Return the test of bits: numbers are in two's complement, binary is filled up with zeros."""
    decide = _BITS[leaf.test]
    positions = leaf.positions

    def test(value: Any) -> bool:
        if isinstance(value, bytes):
            number: int | None = int.from_bytes(value, "little")
        else:
            number = _bits_of_number(value)
        return number is not None and decide(number >> position & 1 for position in positions)

    return test


_BITS: Final[Mapping[BitsTest, Callable[[Any], bool]]] = {
    BitsTest.ALL_SET: all,
    BitsTest.ANY_SET: any,
    BitsTest.ALL_CLEAR: lambda bits: not any(bits),
    BitsTest.ANY_CLEAR: lambda bits: not all(bits),
}


def _bits_of_number(value: Any) -> int | None:
    """Return a number as a long, None for what has no bits: a double that is not one exactly.

    A decimal always has some: those of the nearest long, and of the lowest one if it is beyond all.
    """
    if not is_number(value):
        return None
    if isinstance(value, Decimal128):
        return coerced(value)
    whole = truncated(value)
    return whole if whole == value else None


def _whole_number_test(value: int) -> Test:
    numbers = (int, Int64, float)

    def test(other: Any) -> bool:
        kind = type(other)
        if kind in numbers:
            return bool(other == value)
        return kind is Decimal128 and bool(other.to_decimal() == value)

    return test


def _range_test(comparator: Comparator, value: Any, order: ValueOrder) -> Test:
    if isinstance(value, MinKey | MaxKey):
        return _extreme_test(comparator, value)
    if value is None:
        with_equal = comparator in {Comparator.LTE, Comparator.GTE}
        return lambda other: with_equal and (other is None or other is MISSING)
    key_of = order.key
    bound = key_of(value)
    bracket = bound[0]
    decide = _DECISIONS[comparator]
    if is_number(value):
        return _number_range_test(comparator, bound)

    def test(other: Any) -> bool:
        if other is MISSING:
            return False
        key = key_of(other)
        return bool(key[0] == bracket) and decide(key, bound)

    return test


def _number_range_test(comparator: Comparator, bound: tuple[Any, ...]) -> Test:
    """NaN is equal to itself and neither above nor below any number."""
    decide = _DECISIONS[comparator]
    bound_is_nan = bound[1] == 0
    with_equal = comparator in {Comparator.LTE, Comparator.GTE}

    def test(other: Any) -> bool:
        if not is_number(other):
            return False
        key = SIMPLE.key(other)
        if bound_is_nan or key[1] == 0:
            return with_equal and key == bound
        return decide(key, bound)

    return test


def _extreme_test(comparator: Comparator, value: Any) -> Test:
    """MinKey and MaxKey are the only bounds that reach across types."""
    lowest = isinstance(value, MinKey)
    below = comparator in {Comparator.LT, Comparator.LTE}
    with_equal = comparator in {Comparator.LTE, Comparator.GTE}

    def test(other: Any) -> bool:
        if type(other) is type(value):
            return with_equal
        return below != lowest

    return test


_DECISIONS: Final[Mapping[Comparator, Callable[[Any, Any], bool]]] = {
    Comparator.LT: lambda key, bound: key < bound,
    Comparator.LTE: lambda key, bound: key <= bound,
    Comparator.GT: lambda key, bound: key > bound,
    Comparator.GTE: lambda key, bound: key >= bound,
}
