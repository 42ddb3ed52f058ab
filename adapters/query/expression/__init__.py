"""Aggregation expressions: from BSON to a typed tree."""

from adapters.query.expression.parse import (
    Scope,
    check_field_name,
    check_variable_bound,
    field_path,
    parse_expression,
)
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
from adapters.query.expression.walk import paths_of, paths_of_all

__all__ = [
    "ArrayExpression",
    "Call",
    "DocumentExpression",
    "Expression",
    "FieldPath",
    "Filter",
    "Let",
    "Literal",
    "Map",
    "Reduce",
    "Scope",
    "Switch",
    "Variable",
    "check_field_name",
    "check_variable_bound",
    "field_path",
    "parse_expression",
    "paths_of",
    "paths_of_all",
]
