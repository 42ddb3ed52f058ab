"""The leaves of a filter on an array: which of them speak of the array, and which of its elements.

Where the elements are (in a column, or each in a row of a child table) knows an `ArrayParts`.
"""

from typing import Any, Protocol, assert_never

from bson.max_key import MaxKey
from bson.min_key import MinKey

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
from adapters.sql.columns.condition import Condition
from adapters.sql.columns.parameters import Part, exactly
from adapters.sql.columns.scalars import holds_for_all, is_null_test


class ArrayParts(Protocol):
    """What a filter can say of an array."""

    def compared(self, leaf: Comparison) -> Part:
        """Return that it, or one of its elements, compares so with a value."""

    def among(self, leaf: In) -> Part:
        """Return that it, or one of its elements, is one of the values."""

    def some_value(self, leaf: PatternMatch | Modulo | Bits) -> Part:
        """Return that one of its elements is such a value."""

    def exists(self) -> Part:
        """Return that there is such a field, be it null."""

    def is_of_type(self, types: frozenset[int]) -> Part:
        """Return that it, or one of its elements, is of one of the types."""

    def has_size(self, size: int) -> Part:
        """Return that it has so many elements."""

    def some_document(self, query: Filter) -> Part:
        """Return that a query holds for one of its elements, which is a document."""

    def some_satisfies(self, conditions: Filter) -> Part:
        """Return that conditions hold for one of its elements, whatever that is."""


def array_leaf(leaf: Leaf, array: ArrayParts) -> Part:
    """Return the condition for a leaf on an array."""
    match leaf:
        case Comparison():
            return array.compared(leaf)
        case In():
            return array.among(leaf)
        case PatternMatch() | Modulo() | Bits():
            return array.some_value(leaf)
        case Exists():
            return array.exists()
        case TypeIs(types=types):
            return array.is_of_type(types)
        case Size(size=size):
            return array.has_size(size)
        case ElementMatches(query=query):
            return array.some_document(query)
        case ElementSatisfies(conditions=conditions):
            return array.some_satisfies(conditions)
        case _:
            assert_never(leaf)


def compared_with_extreme(
    comparator: Comparator, value: Any, *, absent: Condition, never: Condition, always: Condition
) -> Part | None:
    """Return the condition of a comparison with null, MinKey or MaxKey; None for one with any other value."""
    if value is None:
        return exactly(absent if is_null_test(comparator) else never)
    if isinstance(value, MinKey | MaxKey):
        return exactly(always if holds_for_all(comparator, value) else never)
    return None
