"""The leaves of a filter on an array with a child table: on the array itself, and on what is in its elements.

The elements are documents, one in each row; of an array with any other element the table has drifted, and so has a field
that is no array. What holds for an element is said of some row, so that the opposite is said of all.
"""

from collections.abc import Callable
from typing import Any

from bson.dbref import DBRef

from adapters.entities.entity import Child
from adapters.query.filter import (
    Bits,
    Comparator,
    Comparison,
    Filter,
    In,
    Leaf,
    Modulo,
    PatternMatch,
)
from adapters.query.types import ARRAY, OBJECT
from adapters.sql.columns.condition import (
    EVERYTHING,
    Condition,
    Constant,
    ExplicitNull,
    RowCount,
    SomeRow,
    all_of,
    any_of,
    negated,
)
from adapters.sql.columns.leaves import array_leaf, compared_with_extreme
from adapters.sql.columns.parameters import Parameters, Part, any_part, exactly, roughly
from adapters.sql.columns.scalars import NULL_TYPE


def rows_part(
    leaf: Leaf, child: Child, parameters: Parameters, translate: Callable[[Filter], Part]
) -> Part:
    """Return the condition for a leaf on the array; `translate` makes that on a row from a query on an element."""
    return array_leaf(leaf, _Leaves(_Array(child, parameters), translate))


def in_rows(inner: Part, child: Child, parameters: Parameters, *, of_missing: bool) -> Part:
    """Return the condition for a leaf in the elements, from that on a row.

    `of_missing`: the leaf holds for a value that is missing, so it does where the array is missing or null.
    """
    array = _Array(child, parameters)
    parts = [array.some(inner)]
    if of_missing:
        parts.append(exactly(array.absent))
    return any_part(parts)


class _Array:
    """The array of a child table, and what is said of it as a whole."""

    def __init__(self, child: Child, parameters: Parameters) -> None:
        self._child = child
        self._parameters = parameters

    @property
    def never(self) -> Condition:
        return Constant(column=self._child.table, holds=False)

    @property
    def always(self) -> Condition:
        return Constant(column=self._child.table, holds=True)

    @property
    def filled(self) -> Condition:
        return SomeRow(column=self._child.table, condition=EVERYTHING)

    @property
    def null(self) -> Condition:
        return self._noted(self._child.table)

    @property
    def missing(self) -> Condition:
        return self._noted(self._child.absent)

    @property
    def absent(self) -> Condition:
        """The field is null or missing."""
        return any_of([self.null, self.missing])

    @property
    def empty(self) -> Condition:
        return all_of([negated(self.filled), negated(self.absent)])

    @property
    def there(self) -> Condition:
        """The field is an array, be it empty."""
        return negated(self.absent)

    def length(self, size: int) -> Condition:
        """The array has so many elements, and at least one."""
        return RowCount(column=self._child.table, parameter=self._parameters.take(size))

    def some(self, part: Part) -> Part:
        """One element satisfies a condition, or at least there is one."""
        if isinstance(part.condition, Constant) and not part.condition.holds:
            return Part(self.never, part.exact)
        return Part(SomeRow(column=self._child.table, condition=part.condition), part.exact)

    def _noted(self, name: str) -> Condition:
        # Whoever adds rows by SQL makes it an array.
        noted = ExplicitNull(column=self._child.table, name=self._parameters.take(name))
        return all_of([noted, negated(self.filled)])


class _Leaves:
    """Fulfil `ArrayParts` for an array with a row for each element."""

    def __init__(self, array: _Array, translate: Callable[[Filter], Part]) -> None:
        self._array = array
        self._translate = translate

    def compared(self, leaf: Comparison) -> Part:
        return self._compared(leaf.comparator, leaf.value)

    def among(self, leaf: In) -> Part:
        parts = [self._compared(Comparator.EQ, value) for value in leaf.values]
        # No pattern matches a document.
        return any_part(parts or [exactly(self._array.never)])

    def some_value(self, leaf: PatternMatch | Modulo | Bits) -> Part:  # noqa: ARG002 - of the interface
        return exactly(self._array.never)

    def exists(self) -> Part:
        return exactly(negated(self._array.missing))

    def is_of_type(self, types: frozenset[int]) -> Part:
        array = self._array
        parts = []
        if ARRAY in types:
            parts.append(exactly(array.there))
        if OBJECT in types:
            parts.append(exactly(array.filled))
        if NULL_TYPE in types:
            parts.append(exactly(array.null))
        return any_part(parts or [exactly(array.never)])

    def has_size(self, size: int) -> Part:
        return exactly(self._array.empty if size == 0 else self._array.length(size))

    def some_document(self, query: Filter) -> Part:
        return self._array.some(self._translate(query))

    def some_satisfies(self, conditions: Filter) -> Part:  # noqa: ARG002 - of the interface
        # What is tested is the element as a whole.
        return roughly(self._array.filled)

    def _compared(self, comparator: Comparator, value: Any) -> Part:
        array = self._array
        found = compared_with_extreme(
            comparator, value, absent=array.absent, never=array.never, always=array.always
        )
        if found is not None:
            return found
        if isinstance(value, list):
            if value == [] and comparator is Comparator.EQ:
                return exactly(array.empty)
            return roughly(array.filled if comparator is Comparator.EQ else array.there)
        if isinstance(value, dict | DBRef):
            return roughly(array.filled)
        return exactly(array.never)
