"""What MongoDB does to an expression before the first document: constants are worked out and moved.

It shows: a division by zero is refused even in a branch not taken, and of operators whose operands
may change places the constants come last, so that another operand's null or error comes first.
Source: the server's `explain` of such expressions, 6.0.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, assert_never

from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.evaluate.expressions.regex import check_pattern
from adapters.evaluate.expressions.variables import at_path
from adapters.query.expression import (
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
from adapters.query.failures import CommandFailure
from adapters.query.types import truth
from comparators.canonical import MISSING

Apply = Callable[[Call, list[Any]], Any]
"""Evaluates the operator of a call on values."""

REORDERED: Final = frozenset(
    {"$add", "$and", "$max", "$min", "$multiply", "$or", "$setIntersection", "$setUnion", "$sum"}
)
"""Operators whose constants are collected behind the other operands."""
JOINED: Final = frozenset({"$concat", "$concatArrays"})
"""Operators of which neighbouring constants become one; under a collation also `$setUnion`."""
OF_ARRAYS: Final = frozenset({"$max", "$min", "$sum"})
"""Operators that look into an array given alone: such a call is left as it is."""

NOT_FOLDED: Final = frozenset(
    "$regexFind $regexFindAll $regexMatch $replaceAll $replaceOne $setEquals".split()
)
"""Operators that are evaluated for each document even if all operands are constant."""
FOLDED_IN_ORDER: Final[Mapping[str, tuple[int, ...]]] = {"$dateToString": (0, 2, 3, 1)}
"""Positions of arguments that are not folded in the order of the signature."""
LEFT_ALONE: Final = frozenset(
    "$firstN $getField $lastN $maxN $minN $setField $toHashedIndexKey $unsetField".split()
)
"""Operators of which not even the operands are folded."""


def with_values(node: Any, values: Mapping[str, Any]) -> Any:
    """Return a tree with variables whose values are known beforehand as constants."""
    if isinstance(node, Variable) and node.name in values:
        return Literal(value=at_path(values[node.name], node.path))
    if isinstance(node, tuple):
        return tuple(with_values(each, values) for each in node)
    if not is_dataclass(node) or isinstance(node, type | Literal):
        return node
    return replace(
        node, **{each.name: with_values(getattr(node, each.name), values) for each in fields(node)}
    )


def folded(expression: Expression, apply: Apply) -> Expression:
    """Return an expression with the same value, as MongoDB rewrites it."""
    match expression:
        case Literal() | FieldPath() | Variable():
            return expression
        case Call():
            return _call(expression, apply)
        case ArrayExpression(items=items):
            return _array(ArrayExpression(items=tuple(folded(item, apply) for item in items)))
        case DocumentExpression(fields=fields):
            return _document([(name, folded(item, apply)) for name, item in fields])
        case Switch():
            return _switch(expression, apply)
        case Let(bindings=bindings, inside=inside):
            return Let(
                bindings=tuple((name, folded(item, apply)) for name, item in bindings),
                inside=folded(inside, apply),
            )
        case Map():
            return replace(
                expression,
                input=folded(expression.input, apply),
                inside=folded(expression.inside, apply),
            )
        case Filter():
            return replace(
                expression,
                input=folded(expression.input, apply),
                condition=folded(expression.condition, apply),
                limit=None if expression.limit is None else folded(expression.limit, apply),
            )
        case Reduce():
            return Reduce(
                input=folded(expression.input, apply),
                initial=folded(expression.initial, apply),
                inside=folded(expression.inside, apply),
            )
        case SortArray():
            return replace(expression, input=folded(expression.input, apply))
        case Zip():
            return replace(
                expression,
                inputs=tuple(folded(each, apply) for each in expression.inputs),
                defaults=tuple(folded(each, apply) for each in expression.defaults),
            )
        case _:
            assert_never(expression)


def _array(array: ArrayExpression) -> Expression:
    values = [item.value for item in array.items if isinstance(item, Literal)]
    if len(values) < len(array.items):
        return array
    return Literal(value=[None if value is MISSING else value for value in values])


def _document(fields: list[tuple[str, Expression]]) -> Expression:
    values = {name: item.value for name, item in fields if isinstance(item, Literal)}
    if len(values) < len(fields):
        return DocumentExpression(fields=tuple(fields))
    return Literal(value={name: value for name, value in values.items() if value is not MISSING})


def _switch(switch: Switch, apply: Apply) -> Expression:
    if switch.operator == "$cond":
        return _choice(switch, apply)
    default = None if switch.default is None else folded(switch.default, apply)
    reachable: list[tuple[Expression, Expression]] = []
    for condition, then in switch.branches:
        known = folded(condition, apply)
        # What cannot be reached is not looked at.
        if not isinstance(known, Literal):
            reachable.append((known, folded(then, apply)))
        elif truth(known.value):
            reachable.append((known, folded(then, apply)))
            break
    if not reachable:
        if default is None:
            raise CommandFailure(40069, "$switch where all cases are false and there is no default")
        return default
    if isinstance(reachable[0][0], Literal):
        return reachable[0][1]
    return replace(switch, branches=tuple(reachable), default=default)


def _choice(choice: Switch, apply: Apply) -> Expression:
    """Fold `$cond`: also the side that is not taken."""
    [(condition, then)] = choice.branches
    condition, then = folded(condition, apply), folded(then, apply)
    otherwise = None if choice.default is None else folded(choice.default, apply)
    if isinstance(condition, Literal):
        taken = then if truth(condition.value) else otherwise
        return Literal(value=MISSING) if taken is None else taken
    return replace(choice, branches=((condition, then),), default=otherwise)


def _call(call: Call, apply: Apply) -> Expression:
    if call.operator in LEFT_ALONE:
        return call
    arguments = list(call.arguments)
    for at in FOLDED_IN_ORDER.get(call.operator, range(len(arguments))):
        item = arguments[at]
        arguments[at] = None if item is None else folded(item, apply)
        if call.operator == "$setEquals":
            _check_set(arguments[at])
    constant = all(item is None or isinstance(item, Literal) for item in arguments)
    if not constant or call.operator in NOT_FOLDED:
        _check_constants(call.operator, arguments)
    if call.operator == "$ifNull" and not constant:
        return _if_null([item for item in arguments if item is not None])
    if constant and call.operator not in NOT_FOLDED:
        values = [item.value if isinstance(item, Literal) else ABSENT for item in arguments]
        return Literal(value=apply(call, values))
    given = [item for item in arguments if item is not None]
    alone = len(given) == 1 and call.operator in OF_ARRAYS
    # Of equal strings the first one stays in a union: under a collation its operands keep their places.
    in_order = call.operator == "$setUnion" and not call.comparing.is_simple
    if in_order or call.operator in JOINED:
        return replace(call, arguments=_joined(call, given, apply))
    if call.operator in REORDERED and not alone:
        return _reordered(call, given, apply)
    if call.operator == "$setEquals":
        return replace(call, arguments=_constant_first(given))
    return replace(call, arguments=tuple(arguments))


def _constant_first(arguments: list[Expression]) -> tuple[Expression, ...]:
    """Return the operands of `$setEquals` in order: its first constant is compared with the others."""
    for at, item in enumerate(arguments):
        if isinstance(item, Literal):
            return (item, *arguments[:at], *arguments[at + 1 :])
    return tuple(arguments)


def _if_null(candidates: list[Expression]) -> Expression:
    """Leave out constants that are null, and what stands behind one that is not."""
    *others, last = candidates
    left: list[Expression] = []
    for item in others:
        if not isinstance(item, Literal):
            left.append(item)
        elif not is_nullish(item.value):
            last = item
            break
    return Call(operator="$ifNull", arguments=(*left, last)) if left else last


def _check_set(argument: Expression | None) -> None:
    """Refuse a constant operand of `$setEquals` before the next one is looked at."""
    if isinstance(argument, Literal) and _no_array(argument.value):
        raise CommandFailure(5887502, "All operands of $setEquals must be arrays")


def _check_constants(operator: str, arguments: list[Expression | None]) -> None:
    """Refuse a constant of the wrong type with the code MongoDB has for it while it optimises."""
    constant = [item.value if isinstance(item, Literal) else ABSENT for item in arguments]
    if operator == "$setIsSubset" and _no_array(constant[1]):
        raise CommandFailure(17311, "both operands of $setIsSubset must be arrays")
    if operator == "$indexOfArray" and _no_array(constant[0]) and not is_nullish(constant[0]):
        raise CommandFailure(50809, "First operand of $indexOfArray must be an array")
    if operator.startswith("$regex") and all(
        item is None or isinstance(item, Literal) for item in arguments[1:]
    ):
        check_pattern(operator, constant[1], constant[2])


def _no_array(value: Any) -> bool:
    return value is not ABSENT and not isinstance(value, list)


def _flat(operator: str, arguments: list[Expression]) -> list[Expression]:
    """Return the operands with those of calls of the same operator in their place."""
    flat: list[Expression] = []
    for item in arguments:
        if (
            isinstance(item, Call)
            and item.operator == operator
            and not (operator in OF_ARRAYS and len(item.arguments) == 1)
        ):
            flat += [inner for inner in item.arguments if inner is not None]
        else:
            flat.append(item)
    return flat


def _reordered(call: Call, arguments: list[Expression], apply: Apply) -> Expression:
    operator = call.operator
    flat = _flat(operator, arguments)
    constants = [item.value for item in flat if isinstance(item, Literal)]
    others: list[Expression] = [item for item in flat if not isinstance(item, Literal)]
    if constants:
        constant = apply(call, constants) if len(constants) > 1 else constants[0]
        # A constant that decides alone leaves nothing to evaluate.
        if operator in {"$and", "$or"} and truth(constant) == (operator == "$or"):
            return Literal(value=operator == "$or")
        others.append(Literal(value=constant))
    return replace(call, arguments=tuple(others))


def _joined(call: Call, arguments: list[Expression], apply: Apply) -> tuple[Expression, ...]:
    joined: list[Expression] = []
    run: list[Any] = []
    for item in [*_flat(call.operator, arguments), None]:
        if isinstance(item, Literal):
            run.append(item.value)
            continue
        if run:
            joined.append(Literal(value=apply(call, run) if len(run) > 1 else run[0]))
            run = []
        if item is not None:
            joined.append(item)
    return tuple(joined)
