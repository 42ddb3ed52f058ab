"""From the documents of `$group`, `$sortByCount`, `$bucket` and their accumulators to stages.

Source: MongoDB manual, "$group (aggregation)", "Accumulators ($group)".
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from adapters.query.expression import Call, Expression, Literal, Scope, Switch, parse_expression
from adapters.query.failures import CommandFailure
from adapters.query.pipeline.tree import Accumulation, Group, Sort, Stage
from adapters.query.sort import parse_sort
from adapters.query.unsupported import unsupported
from comparators.order import order_key

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


def parse_bucket(value: Any, scope: Scope) -> tuple[Stage, ...]:
    if not isinstance(value, Mapping):
        raise CommandFailure(40201, "Argument to $bucket stage must be an object")
    for name in value:
        if name not in {"groupBy", "boundaries", "default", "output"}:
            raise CommandFailure(40197, f"Unrecognized option to $bucket: {name}.")
    _check_bucket_value(value.get("groupBy", "$"))
    if "groupBy" not in value or "boundaries" not in value:
        raise CommandFailure(40198, "$bucket requires 'groupBy' and 'boundaries' to be specified.")
    boundaries = _boundaries(value["boundaries"])
    by = parse_expression(value["groupBy"], variables=scope)
    output = value.get("output", {"count": {"$sum": 1}})
    if not isinstance(output, Mapping):
        raise CommandFailure(40196, "The $bucket 'output' field must be an object")
    key = Switch(
        branches=tuple(
            (_within(by, low, high), Literal(value=low)) for low, high in pairwise(boundaries)
        ),
        default=Literal(value=_default(value["default"], boundaries))
        if "default" in value
        else None,
    )
    accumulations = tuple(parse_accumulation(n, item, scope) for n, item in output.items())
    return (Group(key=key, accumulations=accumulations), Sort(sort={"_id": 1}))


def _check_bucket_value(by: Any) -> None:
    is_expression = isinstance(by, Mapping) and next(iter(by), "").startswith("$")
    if not is_expression and not (isinstance(by, str) and by.startswith("$")):
        raise CommandFailure(40202, "The $bucket 'groupBy' field must be a $-prefixed path")


def _within(by: Expression, low: Any, high: Any) -> Expression:
    return Call(
        operator="$and",
        arguments=(
            Call(operator="$gte", arguments=(by, Literal(value=low))),
            Call(operator="$lt", arguments=(by, Literal(value=high))),
        ),
    )


def _boundaries(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise CommandFailure(40200, "The $bucket 'boundaries' field must be an array")
    if any(isinstance(item, Mapping | list) or _is_path(item) for item in value):
        raise unsupported("$bucket with boundaries that are expressions", where="pipeline")
    if len(value) < 2:
        raise CommandFailure(40192, "The $bucket 'boundaries' field must have at least 2 values")
    for low, high in pairwise(value):
        if order_key(low)[0] != order_key(high)[0]:
            raise CommandFailure(40193, "All values in 'boundaries' must have the same type")
        if order_key(low) >= order_key(high):
            raise CommandFailure(40194, "The 'boundaries' option to $bucket must be sorted")
    return value


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("$")


def _default(value: Any, boundaries: list[Any]) -> Any:
    if isinstance(value, Mapping | list) or _is_path(value):
        raise unsupported("$bucket with a default that is an expression", where="pipeline")
    if order_key(boundaries[0]) <= order_key(value) < order_key(boundaries[-1]):
        raise CommandFailure(
            40199, "The $bucket 'default' field must lie outside of the boundaries"
        )
    return value
