"""The leaves of a filter on one scalar: the value of a column, an element of an array, or the primary key."""

from dataclasses import dataclass
from typing import Any, Final, assert_never

from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.regex import Regex

from adapters.entities.entity import ColumnType
from adapters.query.filter import (
    Bits,
    BitsTest,
    Comparator,
    Comparison,
    ElementMatches,
    ElementSatisfies,
    Exists,
    In,
    Leaf,
    Modulo,
    PatternMatch,
    Size,
    TypeIs,
)
from adapters.query.types import INT, LONG
from adapters.sql.columns.condition import (
    Among,
    BitRule,
    BitsUnder,
    Compared,
    Condition,
    Constant,
    Flag,
    Holds,
    Place,
    Remainder,
    Sign,
    all_of,
)
from adapters.sql.columns.operands import (
    INTEGERS,
    NUMBERS,
    TEXTS,
    Bound,
    Unknown,
    compared,
    equal_values,
    flags,
)
from adapters.sql.columns.parameters import Parameters, Part, any_part, exactly, roughly
from adapters.sql.columns.patterns import after_prefix, literal_of

NULL_TYPE: Final = 10
SIGN_BIT: Final = 63
MOST_LONG: Final = 2**63 - 1

NUMBER_TYPES: Final = frozenset({1, INT, LONG})
TYPES: Final = {
    ColumnType.TEXT: frozenset({2}),
    ColumnType.VARCHAR: frozenset({2}),
    ColumnType.INTEGER: NUMBER_TYPES,
    ColumnType.BIGINT: NUMBER_TYPES,
    ColumnType.DOUBLE: NUMBER_TYPES,
    ColumnType.NUMERIC: NUMBER_TYPES | {19},
    ColumnType.BOOLEAN: frozenset({8}),
    ColumnType.TIMESTAMPTZ: frozenset({9}),
    ColumnType.UUID: frozenset({5}),
    ColumnType.OBJECTID: frozenset({7}),
    ColumnType.BYTEA: frozenset({5}),
}
"""The BSON types that a column may hold, by number."""

