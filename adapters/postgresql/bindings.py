"""The values of `let`.

Source: MongoDB manual, "find", field `let`; the codes were observed on a server 6.0.
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.evaluate.expressions import evaluator
from adapters.evaluate.expressions.variables import Variables
from adapters.query.collated import collated
from adapters.query.expression import parse_expression
from adapters.query.expression.names import check_variable_bound
from adapters.query.expression.walk import paths_of
from adapters.query.failures import CommandFailure
from comparators.order import ValueOrder

READS_A_FIELD: Final = 4890500


def values_of_let(let: Any, now: Mapping[str, Any], order: ValueOrder) -> dict[str, Any]:
    """Return the values that the expressions of `let` give: each sees those before it, and no document."""
    if not isinstance(let, Mapping):
        return {}
    values: dict[str, Any] = {}
    for name, expression in let.items():
        check_variable_bound(name)
        parsed = collated(parse_expression(expression, variables=frozenset(values)), order)
        if paths_of(parsed) != frozenset():
            raise CommandFailure(READS_A_FIELD, "Command let Expression tried to access a field")
        values[name] = evaluator(parsed)(Variables.of({}, {**now, **values}))
    return values
