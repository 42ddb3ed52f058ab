"""Aggregation expressions: from BSON to a typed tree."""

from adapters.query.expression.forms import Scope
from adapters.query.expression.names import check_field_name, check_variable_of_let, field_path
from adapters.query.expression.parse import parse_expression
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
    SortArray,
    Switch,
    Variable,
    Zip,
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
    "SortArray",
    "Switch",
    "Variable",
    "Zip",
    "check_field_name",
    "check_variable_of_let",
    "field_path",
    "parse_expression",
    "paths_of",
    "paths_of_all",
]
