"""Statements that read a mapped table: what the condition selects, and what has drifted.

The first branch holds the rows that the condition can tell of, in order, and cut. The second one holds those in
which a column has drifted that filter or sort speak about, as far as the rest of the condition leaves them: they
are for the residual. It is empty for data as the map expects it; then the first branch is the answer.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from adapters.sql.columns.condition import Condition, relaxed
from adapters.sql.columns.elements import ONE, ZERO, drifted, element_of
from adapters.sql.columns.order import Term
from adapters.sql.cut import LIMIT, SKIP, Limit, element, parameter
from adapters.sql.fence import fenced


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShape:
    """A read without its values: reads of one shape share a statement.

    `columns` are those that filter and sort speak about. Without terms to sort by, rows come as they were
    inserted if it is `natural`, else in any order.
    """

    condition: Condition
    columns: tuple[str, ...] = ()
    terms: tuple[Term, ...] = ()
    natural: bool = False
    skip: bool = False
    limit: Limit = None


def read(
    table: sa.FromClause, shape: TableShape, *selected: ColumnElement[Any]
) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """Return the statement that reads columns; behind them it says whether the row has drifted."""
    first: sa.Select[Any] = sa.select(*selected, sa.false().label("drifted"))
    first = first.where(*_certain(table, shape))
    first = _cut(_ordered(first, table, shape), table, shape)
    if not shape.columns:
        return first
    second = sa.select(*selected, sa.true().label("drifted")).where(*_uncertain(table, shape))
    return sa.union_all(first, second)


def count(table: sa.FromClause, shape: TableShape) -> sa.Select[Any]:
    """Return the statement that counts what the condition selects, and says whether rows have drifted.

    If so, the number is none that MongoDB would count.
    """
    if shape.skip or shape.limit is not None:
        found = sa.select(ONE.label("one")).select_from(table).where(*chosen(table, shape))
        counted = sa.select(sa.func.count()).select_from(_cut(found, table, shape).subquery())
    else:
        counted = sa.select(sa.func.count()).select_from(table).where(*chosen(table, shape))
    return sa.select(counted.scalar_subquery(), drifts(table, shape).label("drifted"))


def read_to_write(
    table: sa.FromClause, shape: TableShape, *selected: ColumnElement[Any]
) -> sa.Select[Any]:
    """Return the statement that reads both branches as one, so that its rows can be locked."""
    marked = drifted(table, shape.columns).is_(sa.true()) if shape.columns else sa.false()
    statement: sa.Select[Any] = sa.select(*selected, marked.label("drifted"))
    statement = _ordered(statement.where(_relaxed(table, shape)), table, shape)
    return statement if shape.limit is None else statement.limit(element(shape.limit))


def drifts(table: sa.FromClause, shape: TableShape) -> ColumnElement[bool]:
    """Return whether there is a row that the condition cannot tell of."""
    if not shape.columns:
        return sa.false()
    other = table.alias("other")
    return sa.exists(sa.select(ONE).select_from(other).where(*_uncertain(other, shape)))


def chosen(table: sa.FromClause, shape: TableShape) -> list[ColumnElement[bool]]:
    """Return the conditions of what the condition selects, drifted or not.

    What is made of all these rows together counts for nothing where `drifts` finds one. It finds each drifted row that
    is among them, so that they need not be looked through for those.
    """
    return [element_of(shape.condition, table), fenced(table)]


def _certain(table: sa.FromClause, shape: TableShape) -> list[ColumnElement[bool]]:
    """Return the conditions of the first branch."""
    found = chosen(table, shape)
    if shape.columns:
        found.append(
            sa.or_(table.c["_drift"].is_(sa.null()), sa.not_(drifted(table, shape.columns)))
        )
    return found


def _uncertain(table: sa.FromClause, shape: TableShape) -> list[ColumnElement[bool]]:
    return [
        # Said twice, so that the partial index is seen to serve.
        table.c["_drift"].is_not(sa.null()),
        drifted(table, shape.columns),
        _relaxed(table, shape),
    ]


def _relaxed(table: sa.FromClause, shape: TableShape) -> ColumnElement[bool]:
    return element_of(relaxed(shape.condition), table)


def _ordered(statement: sa.Select[Any], table: sa.FromClause, shape: TableShape) -> sa.Select[Any]:
    if shape.terms and shape.terms[0].is_key:
        # What comes behind it decides nothing; and told where nulls are, PostgreSQL would not use its index.
        column = table.c[shape.terms[0].column]
        return statement.order_by(column.desc() if shape.terms[0].descending else column.asc())
    if shape.terms:
        return statement.order_by(*[_term(table, term) for term in shape.terms])
    return statement.order_by(table.c["_ordinal"]) if shape.natural else statement


def _term(table: sa.FromClause, term: Term) -> ColumnElement[Any]:
    column = sa.type_coerce(table.c[term.column], sa.types.NullType())
    return column.desc().nulls_last() if term.descending else column.asc().nulls_first()


def _cut(statement: sa.Select[Any], table: sa.FromClause, shape: TableShape) -> sa.Select[Any]:
    """Skip and limit, unless rows have drifted: then nothing may be skipped before the residual has sorted."""
    skip, limit = parameter(SKIP), parameter(LIMIT)
    if shape.skip and shape.columns:
        drifted = drifts(table, shape)
        if shape.limit is not None:
            statement = statement.limit(sa.case((drifted, skip + limit), else_=limit))
        return statement.offset(sa.case((drifted, ZERO), else_=skip))
    if shape.skip:
        statement = statement.offset(skip)
    return statement if shape.limit is None else statement.limit(element(shape.limit))
