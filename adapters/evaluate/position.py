"""The array position that a filter has matched, which `$` stands for in updates and projections.

Of several conditions on arrays the last one counts. A projection takes them as the filter has them, an
update in the order into which the query planner sorts them: by kind of condition, then by path.
Source: observed on MongoDB 6.0; the manual leaves it open.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from adapters.evaluate.match import Bindings, element_position, leaf_test, matcher
from adapters.evaluate.paths import reached
from adapters.query.filter import (
    EVERYTHING,
    NOTHING,
    And,
    Bits,
    BitsTest,
    Comparator,
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
from adapters.query.filter.schema import leaves_nothing

Position = int | None
Found = tuple[bool, Position]
Finder = Callable[[Any], Found]

_ORDER_OF_COMPARATORS: Final = (
    Comparator.EQ,
    Comparator.LTE,
    Comparator.LT,
    Comparator.GT,
    Comparator.GTE,
)
_ORDER_OF_TYPES: Final[tuple[type, ...]] = (
    And,
    Or,
    ElementMatches,
    ElementSatisfies,
    Size,
    Comparison,
    PatternMatch,
    Modulo,
    Exists,
    In,
    Bits,
    Not,
    Nor,
    TypeIs,
    ExpressionHolds,
    SchemaHolds,
    Text,
)


def matched_position(
    filter: Filter,  # noqa: A002 - MongoDB's word
    *,
    planned: bool,
    variables: Bindings | None = None,
) -> Callable[[Any], Position]:
    """Return the search for the position; None where no condition went through an array.

    `planned` asks for the order of the query planner.
    """
    find = _finder(optimized(filter, ordered=planned), variables)
    return lambda document: find(document)[1]


def _finder(filter: Filter, variables: Bindings | None) -> Finder:  # noqa: A002
    match filter:
        case And(children=children):
            return _last([_finder(child, variables) for child in children])
        case Or(children=children):
            return _first([_finder(child, variables) for child in children])
        case Nor() | Not() | ExpressionHolds() | SchemaHolds() | Text():
            matches = matcher(filter, variables=variables)
            return lambda document: (matches(document), None)
        case _:
            return _leaf(filter)


def _leaf(leaf: Leaf) -> Finder:
    test, expand = leaf_test(leaf)
    within = element_position(leaf) if isinstance(leaf, ElementMatches | ElementSatisfies) else None

    def find(document: Any) -> Found:
        for value, position in reached(document, leaf.path, expand=expand):
            if test(value):
                if position is None and within is not None:
                    return True, within(value)
                return True, position
        return False, None

    return find


def _last(finders: Sequence[Finder]) -> Finder:
    def find(document: Any) -> Found:
        position: Position = None
        for each in finders:
            matched, found = each(document)
            if not matched:
                return False, None
            position = position if found is None else found
        return True, position

    return find


def _first(finders: Sequence[Finder]) -> Finder:
    def find(document: Any) -> Found:
        for each in finders:
            matched, found = each(document)
            if matched:
                return True, found
        return False, None

    return find


def optimized(filter: Filter, *, ordered: bool = False) -> Filter:  # noqa: A002
    """Return the filter as the server rewrites it: flat, without detours, and sorted if `ordered`."""
    match filter:
        case And(children=children):
            flat = _flattened(And, children, ordered=ordered)
            if NOTHING in flat:
                return NOTHING
            return flat[0] if len(flat) == 1 else And(children=flat)
        case Or(children=children):
            flat = _flattened(Or, children, ordered=ordered)
            if EVERYTHING in flat:
                return EVERYTHING
            if len(flat) == 1:
                return flat[0]
            return _membership(flat) or Or(children=flat)
        case In(path=path, values=(value, *others), patterns=(), comparing=order) if all(
            order.compare(value, other) == 0 for other in others
        ):
            # One value, given several times perhaps: the first one then counts.
            return Comparison(path=path, comparator=Comparator.EQ, value=value, comparing=order)
        case SchemaHolds(schema=schema) if leaves_nothing(schema):
            return NOTHING
        case In(path=path, values=(), patterns=(pattern,)):
            return PatternMatch(path=path, pattern=pattern)
        case _:
            return filter


def _flattened(
    kind: type[And | Or], children: Sequence[Filter], *, ordered: bool
) -> tuple[Filter, ...]:
    kept: list[Filter] = []
    absorbed: list[Filter] = []
    for child in children:
        simple = optimized(child, ordered=ordered)
        if isinstance(simple, kind):
            absorbed.extend(simple.children)
        else:
            kept.append(simple)
    # What a nested list held comes last.
    flat = [*kept, *absorbed]
    return tuple(sorted(flat, key=_rank) if ordered else flat)


def _membership(children: Sequence[Filter]) -> In | None:
    """Return the `$in` that alternatives of one path amount to; None if they do not."""
    if not children:
        return None
    first = children[0]
    if not isinstance(first, Comparison) or not all(
        isinstance(child, Comparison)
        and child.comparator is Comparator.EQ
        and child.path == first.path
        for child in children
    ):
        return None
    values = tuple(child.value for child in children if isinstance(child, Comparison))
    return In(path=first.path, values=values, comparing=first.comparing)


def _rank(filter: Filter) -> tuple[int, int, tuple[str, ...]]:  # noqa: A002
    kind = _ORDER_OF_TYPES.index(type(filter))
    match filter:
        case Comparison(comparator=comparator, path=path):
            return kind, _ORDER_OF_COMPARATORS.index(comparator), path
        case Bits(test=test, path=path):
            return kind, list(BitsTest).index(test), path
        case And() | Or() | Nor() | Not() | ExpressionHolds() | SchemaHolds() | Text():
            return kind, 0, ()
        case _:
            return kind, 0, filter.path
