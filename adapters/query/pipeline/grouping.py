"""From the documents of `$group`, `$sortByCount` and their accumulators to stages.

Source: MongoDB manual, "$group (aggregation)", "Accumulators ($group)".
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.query.expression import Expression, Literal, Scope, parse_expression
from adapters.query.failures import CommandFailure
from adapters.query.pipeline.tree import Accumulation, Group, Sort, Stage
from adapters.query.sort import parse_sort
from adapters.query.unsupported import unsupported

SIMPLE: Final[frozenset[str]] = frozenset(
    {
        "$addToSet",
        "$avg",
        "$first",
        "$last",
        "$max",
        "$mergeObjects",
        "$min",
        "$push",
        "$stdDevPop",
        "$stdDevSamp",
        "$sum",
    }
)
"""Accumulators of one value."""
COUNTED: Final[frozenset[str]] = frozenset({"$firstN", "$lastN", "$maxN", "$minN"})
"""Accumulators of a value and how many to keep."""
SORTED: Final[frozenset[str]] = frozenset({"$bottom", "$bottomN", "$top", "$topN"})
"""Accumulators with a sort of their own."""
UNSUPPORTED: Final[frozenset[str]] = frozenset({"$accumulator"})


def parse_group(value: Any, scope: Scope) -> Group:
    if not isinstance(value, Mapping):
        raise CommandFailure(15947, "a group's fields must be specified in an object")
    key: Expression | None = None
    accumulations = []
    for name, item in value.items():
        if name == "_id":
            key = _parse_key(item, scope)
        else:
            accumulations.append(parse_accumulation(name, item, scope))
    if key is None:
        raise CommandFailure(15955, "a group specification must include an _id")
    return Group(key=key, accumulations=tuple(accumulations))


def _parse_key(value: Any, scope: Scope) -> Expression:
    if isinstance(value, Mapping) and not next(iter(value), "").startswith("$"):
        for name in value:
            if "." in name:
                raise CommandFailure(17390, "$group does not support inclusion-style expressions")
    return parse_expression(value, variables=scope)


def parse_accumulation(name: str, value: Any, scope: Scope) -> Accumulation:
    """Return one field of a group."""
    if not isinstance(value, Mapping) or not next(iter(value), "").startswith("$"):
        raise CommandFailure(40234, f"The field '{name}' must be an accumulator object")
    if "." in name:
        raise CommandFailure(40235, f"The field name '{name}' cannot contain '.'")
    if name.startswith("$"):
        raise CommandFailure(40236, f"The field name '{name}' cannot be an operator name")
    if len(value) != 1:
        raise CommandFailure(40238, f"The field '{name}' must specify one accumulator")
    operator, argument = next(iter(value.items()))
    if operator == "$count":
        if argument != {}:
            raise CommandFailure(14, "$count takes no arguments, i.e. $count:{}")
        return Accumulation(field=name, operator="$sum", value=Literal(value=1))
    if operator in SIMPLE:
        if isinstance(argument, list):
            if len(argument) != 1:
                raise CommandFailure(40237, f"The {operator} accumulator is a unary operator")
            argument = argument[0]
        return Accumulation(
            field=name, operator=operator, value=parse_expression(argument, variables=scope)
        )
    if operator in COUNTED:
        return _parse_counted(name, operator, argument, scope)
    if operator in SORTED:
        return _parse_sorted(name, operator, argument, scope)
    if operator in UNSUPPORTED:
        raise unsupported(operator, where="$group")
    raise CommandFailure(15952, f"unknown group operator '{operator}'")


def _parse_counted(name: str, operator: str, argument: Any, scope: Scope) -> Accumulation:
    if not isinstance(argument, Mapping):
        raise CommandFailure(5787900, f"specification must be an object; found {operator}")
    for parameter in argument:
        if parameter not in {"input", "n"}:
            raise CommandFailure(5787901, f"Unknown argument for 'n' operator: {parameter}")
    for parameter, code in (("n", 5787906), ("input", 5787907)):
        if parameter not in argument:
            raise CommandFailure(code, f"Missing value for '{parameter}'")
    return Accumulation(
        field=name,
        operator=operator,
        value=parse_expression(argument["input"], variables=scope),
        count=parse_expression(argument["n"], variables=scope),
    )


def _parse_sorted(name: str, operator: str, argument: Any, scope: Scope) -> Accumulation:
    if not isinstance(argument, Mapping):
        raise CommandFailure(5788001, f"specification must be an object; found {operator}")
    counted = operator.endswith("N")
    for parameter in argument:
        if parameter not in ({"sortBy", "output", "n"} if counted else {"sortBy", "output"}):
            raise CommandFailure(5788002, f"Unknown argument to {operator}: {parameter}")
    if counted and "n" not in argument:
        raise CommandFailure(5788003, "Missing value for 'n'")
    if "output" not in argument:
        raise CommandFailure(5788004, "Missing value for 'output'")
    if "sortBy" not in argument:
        raise CommandFailure(5788005, "Missing value for 'sortBy'")
    if not isinstance(argument["sortBy"], Mapping):
        raise CommandFailure(10065, "invalid parameter: expected an object (sortBy)")
    return Accumulation(
        field=name,
        operator=operator,
        value=parse_expression(argument["output"], variables=scope),
        count=parse_expression(argument["n"], variables=scope) if counted else None,
        sort=parse_sort(argument["sortBy"]),
    )


def parse_sort_by_count(value: Any, scope: Scope) -> tuple[Stage, ...]:
    if isinstance(value, Mapping):
        if not next(iter(value), "").startswith("$"):
            raise CommandFailure(40147, "the sortByCount field must be an expression in an object")
    elif not isinstance(value, str):
        raise CommandFailure(40149, "the sortByCount field must be a string or an object")
    elif not value.startswith("$"):
        raise CommandFailure(40148, "the sortByCount field must be defined as a $-prefixed path")
    counted = Accumulation(field="count", operator="$sum", value=Literal(value=1))
    key = parse_expression(value, variables=scope)
    return (Group(key=key, accumulations=(counted,)), Sort(sort={"count": -1}))
