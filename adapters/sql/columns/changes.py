"""An update as changes of columns, and the guards under which they give the document that MongoDB would give.

The guards keep the layout of the row right: fields stay where they are and of their types. A row that does not pass
them is not changed here: the general way reads it, applies the update in memory and writes it back. So does
one that would stay as it is, so that a changed row is a modified document.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from adapters.entities.entity import Column, ColumnType
from adapters.entities.layout import Layout
from adapters.entities.tags import Tag
from adapters.entities.values import held
from adapters.query.paths import Path
from adapters.query.update import (
    AddToSet,
    Arithmetic,
    Bound,
    Calculate,
    Change,
    CurrentDate,
    Elements,
    Fields,
    Modification,
    Node,
    PullAll,
    Push,
    SetTo,
    Unset,
    Update,
)
from adapters.sql.columns.arrays import elements_of
from adapters.sql.columns.condition import (
    Absent,
    Condition,
    ExplicitNull,
    Length,
    Opposite,
    Sign,
    SumFits,
)
from adapters.sql.columns.operands import INTEGERS, NUMBERS
from adapters.sql.columns.parameters import Parameters
from adapters.sql.columns.places import Columns

MOST_ELEMENTS: Final = 10_000
"""Longer arrays go the general way, which watches the size of the document."""

MOST_ADDED: Final = 500_000
"""So many characters and elements, of four bytes and some more, are added at most to a document that is far from
being too large."""

LARGEST_DOUBLE_ADDED: Final = 1e15
"""No sum with less overflows to infinity, which PostgreSQL would refuse."""


class Effect(StrEnum):
    """What becomes of a column."""

    SET = "set"
    CLEAR = "clear"
    ADD = "add"
    LEAST = "least"
    GREATEST = "greatest"
    APPEND = "append"
    APPEND_NEW = "append new"
    REMOVE = "remove"


LISTED: Final = frozenset({Effect.APPEND, Effect.APPEND_NEW})
"""Of these an operand is the only element of an array."""

ADDED: Final[Mapping[ColumnType, frozenset[Tag]]] = {
    ColumnType.INTEGER: frozenset({Tag.NATURAL}),
    ColumnType.BIGINT: frozenset({Tag.NATURAL, Tag.INT}),
}
"""What may be added to a whole number so that it stays of its type."""


class Sum(StrEnum):
    """A sum in a column in which whole numbers within 32 bits stand for int32, all others for double."""

    WITH_INTEGER = "with integer"
    """An int32 must stay one, and a double must not come to look like one."""
    WITH_DOUBLE = "with double"
    """The sum is a double, and must not look like an int32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A column with its effect; `parameter` is "" where there is no operand."""

    column: str
    effect: Effect
    parameter: str = ""
    sum_of: "Sum | None" = None
    """Of a sum in a `double` column: of which BSON types."""
    fixed: bool = False
    """Whether all values of the column take the same room."""

    @property
    def grows(self) -> bool:
        """Whether the document may become larger."""
        return self.effect not in {Effect.ADD, Effect.CLEAR, Effect.REMOVE} and not self.fixed


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChanges:
    """An update of one row without reading it.

    `sensitive` are the columns whose BSON type the layout of the row tells: only rows without layout,
    or with one that has the natural type there, may be changed.
    """

    assignments: tuple[Assignment, ...]
    guards: tuple[Condition, ...]
    sensitive: tuple[Path, ...]
    values: Mapping[str, Any]

    @property
    def grows(self) -> bool:
        """Whether the document may become larger."""
        return any(each.grows for each in self.assignments)

    @property
    def largest(self) -> int:
        """The largest size of an operand, so that all of them add little."""
        return MOST_ADDED // max(sum(each.grows for each in self.assignments), 1)


def changes_of(
    update: Update, columns: Columns, *, now_ms: int, guarded: Iterable[Path] = ()
) -> ColumnChanges | None:
    """Return an update as changes of columns, None where it is none.

    `guarded` are the paths of unique indexes, whose entries only the general way keeps.
    """
    if not isinstance(update, Modification) or update.array_filters:
        return None
    found = list(_changes(update.root, ()))
    if not found or any(_touches(path, each) for path, _ in found for each in guarded):
        return None
    planner = _Planner(columns, now_ms)
    for path, change in found:
        if not planner.takes(path, change):
            return None
    growing = [each.parameter for each in planner.assignments if each.grows]
    if not planner.assignments or not _is_little(planner.parameters.values, growing):
        return None
    return ColumnChanges(
        assignments=tuple(planner.assignments),
        guards=tuple(planner.guards),
        sensitive=tuple(planner.sensitive),
        values=planner.parameters.values,
    )


def _is_little(values: Mapping[str, Any], growing: list[str]) -> bool:
    return all(size_of(values[name]) * len(growing) <= MOST_ADDED for name in growing)


def natural_layouts(layouts: Iterable[Layout], sensitive: Iterable[Path]) -> list[int]:
    """Return the layouts in which fields are of their columns' natural types."""
    paths = set(sensitive)
    return [
        layout.number
        for layout in layouts
        if {path for path, tag in layout.fields if tag is Tag.NATURAL} >= paths
    ]


