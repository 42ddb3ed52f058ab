"""From the BSON of an aggregation expression to its tree.

Source: MongoDB manual, "Aggregation Expressions", "Variables in Aggregation Expressions".
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from bson.code import Code
from bson.dbref import DBRef

from adapters.query.expression.forms import FORMS, Scope
from adapters.query.expression.named import read_parameters
from adapters.query.expression.names import check_field_name, check_variable_read, field_path
from adapters.query.expression.signatures import SIGNATURES, UNSUPPORTED, Named, Positional
from adapters.query.expression.tree import (
    ArrayExpression,
    Call,
    DocumentExpression,
    Expression,
    FieldPath,
    Literal,
    Variable,
)
from adapters.query.failures import CommandFailure
from adapters.query.unsupported import unsupported

BUILT_IN: Final[frozenset[str]] = frozenset({"ROOT", "CURRENT", "NOW", "REMOVE"})
UNAVAILABLE: Final[frozenset[str]] = frozenset({"CLUSTER_TIME", "SEARCH_META", "JS_SCOPE", "IS_MR"})
"""Variables that MongoDB knows and that have no value of their own on the gateway path."""


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


def _parse_path(text: str, scope: Scope) -> Expression:
    if not text.startswith("$$"):
        if text == "$":
            raise CommandFailure(16872, "'$' by itself is not a valid FieldPath")
        return FieldPath(path=field_path(text[1:]))
    name, dot, rest = text[2:].partition(".")
    check_variable_read(name)
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


def _parse(value: Any, scope: Scope) -> Expression:
    return parse_expression(value, variables=scope)


def parse_operator(operator: str, value: Any, scope: Scope) -> Expression:
    """Return the tree of one operator with its argument."""
    form = FORMS.get(operator)
    if form is not None:
        return form(value, scope, _parse)
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
    if signature.alone and not _names_a_parameter(value):
        return _parse_alone(operator, signature, value, scope)
    read = read_parameters(operator, signature, value, lambda _name, item: _parse(item, scope))
    check = FIELDS.get(operator)
    if check is not None:
        _check_field(operator, read["field"], check)
    return Call(operator=operator, arguments=tuple(map(read.get, signature.parameters)))


def _names_a_parameter(value: Any) -> bool:
    """Return whether a document holds named arguments rather than an expression of its own."""
    return isinstance(value, Mapping) and not next(iter(value), "").startswith("$")


def _parse_alone(operator: str, signature: Named, value: Any, scope: Scope) -> Expression:
    """Parse the first parameter given without its name."""
    if operator == "$getField":
        field = _parse(value, scope)
        _check_field(operator, field, FIELDS[operator])
        return Call(operator=operator, arguments=(field, Variable(name="CURRENT")))
    if isinstance(value, list):
        if len(value) != 1:
            raise CommandFailure(signature.not_document, f"{operator} takes exactly one argument")
        value = value[0]
    first = _parse(value, scope)
    return Call(operator=operator, arguments=(first, *(None,) * (len(signature.parameters) - 1)))


class _FieldRefusals(NamedTuple):
    """The codes for a `field` that is a path, that is another expression, and that is no string."""

    path: int
    calculated: int
    no_string: int


FIELDS: Final[Mapping[str, _FieldRefusals]] = {
    "$getField": _FieldRefusals(5654600, 5654601, 5654602),
    "$setField": _FieldRefusals(4161108, 4161106, 4161107),
    "$unsetField": _FieldRefusals(4161108, 4161106, 4161107),
}
"""Operators whose `field` has to be known before the first document."""


def _check_field(operator: str, field: Expression, refusals: _FieldRefusals) -> None:
    if isinstance(field, FieldPath | Variable):
        raise CommandFailure(refusals.path, f"{operator}: 'field' is a path; use $literal")
    if not isinstance(field, Literal):
        raise CommandFailure(refusals.calculated, f"{operator} requires a constant 'field'")
    if not isinstance(field.value, str) or isinstance(field.value, Code):
        raise CommandFailure(refusals.no_string, f"{operator} requires 'field' to be a string")
