"""Aggregation expressions as a tree of plain values.

Source: MongoDB manual, "Aggregation Expression Operators".
"""

from dataclasses import dataclass
from typing import Any

from adapters.query.element_order import ElementOrder
from comparators.order import SIMPLE, ValueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A constant."""

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPath:
    """`$a.b`: a path below the current document."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """`$$name.a.b`: a variable, or a path below it."""

    name: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An operator that evaluates its arguments.

    Named arguments stand in the order of the operator's signature; None stands for one left out.
    `comparing` is the order of values for an operator that compares.
    """

    operator: str
    arguments: "tuple[Expression | None, ...]"
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentExpression:
    """`{a: …, b: …}`: a document made of expressions."""

    fields: "tuple[tuple[str, Expression], ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayExpression:
    """`[…, …]`: an array made of expressions."""

    items: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """`$switch`, and `$cond` as a switch of one branch; `default` is None where it was left out."""

    branches: "tuple[tuple[Expression, Expression], ...]"
    default: "Expression | None"
    operator: str = "$switch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Let:
    """`$let`: the bindings do not see each other."""

    bindings: "tuple[tuple[str, Expression], ...]"
    inside: "Expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """`$map`: `variable` stands for each element in `inside`."""

    input: "Expression"
    variable: str
    inside: "Expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """`$filter`: `limit` is None where it was left out."""

    input: "Expression"
    variable: str
    condition: "Expression"
    limit: "Expression | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduce:
    """`$reduce`: `$$value` and `$$this` are bound in `inside`."""

    input: "Expression"
    initial: "Expression"
    inside: "Expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class SortArray:
    """`$sortArray`."""

    input: "Expression"
    order: ElementOrder
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Zip:
    """`$zip`: `defaults` is empty where it was left out."""

    inputs: "tuple[Expression, ...]"
    use_longest: bool
    defaults: "tuple[Expression, ...]"


Expression = (
    Literal
    | FieldPath
    | Variable
    | Call
    | DocumentExpression
    | ArrayExpression
    | Switch
    | Let
    | Map
    | Filter
    | Reduce
    | SortArray
    | Zip
)
