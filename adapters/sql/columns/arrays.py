"""The leaves of a filter on an array column: on the array itself and on each of its elements.

The elements are scalars of one type, never null; of any other array, the column has drifted.
"""

from collections.abc import Callable
from typing import Any, Final, assert_never

from bson.max_key import MaxKey
from bson.min_key import MinKey

from adapters.entities.entity import Column, ColumnType
from adapters.query.filter import (
    Bits,
    Comparator,
    Comparison,
    ElementMatches,
    ElementSatisfies,
    Exists,
    Filter,
    In,
    Leaf,
    Modulo,
    PatternMatch,
    Size,
    TypeIs,
)
from adapters.query.types import ARRAY, INT
from adapters.sql.columns.condition import (
    Absent,
    Compared,
    Condition,
    Constant,
    Contains,
    Element,
    ExplicitNull,
    Length,
    Overlaps,
    Sign,
    SomeElement,
    Whole,
)
from adapters.sql.columns.operands import equal_values
from adapters.sql.columns.parameters import Parameters, Part, any_part, exactly, roughly
from adapters.sql.columns.scalars import (
    NULL_TYPE,
    Spot,
    holds_for_all,
    is_null_test,
    scalar_part,
)

NATURAL_TYPES: Final = {
    ColumnType.TEXT: frozenset({2}),
    ColumnType.VARCHAR: frozenset({2}),
    ColumnType.INTEGER: frozenset({INT}),
    ColumnType.BIGINT: frozenset({18}),
    ColumnType.DOUBLE: frozenset({1, INT}),
    ColumnType.NUMERIC: frozenset({19}),
    ColumnType.BOOLEAN: frozenset({8}),
    ColumnType.TIMESTAMPTZ: frozenset({9}),
    ColumnType.UUID: frozenset({5}),
    ColumnType.OBJECTID: frozenset({7}),
    ColumnType.BYTEA: frozenset({5}),
}
"""The BSON types of the elements of an array, which have no tags of their own."""

Translate = Callable[[Filter, Callable[[Leaf], Part]], Part]


def array_part(leaf: Leaf, column: Column, parameters: Parameters, translate: Translate) -> Part:
    """Return the condition for a leaf on an array column.

    `translate` makes the condition of a filter of those of its leaves.
    """
    present = Absent(column=column.name, absent=False)
    match leaf:
        case Comparison(comparator=comparator, value=value):
            return _comparison(leaf, comparator, value, column, parameters)
        case In():
            return _among(leaf, column, parameters)
        case PatternMatch() | Modulo() | Bits():
            return _some(column, scalar_part(leaf, _element(column), parameters))
        case Exists():
            return any_part([exactly(present), exactly(_null(column, parameters))])
        case TypeIs(types=types):
            return _type(types, column, parameters)
        case Size(size=size):
            return exactly(
                Length(column=column.name, sign=Sign.EQUAL, parameter=parameters.take(size))
            )
        case ElementSatisfies(conditions=conditions):
            spot = _element(column)
            inner = translate(conditions, lambda each: scalar_part(each, spot, parameters))
            return _some(column, inner)
        case ElementMatches():
            return exactly(Constant(column=column.name, holds=False))
        case _:
            assert_never(leaf)


def position_spot(column: Column, position: int, parameters: Parameters) -> Spot:
    """Return the element at a position as a spot.

    Where there is no such element, the path reaches nothing at all, unless the array itself is missing or null.
    """
    return Spot(
        column=column.name,
        kind=column.type,
        place=Element(column=column.name, position=parameters.take(position + 1)),
        absent=Absent(column=column.name),
        present=Length(column=column.name, sign=Sign.ABOVE, parameter=parameters.take(position)),
        null=Constant(column=column.name, holds=False),
    )


def _element(column: Column) -> Spot:
    return Spot(
        column=column.name,
        kind=column.type,
        place=Element(column=column.name, position=None),
        absent=Constant(column=column.name, holds=False),
        present=Constant(column=column.name, holds=True),
        null=Constant(column=column.name, holds=False),
    )


def _null(column: Column, parameters: Parameters) -> Condition:
    return ExplicitNull(column=column.name, name=parameters.take(column.name))


def _some(column: Column, part: Part) -> Part:
    if isinstance(part.condition, Constant) and not part.condition.holds:
        return part
    return Part(SomeElement(column=column.name, condition=part.condition), part.exact)


def _comparison(
    leaf: Comparison, comparator: Comparator, value: Any, column: Column, parameters: Parameters
) -> Part:
    never = exactly(Constant(column=column.name, holds=False))
    if value is None:
        return exactly(Absent(column=column.name)) if is_null_test(comparator) else never
    if isinstance(value, MinKey | MaxKey):
        holds = holds_for_all(comparator, value)
        return exactly(Constant(column=column.name, holds=holds))
    if isinstance(value, list):
        if comparator is Comparator.EQ:
            return _equal(value, column, parameters)
        return roughly(Absent(column=column.name, absent=False))
    if comparator is not Comparator.EQ:
        return _some(column, scalar_part(leaf, _element(column), parameters))
    found = elements_of(column, (value,))
    if not found:
        return never
    return exactly(Contains(column=column.name, parameter=parameters.take(found)))


def _equal(value: list[Any], column: Column, parameters: Parameters) -> Part:
    found = elements_of(column, tuple(value))
    if len(found) < len(value):
        return exactly(Constant(column=column.name, holds=False))
    place = Whole(column=column.name)
    return exactly(Compared(place=place, sign=Sign.EQUAL, parameter=parameters.take(found)))


def elements_of(column: Column, values: tuple[Any, ...]) -> list[Any]:
    """Return those of the values that an element can equal, as operands."""
    if column.type is ColumnType.BOOLEAN:
        return [value for value in values if type(value) is bool]
    return equal_values(column.type, values)


def _among(leaf: In, column: Column, parameters: Parameters) -> Part:
    parts = []
    if leaf.patterns:
        only = In(path=leaf.path, values=(), patterns=leaf.patterns)
        parts.append(_some(column, scalar_part(only, _element(column), parameters)))
    if None in leaf.values:
        parts.append(exactly(Absent(column=column.name)))
    parts += [_equal(value, column, parameters) for value in leaf.values if isinstance(value, list)]
    found = elements_of(column, leaf.values)
    if found:
        parts.append(exactly(Overlaps(column=column.name, parameter=parameters.take(found))))
    return any_part(parts or [exactly(Constant(column=column.name, holds=False))])


def _type(types: frozenset[int], column: Column, parameters: Parameters) -> Part:
    parts = []
    if ARRAY in types:
        parts.append(exactly(Absent(column=column.name, absent=False)))
    natural = NATURAL_TYPES[column.type]
    if types & natural:
        filled = Length(column=column.name, sign=Sign.ABOVE, parameter=parameters.take(0))
        parts.append(Part(filled, exact=types >= natural))
    if NULL_TYPE in types:
        parts.append(exactly(_null(column, parameters)))
    return any_part(parts or [exactly(Constant(column=column.name, holds=False))])
