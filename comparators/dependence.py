"""Whether a value depends on the order inside of arrays whose order nothing fixes.

`$addToSet`, `$lookup` and `$graphLookup` give arrays in an order of the server's own. What only counts, tests
or takes an extreme is the same in any order; what keeps the elements keeps the freedom; all else depends.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

_ORDERLESS: Final = frozenset(
    "$allElementsTrue $anyElementTrue $isArray $setEquals $setIntersection $setIsSubset $setUnion "
    "$size $type".split()
)
"""Operators to which the order of an array they are given says nothing."""
_EXTREMES: Final = frozenset({"$max", "$min"})
"""The same for an array that is their only argument; of several they compare arrays as a whole."""
_WHOLE: Final = ("$$ROOT", "$$CURRENT")


def overlap(path: str, other: str) -> bool:
    """Return whether one path leads to, or through, the place of the other."""
    return is_under(path, other) or is_under(other, path)


def is_under(path: str, other: str) -> bool:
    return path == other or path.startswith(other + ".")


def reads(expression: Any, paths: Collection[str]) -> bool:
    """Return whether an expression reads what lies at one of the paths."""
    match expression:
        case str():
            read = _read_path(expression)
            return bool(paths) and (
                read == _EVERYTHING or any(overlap(read, path) for path in paths)
            )
        case Mapping():
            return any(
                reads(each, paths) for name, each in expression.items() if name != "$literal"
            )
        case list():
            return any(reads(each, paths) for each in expression)
        case _:
            return False


def depends_on_order(expression: Any, paths: Collection[str]) -> bool:
    """Return whether an expression may have another value with the arrays at the paths permuted."""
    match expression:
        case Mapping():
            return any(_depends(name, each, paths) for name, each in expression.items())
        case list():
            return any(depends_on_order(each, paths) for each in expression)
        case _:
            return reads(expression, paths)


def kept_array(expression: Any, paths: Collection[str]) -> str | None:
    """Return the path whose elements, each by itself, make up the value; None where that is not so."""
    if isinstance(expression, str):
        read = _read_path(expression)
        return next((path for path in paths if read and is_under(read, path)), None)
    if not isinstance(expression, Mapping) or len(expression) != 1:
        return None
    operator, argument = next(iter(expression.items()))
    if operator in {"$filter", "$map"} and isinstance(argument, Mapping):
        rest = [each for name, each in argument.items() if name not in {"input", "as"}]
        limited = argument.get("limit") is not None
        return (
            None
            if limited or depends_on_order(rest, paths)
            else kept_array(argument.get("input"), paths)
        )
    if operator in {"$ifNull", "$setDifference"} and isinstance(argument, list) and argument:
        return None if depends_on_order(argument[1:], paths) else kept_array(argument[0], paths)
    return None


def filter_depends_on_order(query: Any, paths: Collection[str]) -> bool:
    """Return whether a filter looks at positions in the arrays at the paths, or at them as a whole."""
    if isinstance(query, list):
        return any(filter_depends_on_order(each, paths) for each in query)
    if not isinstance(query, Mapping):
        return False
    for name, condition in query.items():
        if name == "$expr":
            if depends_on_order(condition, paths):
                return True
        elif name.startswith("$"):
            if filter_depends_on_order(condition, paths):
                return True
        elif any(overlap(name, path) for path in paths) and (
            any(step.isdecimal() for step in name.split(".")) or _has_list(condition)
        ):
            return True
    return False


def _has_list(condition: Any) -> bool:
    """Return whether a condition compares with an array, other than as a list of values."""
    if isinstance(condition, list):
        return True
    if not isinstance(condition, Mapping):
        return False
    return any(
        any(map(_has_list, operand))
        if name in {"$in", "$nin", "$all"} and isinstance(operand, list)
        else _has_list(operand)
        for name, operand in condition.items()
    )


def _depends(operator: str, argument: Any, paths: Collection[str]) -> bool:
    arguments = argument if isinstance(argument, list) else [argument]
    if operator == "$literal":
        return False
    if operator == "$in" and len(arguments) == 2:
        return depends_on_order(arguments[0], paths) or _depends("$size", arguments[1:], paths)
    if operator in _ORDERLESS or (operator in _EXTREMES and len(arguments) == 1):
        return any(
            kept_array(each, paths) is None and depends_on_order(each, paths) for each in arguments
        )
    return depends_on_order(argument, paths)


def _read_path(text: str) -> str:
    """Return the path that a string names as an expression; empty for a text or another variable."""
    for variable in _WHOLE:
        text = "$" + text[len(variable) + 1 :] if is_under(text, variable) else text
    if not text.startswith("$") or text.startswith("$$"):
        return ""
    return text[1:] or _EVERYTHING


_EVERYTHING: Final = "\0"
"""Stands for the path of a whole document, which no document has."""
