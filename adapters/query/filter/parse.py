"""From a filter document to its tree.

Source: MongoDB manual, "Query Selectors"; what a server refuses, and with which code, was observed on
MongoDB 6.0 and is pinned by tests/cases/filters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.regex import Regex

from adapters.query.expression import Scope, parse_expression
from adapters.query.failures import CommandFailure
from adapters.query.filter.operands import OPERATORS, UNSUPPORTED_OPERATORS
from adapters.query.filter.patterns import literal_pattern, operator_pattern
from adapters.query.filter.schema import parse_schema
from adapters.query.filter.text import parse_text
from adapters.query.filter.tree import (
    EVERYTHING,
    NOTHING,
    And,
    Comparator,
    Comparison,
    ElementMatches,
    ElementSatisfies,
    ExpressionHolds,
    Filter,
    Nor,
    Not,
    Or,
    PatternMatch,
    SchemaHolds,
    Text,
)
from adapters.query.paths import Path, split_path
from adapters.query.types import is_document, is_number
from adapters.query.unsupported import unknowable, unsupported

BAD_VALUE: Final = 2
FAILED_TO_PARSE: Final = 9
FEATURE_NOT_ALLOWED: Final = 224


Check = Callable[[Text], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What has a place in a filter, which depends on what the filter is for."""

    scope: Scope | None
    """The names that `$expr` may use; None where it has no place itself."""
    refusal: int = BAD_VALUE
    """The code that says that it has none."""
    text: bool = False
    """Whether `$text` has a place."""
    check_text: Check | None = None
    """Refuses what no index of the collection can search for, before the rest of the filter is read."""
    upsert: bool = False
    """Whether a document may be made of the filter, which nobody can make of an expression."""


def parse_filter(document: Mapping[str, Any], *, variables: Scope = frozenset()) -> Filter:
    """Return the tree of a filter; `variables` are the names that `$expr` may use (`let`)."""
    return _query(document, Surroundings(scope=variables))


def parse_query(
    document: Mapping[str, Any],
    *,
    variables: Scope = frozenset(),
    upsert: bool = False,
    check_text: Check | None = None,
) -> Filter:
    """Return the tree of a filter that finds documents of a collection, which may hold `$text`."""
    place = Surroundings(scope=variables, text=True, check_text=check_text, upsert=upsert)
    return _query(document, place)


def parse_element_filter(document: Mapping[str, Any]) -> Filter:
    """Return the tree of a filter of array elements (`arrayFilters`, `$pull`): without `$expr`."""
    return _query(document, Surroundings(scope=None, refusal=FEATURE_NOT_ALLOWED))


def parse_conditions(operators: Mapping[str, Any], path: Path = ()) -> Filter:
    """Return the tree of `{$gt: 1, $lt: 5}` for the value at `path`."""
    return _conditions(path, operators)


def is_operators(value: Any) -> bool:
    """Return whether a document holds operators, which its first name decides; a DBRef holds none."""
    if not isinstance(value, dict) or not value:
        return False
    first = next(iter(value))
    return first.startswith("$") and not ("$ref" in value and "$id" in value)


def is_value_operator(name: str) -> bool:
    """Return whether a name is an operator on one value, as `$gt` is and `$not` is not."""
    return name in OPERATORS or name in UNSUPPORTED_OPERATORS or name in VALUE_OPERATORS


def _query(document: Mapping[str, Any], place: Surroundings) -> Filter:
    children: list[Filter] = []
    inner = replace(place, text=False)
    for name, value in document.items():
        if name == "$comment":
            continue
        if place.text and name == "$text":
            children.append(_text(value, place))
        elif place.text and name == "$and":
            children.append(And(children=_alternatives(name, value, place)))
        elif name.startswith("$") and name not in {"$ref", "$id", "$db"}:
            children.append(_clause(name, value, inner))
        else:
            children.append(_field(split_path(name), value))
    return _all(children)


def _clause(name: str, value: Any, place: Surroundings) -> Filter:
    logical = LOGICAL.get(name)
    if logical is not None:
        return logical(_alternatives(name, value, place))
    if name == "$expr":
        return _expression(value, place)
    if name in CONSTANTS:
        if value != 1:
            raise CommandFailure(FAILED_TO_PARSE, f"{name} must be an integer value of 1")
        return CONSTANTS[name]
    if name == "$sampleRate":
        return _sampled(value, inside=place.scope is None and place.refusal == BAD_VALUE)
    if place.scope is None and name in {"$where", "$text"}:
        raise CommandFailure(BAD_VALUE, f"{name} is not allowed in this context")
    if name == "$jsonSchema" and place.refusal == FEATURE_NOT_ALLOWED:
        raise CommandFailure(place.refusal, f"{name} is not allowed in this context")
    if name == "$jsonSchema":
        return SchemaHolds(schema=parse_schema(value))
    if name == "$text" and place.check_text is not None:
        place.check_text(parse_text(value))
    if name in UNSUPPORTED_CLAUSES or name.startswith("$_internal"):
        raise unsupported(name, where="filter")
    raise CommandFailure(BAD_VALUE, f"unknown top level operator: {name}")


def _text(value: Any, place: Surroundings) -> Filter:
    text = parse_text(value)
    if place.check_text is not None:
        place.check_text(text)
    return text


def _expression(value: Any, place: Surroundings) -> Filter:
    if place.scope is None:
        raise CommandFailure(place.refusal, "$expr can only be applied to the top-level document")
    if place.upsert:
        raise CommandFailure(FEATURE_NOT_ALLOWED, "$expr is not allowed in an upsert")
    return ExpressionHolds(expression=parse_expression(value, variables=place.scope))