def operand_of(column: Column, effect: Effect, operand: Any) -> Any:
    """Return an operand as the parameter of an assignment, None for one that is planned otherwise."""
    if effect is Effect.ADD:
        if column.type is ColumnType.DOUBLE:
            return float(operand)
        found = held(column, operand)
        return found.value if found is not None and found.tag in ADDED[column.type] else None
    found = held(column, operand)
    return None if found is None or found.tag is not Tag.NATURAL else found.value


def _changes(node: Node, path: Path) -> Iterator[tuple[Path, Change | None]]:
    """Give the changes of a tree by their paths; None for what happens to elements of arrays."""
    match node:
        case Fields(children=children, matched=matched):
            if matched is not None:
                yield path, None
            for name, child in children:
                yield from _changes(child, (*path, name))
        case Elements():
            yield path, None
        case _:
            yield path, node


def _touches(path: Path, other: Path) -> bool:
    length = min(len(path), len(other))
    return path[:length] == other[:length]


FIXED: Final = frozenset(
    {
        ColumnType.INTEGER,
        ColumnType.BIGINT,
        ColumnType.NUMERIC,
        ColumnType.BOOLEAN,
        ColumnType.TIMESTAMPTZ,
        ColumnType.UUID,
        ColumnType.OBJECTID,
    }
)
"""Types whose natural values all take the same room in a document."""


def size_of(value: Any) -> int:
    """Return the characters and elements of a value, at least 1."""
    if isinstance(value, list):
        return sum(map(size_of, value)) + 1
    return max(len(value), 1) if isinstance(value, str | bytes) else 1


class _Planner:
    """The state of one translation."""

    def __init__(self, columns: Columns, now_ms: int) -> None:
        self.parameters = Parameters("c")
        self.assignments: list[Assignment] = []
        self.guards: list[Condition] = []
        self.sensitive: list[Path] = []
        self._columns = columns
        self._now_ms = now_ms

    def takes(self, path: Path, change: Change | None) -> bool:
        """Plan one change; False where columns cannot do it."""
        if isinstance(change, SetTo) and change.on_insert:
            return True
        column = self._columns.entity.column(path)
        if column is None or change is None:
            return False
        if isinstance(change, CurrentDate):
            change = SetTo(value=DatetimeMS(self._now_ms))
        plan = PLANNERS.get(type(change))
        return plan is not None and plan(self, column, change)

    def assign(
        self, column: Column, effect: Effect, value: Any, *, sum_of: Sum | None = None
    ) -> str:
        """Change a column that holds a value; return the parameter of the operand."""
        parameter = self.parameters.take(value)
        self.guards.append(Absent(column=column.name, absent=False))
        self.assignments.append(
            Assignment(
                column=column.name,
                effect=effect,
                parameter=parameter,
                sum_of=sum_of,
                fixed=column.type in FIXED and not column.array,
            )
        )
        if not column.array and (column.type in NUMBERS or column.type is ColumnType.JSONB):
            self.sensitive.append(column.path)
        return parameter


