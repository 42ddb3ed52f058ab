"""The values of `let`.

Source: MongoDB manual, "find", field `let`; the codes were observed on a server 6.0.
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.evaluate.expressions import evaluator
from adapters.evaluate.expressions.variables import Variables
from adapters.query.collated import collated
from adapters.query.expression import parse_expression
from adapters.query.expression.names import check_variable_of_let, check_variable_read
from adapters.query.expression.parse import BUILT_IN, UNAVAILABLE
from adapters.query.expression.walk import paths_of
from adapters.query.failures import CommandFailure
from comparators.order import ValueOrder

READS_A_FIELD: Final = 4890500
REDEFINES: Final = 4738901
NOT_WRITABLE: Final = 17275
CONSTANTS: Final = frozenset({"CLUSTER_TIME", "IS_MR", "JS_SCOPE", "NOW"})
"""What the server itself binds in this way."""


def values_of_let(let: Any, now: Mapping[str, Any], order: ValueOrder) -> dict[str, Any]:
    """Return the values that the expressions of `let` give: each sees those before it, and no document."""
    if not isinstance(let, Mapping):
        return {}
    values: dict[str, Any] = {}
    for name, expression in let.items():
        if name in CONSTANTS:
            raise CommandFailure(REDEFINES, f"a parameter cannot redefine the constant {name}")
        check_variable_of_let(name)
        parsed = collated(parse_expression(expression, variables=frozenset(values)), order)
        if paths_of(parsed) != frozenset():
            raise CommandFailure(READS_A_FIELD, "Command let Expression tried to access a field")
        values[name] = evaluator(parsed)(Variables.of({}, {**now, **values}))
    return values


def checked_constants(constants: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables that one statement of an update brings along, `c`: values, no expressions."""
    for name in constants:
        check_variable_read(name)
        if name == "CURRENT":
            check_variable_of_let(name)
        if name in BUILT_IN | UNAVAILABLE:
            raise CommandFailure(
                NOT_WRITABLE, f"Can't redefine a non-user-writable variable: {name}"
            )
    return dict(constants)
