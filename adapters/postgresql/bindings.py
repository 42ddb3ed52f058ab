"""The values of `let`."""

from collections.abc import Mapping
from typing import Any

from adapters.evaluate.expressions import evaluator
from adapters.evaluate.expressions.variables import Variables
from adapters.query.collated import collated
from adapters.query.expression import parse_expression
from comparators.order import ValueOrder


def values_of_let(let: Any, now: Mapping[str, Any], order: ValueOrder) -> dict[str, Any]:
    """Return the values that the expressions of `let` give, which see no document."""
    if not isinstance(let, Mapping):
        return {}
    return {
        name: evaluator(collated(parse_expression(expression), order))(Variables.of({}, now))
        for name, expression in let.items()
    }
