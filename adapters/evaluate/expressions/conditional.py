"""`$ifNull`, and the choice of a branch for `$cond` and `$switch`.

Source: MongoDB manual, "Conditional Expression Operators".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adapters.evaluate.expressions.kinds import is_nullish
from adapters.evaluate.expressions.variables import Variables
from adapters.query.failures import CommandFailure
from adapters.query.types import truth

Evaluate = Callable[[Variables], Any]


def _if_null(arguments: Sequence[Evaluate]) -> Evaluate:
    *candidates, last = arguments

    def evaluate(variables: Variables) -> Any:
        for candidate in candidates:
            value = candidate(variables)
            if not is_nullish(value):
                return value
        return last(variables)

    return evaluate


def switch(branches: Sequence[tuple[Evaluate, Evaluate]], default: Evaluate | None) -> Evaluate:
    """Evaluate the first branch whose condition holds, and nothing of the others."""

    def evaluate(variables: Variables) -> Any:
        for condition, then in branches:
            if truth(condition(variables)):
                return then(variables)
        if default is None:
            raise CommandFailure(
                40066, "$switch could not find a matching branch and has no default"
            )
        return default(variables)

    return evaluate


LAZY: Final[Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]]] = {"$ifNull": _if_null}
"""Operators that stop at the argument that decides."""