def _set(planner: _Planner, column: Column, change: SetTo) -> bool:
    found = held(column, change.value) if change.value is not None else None
    if found is None or found.tag is not Tag.NATURAL:
        return False
    planner.assign(column, Effect.SET, found.value)
    return True


def _unset(planner: _Planner, column: Column, _change: Unset) -> bool:
    # Below the root, an empty document would stay. A JSON may have its value in the overflow.
    if len(column.path) > 1 or (column.type is ColumnType.JSONB and not column.array):
        return False
    name = planner.parameters.take(column.name)
    planner.guards.append(Opposite(leaf=ExplicitNull(column=column.name, name=name)))
    planner.assignments.append(Assignment(column=column.name, effect=Effect.CLEAR))
    return True


def _calculate(planner: _Planner, column: Column, change: Calculate) -> bool:
    if change.operation is not Arithmetic.INC or column.array:
        return False
    operand = change.operand
    if column.type is ColumnType.DOUBLE:
        return _add_to_double(planner, column, operand)
    found = held(column, operand) if column.type in ADDED else None
    if found is None or found.value == 0 or found.tag not in ADDED[column.type]:
        return False
    parameter = planner.assign(column, Effect.ADD, found.value)
    planner.guards.append(SumFits(column=column.name, parameter=parameter))
    return True


def _add_to_double(planner: _Planner, column: Column, operand: Any) -> bool:
    if type(operand) not in {int, float} or not abs(operand) < LARGEST_DOUBLE_ADDED:
        return False
    sum_of = Sum.WITH_INTEGER if type(operand) is int else Sum.WITH_DOUBLE
    planner.assign(column, Effect.ADD, float(operand), sum_of=sum_of)
    return True


BOUNDED: Final = frozenset(
    {
        ColumnType.TEXT,
        ColumnType.VARCHAR,
        ColumnType.INTEGER,
        ColumnType.BIGINT,
        ColumnType.DOUBLE,
        ColumnType.TIMESTAMPTZ,
    }
)


def _bound(planner: _Planner, column: Column, change: Bound) -> bool:
    found = None if column.array else held(column, change.value)
    if found is None or found.tag is not Tag.NATURAL or column.type not in BOUNDED:
        return False
    planner.assign(column, Effect.GREATEST if change.upper else Effect.LEAST, found.value)
    return True


def _push(planner: _Planner, column: Column, change: Push) -> bool:
    is_plain = change.position is None and change.order is None and change.keep is None
    found = held(column, list(change.values)) if column.array and is_plain else None
    if found is None or not change.values:
        return False
    planner.assign(column, Effect.APPEND, found.value)
    _limit_length(planner, column)
    return True


def _add_to_set(planner: _Planner, column: Column, change: AddToSet) -> bool:
    found = held(column, list(change.values)) if column.array else None
    if found is None or len(change.values) != 1 or column.type in NUMBERS - set(INTEGERS):
        return False
    planner.assign(column, Effect.APPEND_NEW, found.value)
    _limit_length(planner, column)
    return True


def _pull(planner: _Planner, column: Column, change: PullAll) -> bool:
    if not column.array or len(change.values) != 1 or isinstance(change.values[0], list):
        return False
    found = elements_of(column, change.values)
    if not found:
        # It pulls nothing, but only an array lets it.
        planner.guards.append(Absent(column=column.name, absent=False))
        return True
    planner.assign(column, Effect.REMOVE, found[0])
    return True


def _limit_length(planner: _Planner, column: Column) -> None:
    parameter = planner.parameters.take(MOST_ELEMENTS)
    planner.guards.append(Length(column=column.name, sign=Sign.BELOW, parameter=parameter))


PLANNERS: Final[Mapping[type, Callable[[_Planner, Column, Any], bool]]] = {
    SetTo: _set,
    Unset: _unset,
    Calculate: _calculate,
    Bound: _bound,
    Push: _push,
    AddToSet: _add_to_set,
    PullAll: _pull,
}
"""By the change; what is missing here takes the general way."""
