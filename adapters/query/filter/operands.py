"""The operators of one value: what they take, and the leaf they make."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson.regex import Regex

from adapters.query.failures import CommandFailure
from adapters.query.filter.numbers import (
    INT32_MAX,
    bit_positions,
    natural_number,
    truncated,
)
from adapters.query.filter.patterns import literal_pattern
from adapters.query.filter.tree import (
    Bits,
    BitsTest,
    Comparator,
    Comparison,
    Exists,
    Filter,
    In,
    Modulo,
    Not,
    Size,
    TypeIs,
)
from adapters.query.paths import Path
from adapters.query.types import NUMBER_TYPES, TYPE_NAMES, TYPE_NUMBERS, is_number, truth

BAD_VALUE: Final = 2
FAILED_TO_PARSE: Final = 9
TYPE_MISMATCH: Final = 14

Parser = Callable[[Path, Any], Filter]


def _equal(path: Path, operand: Any) -> Filter:
    return Comparison(path=path, comparator=Comparator.EQ, value=operand)


def _unequal(path: Path, operand: Any) -> Filter:
    if isinstance(operand, Regex):
        raise CommandFailure(BAD_VALUE, "Can't have regex as arg to $ne.")
    return Not(child=_equal(path, operand))


def _range(comparator: Comparator) -> Parser:
    def parse(path: Path, operand: Any) -> Filter:
        if isinstance(operand, Regex):
            raise CommandFailure(BAD_VALUE, "Can't have RegEx as arg to predicate over field")
        return Comparison(path=path, comparator=comparator, value=operand)

    return parse


def _in(path: Path, operand: Any, *, operator: str = "$in") -> Filter:
    if not isinstance(operand, list):
        raise CommandFailure(BAD_VALUE, f"{operator} needs an array")
    if any(isinstance(each, dict) and next(iter(each), "").startswith("$") for each in operand):
        raise CommandFailure(BAD_VALUE, f"cannot nest $ under {operator}")
    return In(
        path=path,
        values=tuple(each for each in operand if not isinstance(each, Regex)),
        patterns=tuple(literal_pattern(each) for each in operand if isinstance(each, Regex)),
    )


def _not_in(path: Path, operand: Any) -> Filter:
    return Not(child=_in(path, operand, operator="$nin"))


def _exists(path: Path, operand: Any) -> Filter:
    return Exists(path=path) if truth(operand) else Not(child=Exists(path=path))


def _type(path: Path, operand: Any) -> Filter:
    named = operand if isinstance(operand, list) else [operand]
    if not named:
        raise CommandFailure(FAILED_TO_PARSE, "must match at least one type")
    return TypeIs(path=path, types=frozenset().union(*map(_types, named)))


def _types(named: Any) -> frozenset[int]:
    if named == "number":
        return NUMBER_TYPES
    if isinstance(named, str):
        if named not in TYPE_NUMBERS:
            raise CommandFailure(BAD_VALUE, f"Unknown type name alias: {named}")
        return frozenset({TYPE_NUMBERS[named]})
    if not is_number(named):
        raise CommandFailure(TYPE_MISMATCH, "type must be represented as a number or a string")
    number = truncated(named)
    exact = named.to_decimal() if hasattr(named, "to_decimal") else named
    if number is None or number != exact or number not in TYPE_NAMES:
        raise CommandFailure(BAD_VALUE, f"Invalid numerical type code: {named}")
    return frozenset({number})


def _size(path: Path, operand: Any) -> Filter:
    size = natural_number(operand, what="$size")
    if size > INT32_MAX:
        raise CommandFailure(BAD_VALUE, f"Cannot represent $size: {size} in an int")
    return Size(path=path, size=size)


def _modulo(path: Path, operand: Any) -> Filter:
    if not isinstance(operand, list):
        raise CommandFailure(BAD_VALUE, "malformed mod, needs to be an array")
    if len(operand) != 2:
        raise CommandFailure(BAD_VALUE, "malformed mod, not two elements")
    divisor, remainder = (truncated(each) if is_number(each) else None for each in operand)
    if divisor is None or remainder is None:
        raise CommandFailure(BAD_VALUE, "malformed mod, no whole number")
    if divisor == 0:
        raise CommandFailure(BAD_VALUE, "divisor cannot be 0")
    return Modulo(path=path, divisor=divisor, remainder=remainder)


def _bits(test: BitsTest) -> Parser:
    def parse(path: Path, operand: Any) -> Filter:
        return Bits(path=path, test=test, positions=bit_positions(operand, operator=test.value))

    return parse


OPERATORS: Final[Mapping[str, Parser]] = {
    "$eq": _equal,
    "$ne": _unequal,
    "$lt": _range(Comparator.LT),
    "$lte": _range(Comparator.LTE),
    "$gt": _range(Comparator.GT),
    "$gte": _range(Comparator.GTE),
    "$in": _in,
    "$nin": _not_in,
    "$exists": _exists,
    "$type": _type,
    "$size": _size,
    "$mod": _modulo,
    **{test.value: _bits(test) for test in BitsTest},
}

UNSUPPORTED_OPERATORS: Final = frozenset(
    {"$geoIntersects", "$geoNear", "$geoWithin", "$near", "$nearSphere", "$within"}
)
