"""Operators whose arguments are not all expressions that are evaluated once, one after the other.

Source: MongoDB manual, "Variable Expression Operators", "Conditional Expression Operators", "$zip".
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.query.element_order import ElementOrder, Refusals, parse_element_order
from adapters.query.expression.named import read_parameters
from adapters.query.expression.names import check_variable_bound
from adapters.query.expression.signatures import Named, Reading
from adapters.query.expression.tree import (
    Call,
    Expression,
    Filter,
    Let,
    Literal,
    Map,
    Reduce,
    SortArray,
    Switch,
    Zip,
)
from adapters.query.failures import CommandFailure
from adapters.query.unsupported import unknowable

Scope = frozenset[str]
"""The names of the variables that are bound where an expression stands."""
Parse = Callable[[Any, Scope], Expression]
"""Parses an expression inside of another one."""


def _parse_literal(value: Any, _scope: Scope, _parse: Parse) -> Expression:
    return Literal(value=value)


def _parse_hashed(value: Any, scope: Scope, parse: Parse) -> Expression:
    """An array is the value to hash, not a list of arguments."""
    return Call(operator="$toHashedIndexKey", arguments=(parse(value, scope),))


def _parse_rand(value: Any, _scope: Scope, _parse: Parse) -> Expression:
    if not isinstance(value, Mapping | list):
        raise CommandFailure(10065, "invalid parameter: expected an object ($rand)")
    if value:
        raise CommandFailure(3040501, "$rand does not currently accept arguments")
    raise unknowable("$rand", where="expression")


_COND: Final = Named(
    parameters=("if", "then", "else"),
    required={"if": 17080, "then": 17081, "else": 17082},
    not_document=16020,
    unknown=17083,
)


def _parse_cond(value: Any, scope: Scope, parse: Parse) -> Expression:
    if isinstance(value, list) and len(value) == len(_COND.parameters):
        value = dict(zip(_COND.parameters, value, strict=True))
    read = read_parameters("$cond", _COND, value, lambda _name, item: parse(item, scope))
    branch = (read["if"], read["then"])
    return Switch(branches=(branch,), default=read["else"], operator="$cond")


def _parse_switch(value: Any, scope: Scope, parse: Parse) -> Expression:
    if not isinstance(value, Mapping):
        raise CommandFailure(40060, "$switch requires an object as an argument")
    branches: list[tuple[Expression, Expression]] = []
    default = None
    for name, item in value.items():
        if name == "branches":
            if not isinstance(item, list):
                raise CommandFailure(40061, "$switch expected an array for 'branches'")
            branches += [_parse_branch(branch, scope, parse) for branch in item]
        elif name == "default":
            default = parse(item, scope)
        else:
            raise CommandFailure(40067, f"$switch found an unknown argument: {name}")
    if not branches:
        raise CommandFailure(40068, "$switch requires at least one branch")
    return Switch(branches=tuple(branches), default=default)


_BRANCH: Final = Named(
    parameters=("case", "then"),
    required={"case": 40064, "then": 40065},
    not_document=40062,
    unknown=40063,
)


def _parse_branch(branch: Any, scope: Scope, parse: Parse) -> tuple[Expression, Expression]:
    read = read_parameters("$switch", _BRANCH, branch, lambda _name, item: parse(item, scope))
    return read["case"], read["then"]


_LET: Final = Named(
    parameters=("vars", "in"),
    required={"vars": 16876, "in": 16877},
    not_document=16874,
    unknown=16875,
    reading=Reading.IN_ORDER,
)


def _parse_let(value: Any, scope: Scope, parse: Parse) -> Expression:
    given = read_parameters("$let", _LET, value, _unread)
    if not isinstance(given["vars"], Mapping):
        raise CommandFailure(10065, "invalid parameter: expected an object (vars)")
    bindings = tuple((name, parse(item, scope)) for name, item in given["vars"].items())
    for name in given["vars"]:
        check_variable_bound(name)
    inside = parse(given["in"], scope | frozenset(given["vars"]))
    return Let(bindings=bindings, inside=inside)


def _unread(_name: str, item: Any) -> Any:
    return item


_MAP: Final = Named(
    parameters=("input", "as", "in"),
    required={"input": 16880, "in": 16882},
    not_document=16878,
    unknown=16879,
    reading=Reading.IN_ORDER,
)


def _parse_map(value: Any, scope: Scope, parse: Parse) -> Expression:
    given = read_parameters("$map", _MAP, value, _unread)
    source = parse(given["input"], scope)
    variable = _variable_of(given)
    return Map(input=source, variable=variable, inside=parse(given["in"], scope | {variable}))


_FILTER: Final = Named(
    parameters=("input", "as", "cond", "limit"),
    required={"input": 28648, "cond": 28650},
    not_document=28646,
    unknown=28647,
    reading=Reading.IN_ORDER,
)


def _parse_filter(value: Any, scope: Scope, parse: Parse) -> Expression:
    given = read_parameters("$filter", _FILTER, value, _unread)
    source = parse(given["input"], scope)
    variable = _variable_of(given)
    return Filter(
        input=source,
        variable=variable,
        condition=parse(given["cond"], scope | {variable}),
        limit=parse(given["limit"], scope) if "limit" in given else None,
    )


def _variable_of(given: Mapping[str, Any]) -> str:
    """Return the name under `as`, which is `this` where it was left out."""
    name = given.get("as", "this")
    if not isinstance(name, str):
        # The server reads what is no string as an empty one.
        name = ""
    check_variable_bound(name)
    return name


_REDUCE: Final = Named(
    parameters=("input", "initialValue", "in"),
    required={"input": 40077, "initialValue": 40078, "in": 40079},
    not_document=40075,
    unknown=40076,
)


def _parse_reduce(value: Any, scope: Scope, parse: Parse) -> Expression:
    def parse_part(name: str, item: Any) -> Expression:
        return parse(item, scope | {"this", "value"} if name == "in" else scope)

    read = read_parameters("$reduce", _REDUCE, value, parse_part)
    return Reduce(input=read["input"], initial=read["initialValue"], inside=read["in"])


_SORT_ARRAY: Final = Named(
    parameters=("input", "sortBy"),
    required={"input": 2942502, "sortBy": 2942503},
    not_document=2942500,
    unknown=2942501,
)
_NO_ORDER: Final = Refusals(pattern=2942505, number=2942506, other=2942507)


def _parse_sort_array(value: Any, scope: Scope, parse: Parse) -> Expression:
    def parse_part(name: str, item: Any) -> Expression | ElementOrder:
        return parse_element_order(item, _NO_ORDER) if name == "sortBy" else parse(item, scope)

    read: dict[str, Any] = read_parameters("$sortArray", _SORT_ARRAY, value, parse_part)
    return SortArray(input=read["input"], order=read["sortBy"])


_ZIP: Final = Named(
    parameters=("inputs", "useLongestLength", "defaults"),
    required={"inputs": 34465},
    not_document=34460,
    unknown=34464,
)


def _parse_zip(value: Any, scope: Scope, parse: Parse) -> Expression:
    def parse_part(name: str, item: Any) -> Any:
        if name == "useLongestLength":
            if not isinstance(item, bool):
                raise CommandFailure(34463, "useLongestLength must be a bool")
            return item
        if not isinstance(item, list):
            code = 34461 if name == "inputs" else 34462
            raise CommandFailure(code, f"{name} must be an array of expressions")
        return tuple(parse(each, scope) for each in item)

    read = read_parameters("$zip", _ZIP, value, parse_part)
    defaults = read.get("defaults", ())
    use_longest = read.get("useLongestLength", False)
    if defaults and not use_longest:
        raise CommandFailure(34466, "cannot specify defaults without useLongestLength")
    if defaults and len(defaults) != len(read["inputs"]):
        raise CommandFailure(34467, "defaults and inputs must have the same length")
    return Zip(inputs=read["inputs"], use_longest=use_longest, defaults=defaults)


FORMS: Final[Mapping[str, Callable[[Any, Scope, Parse], Expression]]] = {
    "$literal": _parse_literal,
    "$const": _parse_literal,
    "$toHashedIndexKey": _parse_hashed,
    "$rand": _parse_rand,
    "$cond": _parse_cond,
    "$switch": _parse_switch,
    "$let": _parse_let,
    "$map": _parse_map,
    "$filter": _parse_filter,
    "$reduce": _parse_reduce,
    "$sortArray": _parse_sort_array,
    "$zip": _parse_zip,
}
