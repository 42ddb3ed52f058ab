"""A filter over a map: the rows that SQL selects, whether they are exactly those that match, and why not.

The answer is right for rows in which none of its columns has drifted; `columns` names them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, assert_never

from bson.max_key import MaxKey
from bson.min_key import MinKey

from adapters.entities.entity import Child, Column
from adapters.query.filter import (
    And,
    Comparison,
    ExpressionHolds,
    Filter,
    In,
    Leaf,
    Nor,
    Not,
    Or,
    SchemaHolds,
    Text,
)
from adapters.sql.columns.arrays import array_part, position_spot
from adapters.sql.columns.condition import (
    EVERYTHING,
    Absent,
    Condition,
    Constant,
    columns_of,
    names_of,
    negated,
)
from adapters.sql.columns.documents import json_part
from adapters.sql.columns.expressions import expression_part
from adapters.sql.columns.keys import key_part
from adapters.sql.columns.parameters import (
    UNSAID,
    Parameters,
    Part,
    all_parts,
    any_part,
    exactly,
)
from adapters.sql.columns.places import (
    Array,
    Below,
    Columns,
    InRow,
    Json,
    Key,
    Position,
    Rows,
    Scalar,
    View,
)
from adapters.sql.columns.rows import in_rows, rows_part
from adapters.sql.columns.scalars import Spot, holds_for_all, is_null_test, scalar_part


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What SQL selects for a filter.

    `condition` is the shape, `values` its parameters by name. Unless it is `exact`, the residual finishes.
    `columns` are those it speaks about: where one of them has drifted, the condition says nothing.
    """

    condition: Condition
    values: Mapping[str, Any]
    exact: bool
    columns: tuple[str, ...]
    why: tuple[str, ...] = ()


WHOLE_TABLE = Narrowing(condition=EVERYTHING, values={}, exact=True, columns=())


def narrowing_of(
    tree: Filter, columns: Columns, *, variables: Mapping[str, Any] | None = None
) -> Narrowing:
    """Return what SQL selects for a filter.

    `variables` are those that `$expr` may name, by their names.
    """
    planner = _Planner(columns, variables or {})
    part = planner.part(tree, opposite=False, leaf_part=planner.leaf)
    values = planner.parameters.values
    for leaf in names_of(part.condition):
        values.setdefault(leaf.name, leaf.column)
    return Narrowing(
        condition=part.condition,
        values=values,
        exact=part.exact,
        columns=columns_of(part.condition),
        why=tuple(dict.fromkeys(planner.why)),
    )


class _Planner:
    """The state of one translation."""

    def __init__(self, columns: Columns, variables: Mapping[str, Any]) -> None:
        self.parameters = Parameters()
        self.why: list[str] = []
        self._columns = columns
        self._variables = variables

    def part(self, tree: Filter, *, opposite: bool, leaf_part: Callable[[Leaf], Part]) -> Part:
        """Return the condition for a filter, or for its opposite."""
        match tree:
            case And(children=children):
                parts = [self.part(c, opposite=opposite, leaf_part=leaf_part) for c in children]
                return any_part(parts) if opposite else all_parts(parts)
            case Or(children=children):
                parts = [self.part(c, opposite=opposite, leaf_part=leaf_part) for c in children]
                return all_parts(parts) if opposite else any_part(parts)
            case Nor(children=children):
                parts = [self.part(c, opposite=not opposite, leaf_part=leaf_part) for c in children]
                return any_part(parts) if opposite else all_parts(parts)
            case Not(child=child):
                return self.part(child, opposite=not opposite, leaf_part=leaf_part)
            case ExpressionHolds(expression=expression):
                found = expression_part(expression, self._columns, self.parameters, self._variables)
                if not found.exact:
                    self.why.append("`$expr` is not said in SQL")
            case Text():
                found = UNSAID
                self.why.append("`$text` is not said in SQL")
            case SchemaHolds():
                found = UNSAID
                self.why.append("`$jsonSchema` is not said in SQL")
            case _:
                found = leaf_part(tree)
        if not opposite:
            return found
        return exactly(negated(found.condition)) if found.exact else UNSAID

    def leaf(self, leaf: Leaf) -> Part:
        """Return the condition for a leaf with a path of the document."""
        view = self._columns.view(leaf.path)
        if view is None:
            self.why.append(f"`{'.'.join(leaf.path)}` has no column")
            return UNSAID
        found = self._of_view(leaf, view)
        if not found.exact:
            self.why.append(f"of `{'.'.join(leaf.path)}` its column tells too little")
        return found

    def _of_view(self, leaf: Leaf, view: View) -> Part:
        match view:
            case Key(identity=identity):
                return key_part(leaf, identity, self.parameters)
            case Rows(child=child, rest=()):
                inside = partial(self._inside, child)
                return rows_part(
                    leaf, child, self.parameters, lambda tree: self._translate(tree, inside)
                )
            case Rows(child=child, rest=rest):
                inner = self._inside(child, replace(leaf, path=rest))
                of_missing = _holds_for_missing(leaf)
                return in_rows(inner, child, self.parameters, of_missing=of_missing)
            case _:
                return self._in_row(leaf, view, self._columns.spot)

    def _inside(self, child: Child, leaf: Leaf) -> Part:
        """Return the condition on a row of a child table for a leaf with a path of its element."""
        columns = self._columns.of_rows[child.table]
        view = columns.view(leaf.path)
        return UNSAID if view is None else self._in_row(leaf, view, columns.spot)

    def _in_row(self, leaf: Leaf, view: InRow, spot_of: Callable[[Column], Spot]) -> Part:
        match view:
            case Scalar(column=column):
                return scalar_part(leaf, spot_of(column), self.parameters)
            case Array(column=column):
                return array_part(leaf, column, self.parameters, self._translate)
            case Position(column=column, position=position):
                spot = position_spot(column, position, self.parameters)
                return scalar_part(leaf, spot, self.parameters)
            case Below(column=column):
                return _below(leaf, column.name, is_array=column.array)
            case Json(column=column, rest=rest):
                return json_part(leaf, column, rest, self.parameters)
            case _:
                assert_never(view)

    def _translate(self, tree: Filter, leaf_part: Callable[[Leaf], Part]) -> Part:
        return self.part(tree, opposite=False, leaf_part=leaf_part)


def _below(leaf: Leaf, column: str, *, is_array: bool) -> Part:
    """Return the condition for a path that ends below a scalar: in a missing value."""
    if not _holds_for_missing(leaf):
        return exactly(Constant(column=column, holds=False))
    return exactly(Absent(column=column) if is_array else Constant(column=column, holds=True))


def _holds_for_missing(leaf: Leaf) -> bool:
    match leaf:
        case Comparison(comparator=comparator, value=None):
            return is_null_test(comparator)
        case Comparison(comparator=comparator, value=MinKey() | MaxKey() as value):
            return holds_for_all(comparator, value)
        case In(values=values):
            return None in values
        case _:
            return False