RULES: Final = {
    BitsTest.ALL_SET: BitRule.ALL_SET,
    BitsTest.ALL_CLEAR: BitRule.ALL_CLEAR,
    BitsTest.ANY_SET: BitRule.ANY_SET,
    BitsTest.ANY_CLEAR: BitRule.ANY_CLEAR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a scalar is found.

    `absent` selects the rows where the path reaches null or a missing value, `present` those where it reaches
    the scalar, `null` those where it reaches null.
    """

    column: str
    kind: ColumnType
    place: Place
    absent: Condition
    present: Condition
    null: Condition

    @property
    def never(self) -> Constant:
        """No value that the column can hold."""
        return Constant(column=self.column, holds=False)


def scalar_part(leaf: Leaf, spot: Spot, parameters: Parameters) -> Part:
    """Return the condition for a leaf of a filter."""
    match leaf:
        case Comparison(comparator=comparator, value=value):
            return _comparison(comparator, value, spot, parameters)
        case In():
            return _among(leaf, spot, parameters)
        case PatternMatch(pattern=pattern):
            return _pattern(pattern, spot, parameters)
        case Exists():
            return any_part([exactly(spot.present), exactly(spot.null)])
        case TypeIs(types=types):
            return _type(types, spot)
        case Modulo():
            return _remainder(leaf, spot, parameters)
        case Bits():
            return _bits(leaf, spot, parameters)
        case Size() | ElementMatches() | ElementSatisfies():
            return exactly(spot.never)
        case _:
            assert_never(leaf)


def holds_for_all(comparator: Comparator, value: MinKey | MaxKey) -> bool:
    """Return whether every value but MinKey and MaxKey themselves satisfies a comparison with one of them."""
    upward = comparator in {Comparator.GT, Comparator.GTE}
    return comparator is not Comparator.EQ and upward is isinstance(value, MinKey)


def is_null_test(comparator: Comparator) -> bool:
    """Return whether a comparison with null holds for null."""
    return comparator in {Comparator.EQ, Comparator.GTE, Comparator.LTE}


def _comparison(comparator: Comparator, value: Any, spot: Spot, parameters: Parameters) -> Part:
    if value is None:
        return exactly(spot.absent if is_null_test(comparator) else spot.never)
    if isinstance(value, MinKey | MaxKey):
        if not holds_for_all(comparator, value):
            return exactly(spot.never)
        return any_part([exactly(spot.absent), exactly(spot.present)])
    if spot.kind is ColumnType.BOOLEAN:
        return _flags(flags(comparator, value), spot)
    bound = compared(spot.kind, comparator, value)
    if isinstance(bound, Unknown):
        return roughly(spot.present)
    if isinstance(bound, Bound):
        return exactly(_compared(spot, bound.sign, bound.value, parameters))
    return exactly(spot.present if bound else spot.never)


def _compared(spot: Spot, sign: Sign, value: Any, parameters: Parameters) -> Condition:
    return Compared(place=spot.place, sign=sign, parameter=parameters.take(value))


def _flags(values: tuple[bool, ...], spot: Spot) -> Part:
    if len(values) == 1:
        return exactly(Flag(place=spot.place, value=values[0]))
    return exactly(spot.present if values else spot.never)


def _among(leaf: In, spot: Spot, parameters: Parameters) -> Part:
    parts = [_pattern(pattern, spot, parameters) for pattern in leaf.patterns]
    if None in leaf.values:
        parts.append(exactly(spot.absent))
    if spot.kind is ColumnType.BOOLEAN:
        named = {value for value in leaf.values if type(value) is bool}
        parts.append(_flags(tuple(named), spot))
        return any_part(parts)
    values = equal_values(spot.kind, leaf.values)
    if len(values) == 1:
        parts.append(exactly(_compared(spot, Sign.EQUAL, values[0], parameters)))
    elif values:
        parts.append(exactly(Among(place=spot.place, parameter=parameters.take(values))))
    return any_part(parts or [exactly(spot.never)])


def _pattern(pattern: Regex[str], spot: Spot, parameters: Parameters) -> Part:
    if spot.kind not in TEXTS:
        return exactly(spot.never)
    literal = literal_of(pattern)
    if literal is None:
        return roughly(spot.present)
    return Part(
        _holds(literal.text, literal.at_start, literal.folded, spot, parameters), literal.exact
    )


def _holds(
    text: str, at_start: bool, folded: bool, spot: Spot, parameters: Parameters
) -> Condition:
    if not text:
        return spot.present
    if not at_start or folded:
        parameter = parameters.take(text.lower() if folded else text)
        return Holds(place=spot.place, parameter=parameter, at_start=at_start, folded=folded)
    parts = [_compared(spot, Sign.AT_LEAST, text, parameters)]
    beyond = after_prefix(text)
    if beyond is not None:
        parts.append(_compared(spot, Sign.BELOW, beyond, parameters))
    return all_of(parts)


def _type(types: frozenset[int], spot: Spot) -> Part:
    possible = TYPES[spot.kind]
    parts = []
    if types >= possible:
        parts.append(exactly(spot.present))
    elif types & possible:
        # The layout tells, which SQL does not read.
        parts.append(roughly(spot.present))
    if NULL_TYPE in types:
        parts.append(exactly(spot.null))
    return any_part(parts or [exactly(spot.never)])


def _remainder(leaf: Modulo, spot: Spot, parameters: Parameters) -> Part:
    if spot.kind not in NUMBERS:
        return exactly(spot.never)
    divisor = abs(leaf.divisor)
    if spot.kind not in INTEGERS or divisor > MOST_LONG:
        return roughly(spot.present)
    return exactly(
        Remainder(
            place=spot.place,
            divisor=parameters.take(divisor),
            remainder=parameters.take(leaf.remainder),
        )
    )


def _bits(leaf: Bits, spot: Spot, parameters: Parameters) -> Part:
    if spot.kind not in INTEGERS:
        may_hold = spot.kind in NUMBERS or spot.kind in {ColumnType.UUID, ColumnType.BYTEA}
        return roughly(spot.present) if may_hold else exactly(spot.never)
    mask = 0
    for position in leaf.positions:
        # In two's complement, all further bits are that of the sign.
        mask |= 1 << min(position, SIGN_BIT)
    signed = mask - (1 << SIGN_BIT + 1) if mask >> SIGN_BIT else mask
    rule = RULES[leaf.test]
    return exactly(BitsUnder(place=spot.place, rule=rule, mask=parameters.take(signed)))
