"""The statement that changes one row of a mapped table without reading it, or none."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from adapters.sql.columns.changes import Assignment, ColumnChanges, Effect, Sum
from adapters.sql.columns.condition import Condition
from adapters.sql.columns.elements import ZERO, drifted, element_of
from adapters.sql.columns.narrowing import Narrowing
from adapters.sql.columns.numbers import looks_whole

LAYOUTS: Final = "layouts"


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
            *(
                _sum(table, each, each.sum_of)
                for each in shape.assignments
                if each.sum_of is not None
            ),
            sa.or_(*(_differs(table, each) for each in shape.assignments)),
        )
        .returning(*returned)
    )


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
