"""The leaves of a filter on an array column: on the array itself and on each of its elements.

The elements are scalars of one type, never null; of any other array, the column has drifted.
"""

from collections.abc import Callable
from typing import Any, Final

from adapters.entities.entity import Column, ColumnType
from adapters.query.filter import Comparator, Comparison, Filter, In, Leaf
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
from adapters.sql.columns.leaves import array_leaf, compared_with_extreme
from adapters.sql.columns.operands import equal_values
from adapters.sql.columns.parameters import Parameters, Part, any_part, exactly, roughly
from adapters.sql.columns.scalars import NULL_TYPE, Spot, scalar_part

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
    return array_leaf(leaf, _Leaves(column, parameters, translate))


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


class _Leaves:
    """Fulfil `ArrayParts` for an array in a column."""

    def __init__(self, column: Column, parameters: Parameters, translate: Translate) -> None:
        self._column = column
        self._parameters = parameters
        self._translate = translate

    def compared(self, leaf: Comparison) -> Part:
        comparator, value = leaf.comparator, leaf.value
        found = compared_with_extreme(
            comparator, value, absent=self._absent, never=self._never, always=self._always
        )
        if found is not None:
            return found
        if isinstance(value, list):
            return self._equal(value) if comparator is Comparator.EQ else roughly(self._present)
        if comparator is not Comparator.EQ:
            return self.some_value(leaf)
        equal = elements_of(self._column, (value,))
        if not equal:
            return exactly(self._never)
        return exactly(Contains(column=self._column.name, parameter=self._parameters.take(equal)))

    def among(self, leaf: In) -> Part:
        parts = []
        if leaf.patterns:
            parts.append(self.some_value(In(path=leaf.path, values=(), patterns=leaf.patterns)))
        if None in leaf.values:
            parts.append(exactly(self._absent))
        parts += [self._equal(value) for value in leaf.values if isinstance(value, list)]
        found = elements_of(self._column, leaf.values)
        if found:
            overlaps = Overlaps(column=self._column.name, parameter=self._parameters.take(found))
            parts.append(exactly(overlaps))
        return any_part(parts or [exactly(self._never)])

    def some_value(self, leaf: Leaf) -> Part:
        return self._some(scalar_part(leaf, _element(self._column), self._parameters))

    def exists(self) -> Part:
        return any_part([exactly(self._present), exactly(self._null())])

    def is_of_type(self, types: frozenset[int]) -> Part:
        parts = []
        if ARRAY in types:
            parts.append(exactly(self._present))
        natural = NATURAL_TYPES[self._column.type]
        if types & natural:
            parts.append(Part(self._length(Sign.ABOVE, 0), exact=types >= natural))
        if NULL_TYPE in types:
            parts.append(exactly(self._null()))
        return any_part(parts or [exactly(self._never)])

    def has_size(self, size: int) -> Part:
        return exactly(self._length(Sign.EQUAL, size))

    def some_document(self, query: Filter) -> Part:  # noqa: ARG002 - of the interface
        return exactly(self._never)

    def some_satisfies(self, conditions: Filter) -> Part:
        spot = _element(self._column)
        return self._some(
            self._translate(conditions, lambda each: scalar_part(each, spot, self._parameters))
        )

    @property
    def _never(self) -> Condition:
        return Constant(column=self._column.name, holds=False)

    @property
    def _always(self) -> Condition:
        return Constant(column=self._column.name, holds=True)

    @property
    def _absent(self) -> Condition:
        return Absent(column=self._column.name)

    @property
    def _present(self) -> Condition:
        return Absent(column=self._column.name, absent=False)

    def _null(self) -> Condition:
        return ExplicitNull(column=self._column.name, name=self._parameters.take(self._column.name))

    def _length(self, sign: Sign, size: int) -> Condition:
        return Length(column=self._column.name, sign=sign, parameter=self._parameters.take(size))

    def _some(self, part: Part) -> Part:
        if isinstance(part.condition, Constant) and not part.condition.holds:
            return part
        return Part(SomeElement(column=self._column.name, condition=part.condition), part.exact)

    def _equal(self, value: list[Any]) -> Part:
        found = elements_of(self._column, tuple(value))
        if len(found) < len(value):
            return exactly(self._never)
        place = Whole(column=self._column.name)
        parameter = self._parameters.take(found)
        return exactly(Compared(place=place, sign=Sign.EQUAL, parameter=parameter))


def elements_of(column: Column, values: tuple[Any, ...]) -> list[Any]:
    """Return those of the values that an element can equal, as operands."""
    if column.type is ColumnType.BOOLEAN:
        return [value for value in values if type(value) is bool]
    return equal_values(column.type, values)
