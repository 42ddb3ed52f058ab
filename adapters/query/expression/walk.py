"""Which parts of a document an expression looks at."""

from collections.abc import Iterable
from typing import assert_never

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

Paths = frozenset[tuple[str, ...]]

WHOLE_DOCUMENT = frozenset({"ROOT", "CURRENT"})


def paths_of(expression: Expression | None) -> Paths | None:
    """Return the paths of a document that an expression looks at, None where it looks at all of it."""
    match expression:
        case None | Literal():
            return frozenset()
        case FieldPath(path=path):
            return frozenset({path})
        case Variable(name=name, path=path):
            if name not in WHOLE_DOCUMENT:
                return frozenset()
            return frozenset({path}) if path else None
        case Let(bindings=bindings, inside=inside):
            if any(name == "CURRENT" for name, _ in bindings):
                return None
            return paths_of_all((*(each for _, each in bindings), inside))
        case _:
            return paths_of_all(_parts(expression))


def paths_of_all(expressions: Iterable[Expression | None]) -> Paths | None:
    """Return the paths that several expressions look at, None where one looks at the whole document."""
    found: set[tuple[str, ...]] = set()
    for expression in expressions:
        paths = paths_of(expression)
        if paths is None:
            return None
        found |= paths
    return frozenset(found)


def _parts(
    expression: (
        Call
        | DocumentExpression
        | ArrayExpression
        | Switch
        | Map
        | Filter
        | Reduce
        | SortArray
        | Zip
    ),
) -> tuple[Expression | None, ...]:
    match expression:
        case Call(arguments=arguments):
            return arguments
        case DocumentExpression(fields=fields):
            return tuple(each for _, each in fields)
        case ArrayExpression(items=items):
            return items
        case Switch(branches=branches, default=default):
            return (*(each for branch in branches for each in branch), default)
        case Map(input=given, inside=inside):
            return (given, inside)
        case Filter(input=given, condition=condition, limit=limit):
            return (given, condition, limit)
        case Reduce(input=given, initial=initial, inside=inside):
            return (given, initial, inside)
        case SortArray(input=given):
            return (given,)
        case Zip(inputs=inputs, defaults=defaults):
            return (*inputs, *defaults)
        case _:
            assert_never(expression)
