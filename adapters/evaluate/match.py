"""Whether a document matches a filter."""

from collections.abc import Callable, Mapping
from typing import Any, assert_never

from bson.dbref import DBRef

from adapters.evaluate.expressions import Variables, evaluator
from adapters.evaluate.paths import reached
from adapters.evaluate.predicates import (
    Test,
    bits_test,
    comparison_test,
    in_test,
    modulo_test,
    pattern_test,
    type_test,
)
from adapters.evaluate.schema import schema_test
from adapters.evaluate.text import text_test
from adapters.query.filter import (
    And,
    Bits,
    Comparison,
    ElementMatches,
    ElementSatisfies,
    Exists,
    ExpressionHolds,
    Filter,
    In,
    Leaf,
    Modulo,
    Nor,
    Not,
    Or,
    PatternMatch,
    SchemaHolds,
    Size,
    Text,
    TypeIs,
)
from adapters.query.paths import Path
from adapters.query.types import truth
from adapters.query.unsupported import unsupported
from comparators.canonical import MISSING

Document = dict[str, Any]
Matcher = Callable[[Any], bool]
"""Takes a document, or any value for a filter of operators alone."""
Bindings = Mapping[str, Any]


def matcher(
    filter: Filter,  # noqa: A002 - MongoDB's word
    *,
    variables: Bindings | None = None,
) -> Matcher:
    """Return the test whether a document matches.

    `variables` are those of `$expr`: `NOW`, the server's clock as a date, and what `let` defines.
    """

    def of(child: Filter) -> Matcher:
        return matcher(child, variables=variables)

    match filter:
        case And(children=children):
            # MongoDB looks at expressions last: another document may make one fail.
            ordered = sorted(children, key=lambda child: isinstance(child, ExpressionHolds))
            return _all([of(child) for child in ordered])
        case Or(children=children):
            return _any([of(child) for child in children])
        case Nor(children=children):
            return _negated(_any([of(child) for child in children]))
        case Not(child=child):
            return _negated(of(child))
        case ExpressionHolds(expression=expression):
            evaluate = evaluator(expression)
            bindings = dict(variables or {})
            return lambda document: truth(evaluate(Variables.of(document, bindings)))
        case SchemaHolds(schema=schema):
            return schema_test(schema)
        case Text(index=index):
            if index is None:
                raise unsupported("$text", where="filter")
            return text_test(filter, index)
        case _:
            test, expand = leaf_test(filter)
            return _leaf(filter.path, test, expand=expand)


def leaf_test(leaf: Leaf) -> tuple[Test, bool]:
    """Return the test of one reached value, and whether it is for the elements of an array too."""
    match leaf:
        case Comparison():
            return comparison_test(leaf), True
        case In():
            return in_test(leaf), True
        case PatternMatch(pattern=pattern):
            return pattern_test(pattern), True
        case Exists():
            return lambda value: value is not MISSING, True
        case TypeIs():
            return type_test(leaf), True
        case Modulo():
            return modulo_test(leaf), True
        case Bits():
            return bits_test(leaf), True
        case Size(size=size):
            return lambda value: isinstance(value, list) and len(value) == size, False
        case ElementMatches() | ElementSatisfies():
            position = element_position(leaf)
            return lambda value: position(value) is not None, False
        case _:
            assert_never(leaf)


def element_position(leaf: ElementMatches | ElementSatisfies) -> Callable[[Any], int | None]:
    """Return the search for the first element of an array that `$elemMatch` is true of."""
    if isinstance(leaf, ElementMatches):
        matches = _within_document(matcher(leaf.query))
    else:
        matches = matcher(leaf.conditions)

    def search(value: Any) -> int | None:
        if not isinstance(value, list):
            return None
        return next((at for at, element in enumerate(value) if matches(element)), None)

    return search


def _within_document(matches: Matcher) -> Matcher:
    """An element that is an array is a document too, whose fields are its positions."""

    def test(element: Any) -> bool:
        if isinstance(element, list):
            return matches({str(at): item for at, item in enumerate(element)})
        return isinstance(element, dict | DBRef) and matches(element)

    return test


def _leaf(path: Path, test: Test, *, expand: bool) -> Matcher:
    # One step, by far the most common path, does without the generator.
    if not path:
        return test
    if len(path) == 1:
        return _field(path[0], test, expand=expand)

    def matches(document: Any) -> bool:
        return any(test(value) for value, _ in reached(document, path, expand=expand))

    return matches


def _field(name: str, test: Test, *, expand: bool) -> Matcher:
    def matches(document: Any) -> bool:
        if type(document) is not dict:
            document = document.as_doc()
        value = document.get(name, MISSING)
        if expand and type(value) is list:
            for element in value:
                if test(element):
                    return True
        return test(value)

    return matches


def _all(matchers: list[Matcher]) -> Matcher:
    if len(matchers) == 2:
        first, second = matchers
        return lambda document: first(document) and second(document)
    return lambda document: all(matches(document) for matches in matchers)


def _any(matchers: list[Matcher]) -> Matcher:
    return lambda document: any(matches(document) for matches in matchers)


def _negated(matches: Matcher) -> Matcher:
    return lambda document: not matches(document)
