"""`$and`, `$or` and `$not`.

Source: MongoDB manual, "Boolean Expression Operators".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adapters.evaluate.expressions.variables import Variables
from adapters.query.types import truth

Evaluate = Callable[[Variables], Any]


def _all(arguments: Sequence[Evaluate]) -> Evaluate:
    return lambda variables: all(truth(argument(variables)) for argument in arguments)


def _any(arguments: Sequence[Evaluate]) -> Evaluate:
    return lambda variables: any(truth(argument(variables)) for argument in arguments)


LAZY: Final[Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]]] = {"$and": _all, "$or": _any}
"""Operators that stop at the argument that decides."""

EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    "$not": lambda arguments: not truth(arguments[0]),
}
