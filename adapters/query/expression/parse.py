"""From the BSON of an aggregation expression to its tree.

Source: MongoDB manual, "Aggregation Expressions", "Variables in Aggregation Expressions".
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson.dbref import DBRef

from adapters.query.expression.signatures import SIGNATURES, UNSUPPORTED, Named, Positional
from adapters.query.expression.tree import (
    ArrayExpression,
    Call,
    DocumentExpression,
    Expression,
    FieldPath,
    Filter,
    Let,
    Literal,
    Map,
    Reduce,
    Switch,
    Variable,
)
from adapters.query.failures import CommandFailure
from adapters.query.unsupported import unknowable, unsupported

BUILT_IN: Final[frozenset[str]] = frozenset({"ROOT", "CURRENT", "NOW", "REMOVE"})
UNAVAILABLE: Final[frozenset[str]] = frozenset({"CLUSTER_TIME", "SEARCH_META", "JS_SCOPE", "IS_MR"})
"""Variables that MongoDB knows and that have no value of their own on the gateway path."""

Scope = frozenset[str]
"""The names of the variables that are bound where an expression stands."""


def parse_expression(value: Any, *, variables: Scope = frozenset()) -> Expression:
    """Return the tree of an expression; `variables` are the user variables bound around it."""
    if isinstance(value, str) and value.startswith("$"):
        return _parse_path(value, variables)
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, Mapping):
        return _parse_document(value, variables)
    if isinstance(value, list):
        return ArrayExpression(items=tuple(parse_expression(i, variables=variables) for i in value))
    return Literal(value=value)


def field_path(text: str) -> tuple[str, ...]:
    """Return the names of a dotted path; CommandFailure where MongoDB refuses it as a field path."""
    if not text:
        raise CommandFailure(40352, "FieldPath cannot be constructed with empty string")
    if text.endswith("."):
        raise CommandFailure(40353, "FieldPath must not end with a '.'.")
    names = tuple(text.split("."))
    for name in names:
        check_field_name(name)
    return names


def check_field_name(name: str) -> None:
    """Refuse a name that cannot be one step of a field path."""
    if not name:
        raise CommandFailure(15998, "FieldPath field names may not be empty strings.")
    if name.startswith("$"):
        raise CommandFailure(16410, "FieldPath field names may not start with '$'.")
    if "\0" in name:
        raise CommandFailure(16411, "FieldPath field names may not contain '\\0'.")
    if "." in name:
        raise CommandFailure(16412, "FieldPath field names may not contain '.'.")


def _parse_path(text: str, scope: Scope) -> Expression:
    if not text.startswith("$$"):
        if text == "$":
            raise CommandFailure(16872, "'$' by itself is not a valid FieldPath")
        return FieldPath(path=field_path(text[1:]))
    name, dot, rest = text[2:].partition(".")
    _check_variable_read(name)
    if name in UNAVAILABLE:
        raise unsupported(f"$${name}", where="expression")
    if name not in scope and name not in BUILT_IN:
        raise CommandFailure(17276, f"Use of undefined variable: {name}")
    path = field_path(rest) if dot else ()
    if name == "CURRENT" and path:
        return FieldPath(path=path)
    return Variable(name=name, path=path)


def _parse_document(document: Mapping[str, Any], scope: Scope) -> Expression:
    first = next(iter(document), "")
    if first.startswith("$"):
        if len(document) != 1:
            raise CommandFailure(
                15983, "An object representing an expression must have exactly one field"
            )
        return parse_operator(first, document[first], scope)
    fields = []
    for name, value in document.items():
        check_field_name(name)
        fields.append((name, parse_expression(value, variables=scope)))
    return DocumentExpression(fields=tuple(fields))


def parse_operator(operator: str, value: Any, scope: Scope) -> Expression:
    """Return the tree of one operator with its argument."""
    form = FORMS.get(operator)
    if form is not None:
        return form(value, scope)
    signature = SIGNATURES.get(operator)
    if isinstance(signature, Positional):
        return _parse_positional(operator, signature, value, scope)
    if isinstance(signature, Named):
        return _parse_named(operator, signature, value, scope)
    if operator in UNSUPPORTED:
        raise unsupported(operator, where="expression")
    raise CommandFailure(168, f"Unrecognized expression '{operator}'")


def _parse_positional(operator: str, signature: Positional, value: Any, scope: Scope) -> Expression:
    arguments = value if isinstance(value, list) else [value]
    too_many = signature.most is not None and len(arguments) > signature.most
    if len(arguments) < signature.least or too_many:
        raise CommandFailure(
            signature.refusal, f"Expression {operator} does not take {len(arguments)} arguments"
        )
    return Call(
        operator=operator,
        arguments=tuple(parse_expression(item, variables=scope) for item in arguments),
    )


def _parse_named(operator: str, signature: Named, value: Any, scope: Scope) -> Expression:
    if signature.date_alone and not _names_a_parameter(value, signature):
        return _parse_alone(operator, signature, value, scope)
    if not isinstance(value, Mapping):
        raise CommandFailure(signature.not_document, f"{operator} only supports an object")
    for name in value:
        if name not in signature.parameters:
            raise CommandFailure(signature.unknown, f"{operator} found an unknown argument: {name}")
    for name, code in signature.required.items():
        if name not in value:
            raise CommandFailure(code, f"Missing '{name}' parameter to {operator}")
    if operator == "$dateFromParts":
        _check_date_parts(value)
    if operator == "$zip":
        _check_arrays(value)
    return Call(
        operator=operator,
        arguments=tuple(
            parse_expression(value[name], variables=scope) if name in value else None
            for name in signature.parameters
        ),
    )


def _check_date_parts(given: Mapping[str, Any]) -> None:
    """Refuse parts of two calendars, and parts without a year."""
    natural, iso = {"year", "month", "day"}, {"isoWeekYear", "isoWeek", "isoDayOfWeek"}
    if "year" not in given and "isoWeekYear" not in given:
        raise CommandFailure(40516, "$dateFromParts requires 'year' or 'isoWeekYear'")
    if "year" in given and iso & set(given):
        raise CommandFailure(40489, "$dateFromParts does not allow ISO dates beside natural dates")
    if "isoWeekYear" in given and natural & set(given):
        raise CommandFailure(40525, "$dateFromParts does not allow natural dates beside ISO dates")


def _check_arrays(given: Mapping[str, Any]) -> None:
    """Refuse to zip what is not written as an array."""
    for name, code in (("inputs", 34461), ("defaults", 34462)):
        if name in given and not isinstance(given[name], list):
            raise CommandFailure(code, f"{name} must be an array of expressions")


def _names_a_parameter(value: Any, signature: Named) -> bool:
    """Return whether a document holds named arguments rather than an expression of its own."""
    if not isinstance(value, Mapping):
        return False
    first = next(iter(value), None)
    return first is not None and not first.startswith("$") and bool(signature.parameters)


def _parse_alone(operator: str, signature: Named, value: Any, scope: Scope) -> Expression:
    """Parse the first parameter given without its name."""
    if isinstance(value, list):
        if len(value) != 1:
            raise CommandFailure(signature.not_document, f"{operator} takes exactly one argument")
        value = value[0]
    first = parse_expression(value, variables=scope)
    if operator == "$getField":
        return Call(operator=operator, arguments=(first, Variable(name="CURRENT")))
    return Call(operator=operator, arguments=(first, *(None,) * (len(signature.parameters) - 1)))


def _parse_literal(value: Any, _scope: Scope) -> Expression:
    return Literal(value=value)


def _parse_hashed(value: Any, scope: Scope) -> Expression:
    """An array is the value to hash, not a list of arguments."""
    return Call(operator="$toHashedIndexKey", arguments=(parse_expression(value, variables=scope),))


def _parse_rand(value: Any, _scope: Scope) -> Expression:
    if not isinstance(value, Mapping | list):
        raise CommandFailure(10065, "invalid parameter: expected an object ($rand)")
    if value:
        raise CommandFailure(3040501, "$rand does not currently accept arguments")
    raise unknowable("$rand", where="expression")


def _parse_cond(value: Any, scope: Scope) -> Expression:
    if isinstance(value, Mapping):
        for name in value:
            if name not in {"if", "then", "else"}:
                raise CommandFailure(17083, f"Unrecognized parameter to $cond: {name}")
        for name, code in (("if", 17080), ("then", 17081), ("else", 17082)):
            if name not in value:
                raise CommandFailure(code, f"Missing '{name}' parameter to $cond")
        value = [value["if"], value["then"], value["else"]]
    if not isinstance(value, list) or len(value) != 3:
        raise CommandFailure(16020, "Expression $cond takes exactly 3 arguments")
    condition, then, otherwise = (parse_expression(item, variables=scope) for item in value)
    return Switch(branches=((condition, then),), default=otherwise, operator="$cond")


def _parse_switch(value: Any, scope: Scope) -> Expression:
    if not isinstance(value, Mapping):
        raise CommandFailure(40060, "$switch requires an object as an argument")
    branches: list[tuple[Expression, Expression]] = []
    default = None
    for name, item in value.items():
        if name == "branches":
            if not isinstance(item, list):
                raise CommandFailure(40061, "$switch expected an array for 'branches'")
            branches += [_parse_branch(branch, scope) for branch in item]
        elif name == "default":
            default = parse_expression(item, variables=scope)
        else:
            raise CommandFailure(40067, f"$switch found an unknown argument: {name}")
    if not branches:
        raise CommandFailure(40068, "$switch requires at least one branch")
    return Switch(branches=tuple(branches), default=default)


def _parse_branch(branch: Any, scope: Scope) -> tuple[Expression, Expression]:
    if not isinstance(branch, Mapping):
        raise CommandFailure(40062, "$switch expected each branch to be an object")
    for name in branch:
        if name not in {"case", "then"}:
            raise CommandFailure(40063, f"$switch found an unknown argument to a branch: {name}")
    for name, code in (("case", 40064), ("then", 40065)):
        if name not in branch:
            raise CommandFailure(code, f"$switch requires each branch have a '{name}' expression")
    return (
        parse_expression(branch["case"], variables=scope),
        parse_expression(branch["then"], variables=scope),
    )


def _parse_let(value: Any, scope: Scope) -> Expression:
    _check_names(value, ("vars", "in"), not_document=16874, unknown=16875, operator="$let")
    _require(value, {"vars": 16876, "in": 16877}, operator="$let")
    if not isinstance(value["vars"], Mapping):
        raise CommandFailure(10065, "invalid parameter: expected an object (vars)")
    for name in value["vars"]:
        check_variable_bound(name)
    return Let(
        bindings=tuple(
            (name, parse_expression(item, variables=scope)) for name, item in value["vars"].items()
        ),
        inside=parse_expression(value["in"], variables=scope | frozenset(value["vars"])),
    )


def _parse_map(value: Any, scope: Scope) -> Expression:
    _check_names(value, ("input", "as", "in"), not_document=16878, unknown=16879, operator="$map")
    _require(value, {"input": 16880, "in": 16882}, operator="$map")
    variable = _variable_of(value)
    return Map(
        input=parse_expression(value["input"], variables=scope),
        variable=variable,
        inside=parse_expression(value["in"], variables=scope | {variable}),
    )


def _parse_filter(value: Any, scope: Scope) -> Expression:
    names = ("input", "as", "cond", "limit")
    _check_names(value, names, not_document=28646, unknown=28647, operator="$filter")
    _require(value, {"input": 28648, "cond": 28650}, operator="$filter")
    variable = _variable_of(value)
    return Filter(
        input=parse_expression(value["input"], variables=scope),
        variable=variable,
        condition=parse_expression(value["cond"], variables=scope | {variable}),
        limit=parse_expression(value["limit"], variables=scope) if "limit" in value else None,
    )


def _parse_reduce(value: Any, scope: Scope) -> Expression:
    names = ("input", "initialValue", "in")
    _check_names(value, names, not_document=40075, unknown=40076, operator="$reduce")
    _require(value, {"input": 40077, "initialValue": 40078, "in": 40079}, operator="$reduce")
    return Reduce(
        input=parse_expression(value["input"], variables=scope),
        initial=parse_expression(value["initialValue"], variables=scope),
        inside=parse_expression(value["in"], variables=scope | {"this", "value"}),
    )


def _check_names(
    value: Any, names: tuple[str, ...], *, not_document: int, unknown: int, operator: str
) -> None:
    if not isinstance(value, Mapping):
        raise CommandFailure(not_document, f"{operator} only supports an object as its argument")
    for name in value:
        if name not in names:
            raise CommandFailure(unknown, f"Unrecognized parameter to {operator}: {name}")


def _require(value: Mapping[str, Any], codes: Mapping[str, int], *, operator: str) -> None:
    for name, code in codes.items():
        if name not in value:
            raise CommandFailure(code, f"Missing '{name}' parameter to {operator}")


def _variable_of(value: Mapping[str, Any]) -> str:
    """Return the name under `as`, which is `this` where it was left out."""
    name = value.get("as", "this")
    if not isinstance(name, str):
        raise CommandFailure(10065, "invalid parameter: expected a string (as)")
    check_variable_bound(name)
    return name


def check_variable_bound(name: str) -> None:
    """Refuse a name that no user variable may have; CURRENT may be bound anew."""
    if name == "CURRENT":
        return
    if not name:
        raise CommandFailure(9, "empty variable names are not allowed")
    if not (name[0].islower() and name[0].isascii()) and name[0].isascii():
        raise CommandFailure(
            9, f"'{name}' starts with an invalid character for a user variable name"
        )
    _check_variable_characters(name)


def _check_variable_read(name: str) -> None:
    if not name:
        raise CommandFailure(9, "empty variable names are not allowed")
    if name[0].isascii() and not name[0].isalpha():
        raise CommandFailure(9, f"'{name}' starts with an invalid character for a variable name")
    _check_variable_characters(name)


def _check_variable_characters(name: str) -> None:
    for character in name[1:]:
        if character.isascii() and not (character.isalnum() or character == "_"):
            raise CommandFailure(9, f"'{name}' contains an invalid character for a variable name")


FORMS: Final[Mapping[str, Callable[[Any, Scope], Expression]]] = {
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
}
