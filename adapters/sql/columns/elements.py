"""Conditions as SQLAlchemy Core elements over a mapped table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, assert_never

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONPATH
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.compiler import SQLCompiler

from adapters.sql.columns.condition import (
    EVERYTHING,
    Absent,
    All,
    Among,
    AnyOf,
    BitRule,
    BitsUnder,
    Compared,
    Condition,
    Constant,
    Contains,
    Drifted,
    Element,
    ExplicitNull,
    Flag,
    Holds,
    JsonPath,
    Length,
    Opposite,
    Overlaps,
    Place,
    Remainder,
    RowCount,
    Sign,
    SomeElement,
    SomeRow,
    SumFits,
)
from adapters.sql.mapped_table import child_tables, goes_with

ZERO: Final[ColumnElement[Any]] = sa.literal_column("0")
ONE: Final[ColumnElement[Any]] = sa.literal_column("1")
BEYOND_ASCII: Final[ColumnElement[Any]] = sa.literal_column(r"U&'\212A\017F'")
FOLDED: Final[ColumnElement[Any]] = sa.literal_column("'ks'")
"""What folds into ASCII letters without being ASCII: the Kelvin sign and the long s."""

COMPARISONS: Final[Mapping[Sign, Callable[[Any, Any], ColumnElement[bool]]]] = {
    Sign.EQUAL: lambda a, b: a == b,
    Sign.BELOW: lambda a, b: a < b,
    Sign.AT_MOST: lambda a, b: a <= b,
    Sign.ABOVE: lambda a, b: a > b,
    Sign.AT_LEAST: lambda a, b: a >= b,
}
LIMITS: Final[Mapping[type, tuple[ColumnElement[Any], ColumnElement[Any]]]] = {
    sa.Integer: (sa.literal_column("'-2147483648'::bigint"), sa.literal_column("2147483647")),
    sa.BigInteger: (
        sa.literal_column("'-9223372036854775808'::bigint"),
        sa.literal_column("9223372036854775807"),
    ),
}
"""The least and the largest number of a column, by its type."""

BITS: Final[Mapping[BitRule, Callable[[Any, Any], ColumnElement[bool]]]] = {
    BitRule.ALL_SET: lambda bits, mask: bits == mask,
    BitRule.ANY_SET: lambda bits, _mask: bits != ZERO,
    BitRule.ALL_CLEAR: lambda bits, _mask: bits == ZERO,
    BitRule.ANY_CLEAR: lambda bits, mask: bits != mask,
}


def drifted(table: sa.FromClause, columns: Sequence[str]) -> ColumnElement[bool]:
    """Return whether one of the columns has drifted.

    Their names are literals and no parameters: so the server knows when it plans that there is no such row, and that a
    plan for all values is as good as one for each.
    """
    drift = sa.type_coerce(table.c["_drift"], sa.types.NullType())
    return drift.bool_op("&&")(_Names(columns))


class _Names(ColumnElement[Any]):
    """An array of names that are part of a statement."""

    inherit_cache = False

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.type = sa.types.NullType()


@compiles(_Names, "postgresql")
def _names(element: _Names, compiler: SQLCompiler, **_options: Any) -> str:
    quoted = [compiler.render_literal_value(name, sa.Text()) for name in element.names]
    return f"ARRAY[{', '.join(quoted)}]::text[]"


def element_of(condition: Condition, table: sa.FromClause) -> ColumnElement[bool]:
    """Return a condition as an element."""
    return _Renderer(table, None).element(condition)


class _Renderer:
    """Conditions over one table, or over an element of one of its arrays."""

    def __init__(self, table: sa.FromClause, under_test: ColumnElement[Any] | None) -> None:
        self._table = table
        self._under_test = under_test

    def element(self, condition: Condition) -> ColumnElement[bool]:
        match condition:
            case All(parts=parts):
                return sa.and_(sa.true(), *map(self.element, parts))
            case AnyOf(parts=parts):
                return sa.or_(sa.false(), *map(self.element, parts))
            case Opposite(leaf=SomeRow() as leaf):
                # It is never unknown, and so it can be an anti-join.
                return sa.not_(self.element(leaf))
            case Opposite(leaf=leaf):
                return self.element(leaf).is_not(sa.true())
            case Drifted(column=column):
                return drifted(self._table, (column,))
            case Constant(holds=holds):
                return sa.true() if holds else sa.false()
            case Absent(column=column, absent=absent):
                at = self._column(column)
                return at.is_(sa.null()) if absent else at.is_not(sa.null())
            case ExplicitNull(name=name):
                return _parameter(name) == sa.any_(self._column("_nulls"))
            case Contains(column=column, parameter=parameter):
                return self._operator(column, "@>", parameter)
            case Overlaps(column=column, parameter=parameter):
                return self._operator(column, "&&", parameter)
            case Length(column=column, sign=sign, parameter=parameter):
                length = sa.func.cardinality(self._column(column))
                return COMPARISONS[sign](length, _parameter(parameter))
            case SomeElement(column=column, condition=inner):
                return self._some(column, inner)
            case SumFits(column=column, parameter=parameter):
                return self._sum_fits(column, parameter)
            case SomeRow(column=column, condition=inner):
                rows = self._rows(column)
                if inner is not EVERYTHING:
                    rows = rows.where(element_of(inner, child_tables(self._table)[column]))
                return sa.exists(rows)
            case RowCount(column=column, parameter=parameter):
                rows = self._rows(column).with_only_columns(
                    sa.func.count(type_=sa.types.NullType())
                )
                return rows.scalar_subquery() == _parameter(parameter)
            case JsonPath(column=column, parameter=parameter, indexed=indexed):
                return self._json(column, parameter, indexed=indexed)
            case _:
                return self._of_place(condition)

    def _of_place(
        self, condition: Compared | Among | Flag | Remainder | BitsUnder | Holds
    ) -> ColumnElement[bool]:
        at = self._at(condition.place)
        match condition:
            case Compared(sign=sign, parameter=parameter):
                return COMPARISONS[sign](at, _parameter(parameter))
            case Among(parameter=parameter):
                return at == sa.any_(_parameter(parameter))
            case Flag(value=value):
                return at.is_(sa.true()) if value else at.is_(sa.false())
            case Remainder(divisor=divisor, remainder=remainder):
                rest = sa.cast(at, sa.BigInteger).op("%")(_parameter(divisor))
                return rest == _parameter(remainder)
            case BitsUnder(rule=rule, mask=mask):
                bits = sa.cast(at, sa.BigInteger).op("&")(_parameter(mask))
                return BITS[rule](bits, _parameter(mask))
            case Holds():
                return _holds(condition, at)
            case _:
                assert_never(condition)

    def _at(self, place: Place) -> ColumnElement[Any]:
        column = self._column(place.column)
        if not isinstance(place, Element):
            return column
        if place.position is not None:
            elements = sa.type_coerce(column, sa.ARRAY(sa.types.NullType()))
            found = elements[sa.bindparam(place.position, type_=sa.Integer)]
        elif self._under_test is not None:
            found = self._under_test
        else:
            raise ValueError("no element is under test here")
        # The elements of an array have the collation of the database.
        return sa.collate(found, "C") if self._holds_texts(place.column) else found

    def _holds_texts(self, column: str) -> bool:
        kind = self._table.c[column].type
        return isinstance(kind, sa.ARRAY) and isinstance(kind.item_type, sa.String)

    def _column(self, name: str) -> ColumnElement[Any]:
        # Without its type: the database knows it, and values are encoded by the driver.
        return sa.type_coerce(self._table.c[name], sa.types.NullType())

    def _operator(self, column: str, operator: str, parameter: str) -> ColumnElement[bool]:
        return self._column(column).bool_op(operator)(_parameter(parameter))

    def _some(self, column: str, inner: Condition) -> ColumnElement[bool]:
        each = sa.func.unnest(self._column(column)).column_valued("element")
        condition = _Renderer(self._table, each).element(inner)
        return sa.exists(sa.select(each).where(condition))

    def _sum_fits(self, column: str, parameter: str) -> ColumnElement[bool]:
        # Neither side may overflow; which of the two is made, its guard decides.
        at = self._column(column)
        least, most = LIMITS[type(self._table.c[column].type)]
        added = sa.cast(sa.bindparam(parameter, type_=sa.BigInteger), sa.BigInteger)
        return sa.case((added > ZERO, at <= most - added), else_=at >= least - added)

    def _rows(self, name: str) -> sa.Select[Any]:
        """Return the rows of a child table that go with the row."""
        child = child_tables(self._table)[name]
        rows = sa.select(ONE).select_from(child).where(goes_with(child, self._table))
        return rows.correlate(self._table)

    def _json(self, column: str, parameter: str, *, indexed: bool) -> ColumnElement[bool]:
        path = sa.cast(sa.bindparam(parameter, type_=JSONPATH), JSONPATH)
        matched = self._column(column).bool_op("@@")(path)
        # A path without an equality would make the index be read as a whole: slower than the table.
        return matched if indexed else matched.is_(sa.true())


def _holds(condition: Holds, at: ColumnElement[Any]) -> ColumnElement[bool]:
    if condition.folded:
        at = sa.func.lower(sa.func.translate(at, BEYOND_ASCII, FOLDED))
    wanted = _parameter(condition.parameter)
    if condition.at_start:
        return sa.func.starts_with(at, wanted)
    return sa.func.strpos(at, wanted) > ZERO


def _parameter(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=sa.types.NullType())
