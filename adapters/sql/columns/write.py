"""The statement that changes one row of a mapped table without reading it, or none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB
from sqlalchemy.sql import ColumnElement

from adapters.sql.columns.changes import Assignment, ColumnChanges, Effect, Sum
from adapters.sql.columns.condition import Condition
from adapters.sql.columns.elements import ZERO, drifted, element_of
from adapters.sql.columns.narrowing import Narrowing
from adapters.sql.columns.numbers import looks_whole

LAYOUTS: Final = "layouts"
MOST_BYTES: Final = 3_000_000
MOST_ON_DISK: Final = 4_000
"""With both, with what an update may add, and with names and lengths, a document stays below 16 MB."""

BESIDE: Final = frozenset({"_nulls", "_drift"})
"""Arrays that are no part of the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateShape:
    """An update of one row without its values. `columns` must not have drifted."""

    condition: Condition
    assignments: tuple[Assignment, ...]
    guards: tuple[Condition, ...]
    columns: tuple[str, ...]
    sensitive: bool


def update_shape(narrowing: Narrowing, changes: ColumnChanges) -> UpdateShape:
    """Return the shape of changes of the one row that an exact condition selects."""
    changed = {assignment.column for assignment in changes.assignments}
    return UpdateShape(
        condition=narrowing.condition,
        assignments=changes.assignments,
        guards=changes.guards,
        columns=tuple(sorted({*narrowing.columns, *changed})),
        sensitive=bool(changes.sensitive),
    )


def update_values(
    narrowing: Narrowing, changes: ColumnChanges, layouts: list[int]
) -> dict[str, Any]:
    """Return the parameters; `layouts` are those that `natural_layouts` allows."""
    return {
        **narrowing.values,
        **changes.values,
        LAYOUTS: layouts,
    }


def update(table: sa.Table, shape: UpdateShape, *returned: ColumnElement[Any]) -> Any:
    """Return the statement: of the row if it was changed, what is asked for; else no row."""
    changed = {table.c[each.column]: _new(table, each) for each in shape.assignments}
    return (
        sa.update(table)
        .values(changed)
        .where(
            element_of(shape.condition, table),
            *(element_of(guard, table) for guard in shape.guards),
            sa.or_(table.c["_drift"].is_(sa.null()), sa.not_(drifted(table, shape.columns))),
            _layout(table, sensitive=shape.sensitive),
            *(_leave_room(table) if any(each.grows for each in shape.assignments) else ()),
            *(
                _sum(table, each, each.sum_of)
                for each in shape.assignments
                if each.sum_of is not None
            ),
            sa.or_(*(_differs(table, each) for each in shape.assignments)),
        )
        .returning(*returned)
    )


def _leave_room(table: sa.Table) -> Iterator[ColumnElement[bool]]:
    """Give the conditions under which a document is surely far from being too large.

    The size of a text is told without reading it. Of other values only the size on disk is: compressed, a value is a
    255th at the best, and an array of booleans takes ten times as much in a document.
    """
    texts = [
        each
        for each in table.c
        if isinstance(each.type, sa.String | BYTEA) and each.computed is None
    ]
    others = [
        each for each in table.c if isinstance(each.type, ARRAY | JSONB) and each.name not in BESIDE
    ]
    if texts:
        yield _sum_of(sa.func.octet_length, texts) <= sa.literal_column(str(MOST_BYTES))
    if others:
        yield _sum_of(sa.func.pg_column_size, others) <= sa.literal_column(str(MOST_ON_DISK))


def _sum_of(size: Any, columns: Sequence[sa.Column[Any]]) -> ColumnElement[Any]:
    sizes = (sa.func.coalesce(size(_untyped(each)), ZERO) for each in columns)
    return reduce(lambda a, b: a.op("+")(b), sizes)


def _untyped(column: sa.Column[Any]) -> ColumnElement[Any]:
    return sa.type_coerce(column, sa.types.NullType())


def _layout(table: sa.Table, *, sensitive: bool) -> ColumnElement[bool]:
    layout = table.c["_layout"]
    if not sensitive:
        # The number of WHOLE: the document is in the overflow.
        return layout.is_distinct_from(ZERO)
    known = sa.bindparam(LAYOUTS, type_=sa.types.NullType())
    return sa.or_(layout.is_(sa.null()), layout == sa.any_(known))


def _differs(table: sa.Table, assignment: Assignment) -> ColumnElement[bool]:
    if assignment.effect is Effect.ADD and assignment.sum_of is None:
        # It adds something. Conditions have no order: no sum of integers may be made before its guard is asked.
        return sa.true()
    return _column(table, assignment).is_distinct_from(_new(table, assignment))


def _column(table: sa.Table, assignment: Assignment) -> ColumnElement[Any]:
    return sa.type_coerce(table.c[assignment.column], sa.types.NullType())


def _new(table: sa.Table, assignment: Assignment) -> ColumnElement[Any]:
    """Return the value that a column gets."""
    old = _column(table, assignment)
    if assignment.effect is Effect.CLEAR:
        return sa.null()
    operand = sa.bindparam(assignment.parameter, type_=sa.types.NullType())
    match assignment.effect:
        case Effect.SET:
            return operand
        case Effect.ADD:
            return old.op("+")(operand)
        case Effect.LEAST:
            return sa.func.least(old, operand)
        case Effect.GREATEST:
            return sa.func.greatest(old, operand)
        case Effect.APPEND:
            return sa.func.array_cat(old, operand)
        case Effect.APPEND_NEW:
            appended = sa.func.array_cat(old, operand)
            return sa.case((old.bool_op("@>")(operand), old), else_=appended)
        case Effect.REMOVE:
            return sa.func.array_remove(old, operand)


def _sum(table: sa.Table, assignment: Assignment, sum_of: Sum) -> ColumnElement[bool]:
    after = looks_whole(_new(table, assignment))
    if sum_of is Sum.WITH_DOUBLE:
        return sa.not_(after)
    return looks_whole(_column(table, assignment)) == after