def _sampled(rate: Any, *, inside: bool) -> Filter:
    """Return a filter that lets all or nothing pass; anything in between is drawn by the server."""
    if inside:
        raise CommandFailure(BAD_VALUE, "$sampleRate can only be applied to the top-level document")
    if not is_number(rate):
        raise CommandFailure(BAD_VALUE, "argument to $sampleRate must be a numeric type")
    exact = rate.to_decimal() if isinstance(rate, Decimal128) else rate
    if not 0 <= exact <= 1:
        raise CommandFailure(BAD_VALUE, "numeric argument to $sampleRate must be in [0, 1]")
    if 0 < exact < 1:
        raise unknowable("$sampleRate", where="filter")
    return EVERYTHING if exact else NOTHING


def _alternatives(name: str, value: Any, place: Surroundings) -> tuple[Filter, ...]:
    if not isinstance(value, list):
        raise CommandFailure(BAD_VALUE, f"{name} must be an array")
    if not value:
        raise CommandFailure(BAD_VALUE, "$and/$or/$nor must be a nonempty array")
    if not all(isinstance(each, dict) for each in value):
        raise CommandFailure(BAD_VALUE, "$or/$and/$nor entries need to be full objects")
    return tuple(_query(each, place) for each in value)


def _field(path: Path, value: Any) -> Filter:
    if isinstance(value, Regex):
        return PatternMatch(path=path, pattern=literal_pattern(value))
    if is_operators(value):
        return _conditions(path, value)
    return Comparison(path=path, comparator=Comparator.EQ, value=value)


def _conditions(path: Path, operators: Mapping[str, Any]) -> Filter:
    return _all([_condition(path, name, operators) for name in _distinct(operators)])


def _distinct(operators: Mapping[str, Any]) -> list[str]:
    """Return the names to parse: `$regex` and `$options` are one condition."""
    if "$regex" in operators:
        return [name for name in operators if name != "$options"]
    return list(operators)


def _condition(path: Path, name: str, operators: Mapping[str, Any]) -> Filter:
    operand = operators[name]
    if name in OPERATORS:
        return OPERATORS[name](path, operand)
    if name in COMPOUND:
        return COMPOUND[name](path, operand)
    if name == "$regex":
        pattern = operator_pattern(operand, operators.get("$options"))
        return PatternMatch(path=path, pattern=pattern)
    if name == "$options":
        raise CommandFailure(BAD_VALUE, "$options needs a $regex")
    if name in UNSUPPORTED_OPERATORS or name.startswith("$_internal"):
        raise unsupported(name, where="filter")
    raise CommandFailure(BAD_VALUE, f"unknown operator: {name}")


def _not(path: Path, operand: Any) -> Filter:
    if isinstance(operand, Regex):
        return Not(child=PatternMatch(path=path, pattern=literal_pattern(operand)))
    if not isinstance(operand, dict):
        raise CommandFailure(BAD_VALUE, "$not needs a regex or a document")
    if not operand:
        raise CommandFailure(BAD_VALUE, "$not cannot be empty")
    return Not(child=_conditions(path, operand))


def _element(path: Path, operand: Any) -> Filter:
    if not is_document(operand):
        raise CommandFailure(BAD_VALUE, "$elemMatch needs an Object")
    query = operand.as_doc() if isinstance(operand, DBRef) else operand
    first = next(iter(query), "")
    if is_operators(query) and first not in _CLAUSES_OF_ELEMENTS:
        return ElementSatisfies(path=path, conditions=_conditions((), query))
    return ElementMatches(path=path, query=_query(query, Surroundings(scope=None)))


def _every(path: Path, operand: Any) -> Filter:
    if not isinstance(operand, list):
        raise CommandFailure(BAD_VALUE, "$all needs an array")
    if not operand:
        return NOTHING
    if _names_element(operand[0]):
        if not all(_names_element(each) for each in operand):
            raise CommandFailure(BAD_VALUE, "$all/$elemMatch has to be consistent")
        return _all([_element(path, each["$elemMatch"]) for each in operand])
    if any(is_operators(each) for each in operand):
        raise CommandFailure(BAD_VALUE, "no $ expressions in $all")
    return _all([_field(path, each) for each in operand])


def _names_element(value: Any) -> bool:
    return isinstance(value, dict) and next(iter(value), "") == "$elemMatch"


def _all(children: list[Filter]) -> Filter:
    return children[0] if len(children) == 1 else And(children=tuple(children))


LOGICAL: Final[Mapping[str, Callable[[tuple[Filter, ...]], Filter]]] = {
    "$and": lambda children: And(children=children),
    "$or": lambda children: Or(children=children),
    "$nor": lambda children: Nor(children=children),
}
COMPOUND: Final[Mapping[str, Callable[[Path, Any], Filter]]] = {
    "$not": _not,
    "$elemMatch": _element,
    "$all": _every,
}
CONSTANTS: Final[Mapping[str, Filter]] = {"$alwaysTrue": EVERYTHING, "$alwaysFalse": NOTHING}
UNSUPPORTED_CLAUSES: Final = frozenset({"$where", "$text"})
# Any other operator in front makes conditions of the operand of `$elemMatch`.
_CLAUSES_OF_ELEMENTS: Final = frozenset(
    {"$and", "$or", "$nor", "$expr", "$where", "$comment", "$text", "$jsonSchema"}
)
VALUE_OPERATORS: Final = frozenset({"$all", "$elemMatch", "$options", "$regex"})
