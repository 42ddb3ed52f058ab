"""`$expr` on columns: comparisons of a column with a constant, and what joins them.

Expressions compare across types: a missing value is less than null, and null less than any other value.
Source: MongoDB manual, "$expr", "Comparison/Sort Order".
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from adapters.entities.entity import ID_PATH, Column, ColumnType
from adapters.query.expression import Call, Expression, FieldPath, Literal, Variable
from adapters.query.filter import Comparator, Comparison
from adapters.sql.columns.condition import Absent, Condition, negated
from adapters.sql.columns.parameters import (
    UNSAID,
    Parameters,
    Part,
    all_parts,
    any_part,
    exactly,
)
from adapters.sql.columns.places import Columns
from adapters.sql.columns.scalars import scalar_part
from comparators.canonical import MISSING
from comparators.order import compare, order_key

COMPARATORS: Final[Mapping[str, Comparator]] = {
    "$eq": Comparator.EQ,
    "$gt": Comparator.GT,
    "$gte": Comparator.GTE,
    "$lt": Comparator.LT,
    "$lte": Comparator.LTE,
}
MIRRORED: Final[Mapping[Comparator, Comparator]] = {
    Comparator.EQ: Comparator.EQ,
    Comparator.GT: Comparator.LT,
    Comparator.GTE: Comparator.LTE,
    Comparator.LT: Comparator.GT,
    Comparator.LTE: Comparator.GTE,
}
HOLDS: Final[Mapping[Comparator, Callable[[int], bool]]] = {
    Comparator.EQ: lambda order: order == 0,
    Comparator.GT: lambda order: order > 0,
    Comparator.GTE: lambda order: order >= 0,
    Comparator.LT: lambda order: order < 0,
    Comparator.LTE: lambda order: order <= 0,
}
NOT_A_NUMBER: Final = order_key(float("nan"))
NUMBER: Final = order_key(0)[0]
CLASSES: Final[Mapping[ColumnType, int]] = {
    ColumnType.INTEGER: NUMBER,
    ColumnType.BIGINT: NUMBER,
    ColumnType.DOUBLE: NUMBER,
    ColumnType.NUMERIC: NUMBER,
    ColumnType.TEXT: order_key("")[0],
    ColumnType.VARCHAR: order_key("")[0],
    ColumnType.UUID: order_key(b"")[0],
    ColumnType.BYTEA: order_key(b"")[0],
    ColumnType.BOOLEAN: order_key(True)[0],
    ColumnType.OBJECTID: order_key(ObjectId(b"\0" * 12))[0],
    ColumnType.TIMESTAMPTZ: order_key(DatetimeMS(0))[0],
}
"""The place of a column's values among those of other types."""


def expression_part(
    expression: Expression,
    columns: Columns,
    parameters: Parameters,
    variables: Mapping[str, Any],
) -> Part:
    """Return the condition that an expression gives a true value."""
    if not isinstance(expression, Call):
        return UNSAID
    operator, arguments = expression.operator, expression.arguments

    def inner() -> list[Part]:
        return [
            UNSAID if each is None else expression_part(each, columns, parameters, variables)
            for each in arguments
        ]

    match operator:
        case "$and":
            return all_parts(inner())
        case "$or":
            return any_part(inner())
        case "$not":
            return _opposite(inner()[0])
        case "$ne":
            equal = Call(operator="$eq", arguments=arguments)
            return _opposite(expression_part(equal, columns, parameters, variables))
        case _ if operator in COMPARATORS:
            return _comparison(COMPARATORS[operator], arguments, columns, parameters, variables)
        case _:
            return UNSAID


def _opposite(part: Part) -> Part:
    return exactly(negated(part.condition)) if part.exact else UNSAID


def _comparison(
    comparator: Comparator,
    arguments: tuple[Expression | None, ...],
    columns: Columns,
    parameters: Parameters,
    variables: Mapping[str, Any],
) -> Part:
    left, right = arguments
    if not isinstance(left, FieldPath):
        left, right, comparator = right, left, MIRRORED[comparator]
    value = _constant(right, variables)
    if not isinstance(left, FieldPath) or value is MISSING or left.path == ID_PATH:
        return UNSAID
    column = columns.scalar(left.path)
    if column is None or order_key(value) == NOT_A_NUMBER:
        return UNSAID
    return _compared(column, comparator, value, columns, parameters)


def _constant(expression: Expression | None, variables: Mapping[str, Any]) -> Any:
    """Return the value of a constant or of a variable, MISSING for any other expression."""
    match expression:
        case Literal(value=value):
            return value
        case Variable(name=name, path=()):
            return variables.get(name, MISSING)
        case _:
            return MISSING


def _compared(
    column: Column, comparator: Comparator, value: Any, columns: Columns, parameters: Parameters
) -> Part:
    spot = columns.spot(column)
    if value is not None and order_key(value)[0] == CLASSES[column.type]:
        leaf = Comparison(path=column.path, comparator=comparator, value=value)
        present = scalar_part(leaf, spot, parameters)
    else:
        holds = HOLDS[comparator](CLASSES[column.type] - order_key(value)[0])
        present = exactly(spot.present if holds else spot.never)
    others: list[Condition] = []
    of_null = HOLDS[comparator](compare(None, value, missing_first=True))
    of_missing = HOLDS[comparator](compare(MISSING, value, missing_first=True))
    if of_null and of_missing:
        others.append(spot.absent)
    elif of_null:
        others.append(spot.null)
    parts = [present, *map(exactly, others)]
    if of_missing and not of_null:
        missing = [exactly(Absent(column=column.name)), exactly(negated(spot.null))]
        parts.append(all_parts(missing))
    return any_part(parts)
