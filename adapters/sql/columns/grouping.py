"""`$group` and `distinct` in SQL: partial results by key and layout, merged in memory.

The layout tells what columns do not: null from missing, and the BSON types of numbers. So SQL groups by it as
well, and documents of one layout contribute one row to a group. What SQL would sum less exactly than
MongoDB (doubles with a fraction), it lists.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from bson.int64 import Int64
from sqlalchemy.sql import ColumnElement

from adapters.entities.entity import ID_PATH, Column, ColumnType, IdentityType
from adapters.query.expression import Expression, FieldPath, Literal, paths_of
from adapters.query.paths import Path
from adapters.query.pipeline import Accumulation, Group
from adapters.sql.columns.narrowing import Narrowing
from adapters.sql.columns.numbers import looks_whole
from adapters.sql.columns.operands import INTEGERS
from adapters.sql.columns.places import Columns
from adapters.sql.columns.read import TableShape, chosen, drifts

SUMMED: Final = frozenset({*INTEGERS, ColumnType.DOUBLE})
ORDERED: Final = frozenset({*SUMMED, ColumnType.TEXT, ColumnType.VARCHAR, ColumnType.TIMESTAMPTZ})


class Fold(StrEnum):
    """What SQL makes of the values of a column."""

    SUM = "sum"
    LEAST = "least"
    GREATEST = "greatest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A column with what is made of its values."""

    column: str
    fold: Fold
    counted: bool
    """Whether it matters how many values there are."""
    listed: bool
    """Whether values with a fraction are listed beside the sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupShape:
    """A grouping without its values."""

    selection: TableShape
    keys: tuple[str, ...]
    folded: tuple[Folded, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """How groups are made.

    `keys` are the columns that the key is made of. Each accumulation has its column, or None where it counts.
    """

    narrowing: Narrowing
    key: Expression
    keys: tuple[Column, ...]
    accumulations: tuple[tuple[Accumulation, Column | None], ...]

    @property
    def shape(self) -> GroupShape:
        """The plan without its values."""
        return GroupShape(
            selection=TableShape(condition=self.narrowing.condition, columns=self.columns),
            keys=tuple(column.name for column in self.keys),
            folded=tuple(
                _folded(accumulation, column)
                for accumulation, column in self.accumulations
                if column is not None
            ),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that must not have drifted."""
        used = {column.name for column in self.keys}
        used |= {column.name for _, column in self.accumulations if column is not None}
        return tuple(sorted(used.union(self.narrowing.columns)))

    @property
    def values(self) -> Mapping[str, Any]:
        """The parameters of the statement."""
        return self.narrowing.values


def plan_group(stage: Group, narrowing: Narrowing, columns: Columns) -> GroupPlan | None:
    """Return how SQL groups what an exact condition selects, None where it cannot."""
    paths = paths_of(stage.key)
    if paths is None or not narrowing.exact:
        return None
    keys = [_column(path, columns) for path in sorted(paths)]
    folded = [_operand(each, columns) for each in stage.accumulations]
    if None in keys or None in folded:
        return None
    return GroupPlan(
        narrowing=narrowing,
        key=stage.key,
        keys=tuple(key for key in keys if key is not None),
        accumulations=tuple(each for each in folded if each is not None),
    )


def plan_distinct(path: Path, narrowing: Narrowing, columns: Columns) -> GroupPlan | None:
    """Return how SQL finds the distinct values at a path, None where it cannot."""
    return plan_group(Group(key=FieldPath(path=path), accumulations=()), narrowing, columns)


def _column(path: Path, columns: Columns) -> Column | None:
    if path == ID_PATH and columns.entity.identity.type is IdentityType.KEY:
        return None
    return columns.scalar(path)


def _operand(
    accumulation: Accumulation, columns: Columns
) -> tuple[Accumulation, Column | None] | None:
    """Return the column that an accumulator folds, or None for it where it counts; None where SQL cannot."""
    operator, value = accumulation.operator, accumulation.value
    if operator == "$sum" and isinstance(value, Literal):
        return (accumulation, None) if type(value.value) in {int, Int64} else None
    if not isinstance(value, FieldPath) or operator not in FOLDS:
        return None
    column = columns.scalar(value.path)
    allowed = SUMMED if FOLDS[operator] is Fold.SUM else ORDERED
    if column is None or column.type not in allowed or value.path == ID_PATH:
        return None
    return accumulation, column


FOLDS: Final[Mapping[str, Fold]] = {
    "$sum": Fold.SUM,
    "$avg": Fold.SUM,
    "$min": Fold.LEAST,
    "$max": Fold.GREATEST,
}


def _folded(accumulation: Accumulation, column: Column) -> Folded:
    fold = FOLDS[accumulation.operator]
    return Folded(
        column=column.name,
        fold=fold,
        counted=accumulation.operator == "$avg",
        listed=fold is Fold.SUM and column.type is ColumnType.DOUBLE,
    )


def group(table: sa.Table, shape: GroupShape) -> sa.Select[Any]:
    """Return the statement.

    Each row tells whether anything has drifted, then: number of documents (NULL if there is no group), the first
    ordinal, the layout, the keys, and for each folded column the value, the count and the list, NULL for what is neither
    counted nor listed.
    """
    keys = [table.c[name] for name in shape.keys]
    layout = table.c["_layout"]
    folds = [each for folded in shape.folded for each in _folds(table, folded)]
    made = [sa.func.count(), sa.func.min(table.c["_ordinal"]), layout, *keys, *folds]
    groups = (
        sa.select(*(each.label(f"made{at}") for at, each in enumerate(made)))
        .where(*chosen(table, shape.selection))
        .group_by(*keys, layout)
        .subquery("groups")
    )
    state = sa.select(drifts(table, shape.selection).label("drifted")).subquery("state")
    return sa.select(state.c.drifted, *groups.c).select_from(state.outerjoin(groups, sa.true()))


def _folds(table: sa.Table, folded: Folded) -> tuple[ColumnElement[Any], ...]:
    column = sa.type_coerce(table.c[folded.column], sa.types.NullType())
    count = sa.func.count(column) if folded.counted else sa.null()
    match folded.fold:
        case Fold.LEAST:
            return sa.func.min(column), count, sa.null()
        case Fold.GREATEST:
            return sa.func.max(column), count, sa.null()
        case Fold.SUM:
            if not folded.listed:
                return sa.func.sum(column), count, sa.null()
            whole = looks_whole(column)
            summed = sa.func.sum(sa.cast(column, sa.BigInteger)).filter(whole)
            return summed, count, sa.func.array_agg(column).filter(sa.not_(whole))
