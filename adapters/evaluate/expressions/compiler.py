"""From the tree of an expression to a function, after MongoDB's own rewriting in `folding.py`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, assert_never

from bson.datetime_ms import DatetimeMS

from adapters.evaluate.expressions import (
    arithmetic,
    array,
    boolean,
    comparison,
    conditional,
    date,
    date_bins,
    date_parts,
    date_string,
    date_units,
    hashing,
    object,  # noqa: A004 - the family is called so
    reduction,
    regex,
    set,  # noqa: A004 - the family is called so
    string,
    trigonometry,
    type,  # noqa: A004 - the family is called so
)
from adapters.evaluate.expressions.conditional import switch
from adapters.evaluate.expressions.folding import folded, with_values
from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.evaluate.expressions.variables import Variables, at_path
from adapters.evaluate.numbers import integral, is_number
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
from adapters.query.types import truth, type_name
from adapters.query.unsupported import unsupported
from comparators.canonical import MISSING
from comparators.order import ValueOrder

Evaluate = Callable[[Variables], Any]

FAMILIES: Final = (
    arithmetic,
    array,
    boolean,
    comparison,
    date,
    date_units,
    hashing,
    object,
    regex,
    set,
    reduction,
    string,
    trigonometry,
    type,
)

EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    operator: function for family in FAMILIES for operator, function in family.EXPRESSIONS.items()
}
STOPPING: Final[Mapping[str, Callable[[Iterable[Any]], Any]]] = {
    **arithmetic.STOPPING,
    **array.STOPPING,
    **date.STOPPING,
    **date_units.STOPPING,
    **set.STOPPING,
    **string.STOPPING,
    **trigonometry.STOPPING,
    "$mergeObjects": object.merge_objects,
    **object.STOPPING,
}
"""Operators that look at an argument before they evaluate the next: behind a null, or a value that they
refuse, nothing is evaluated."""

RIGHT_FIRST: Final = frozenset({"$divide", "$subtract"})
"""Operators that evaluate their second argument first."""

LAZY: Final[Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]]] = {
    **array.LAZY,
    **boolean.LAZY,
    **conditional.LAZY,
    **date.LAZY,
    **date_bins.LAZY,
    **date_units.LAZY,
    **date_parts.LAZY,
    **date_string.LAZY,
    **type.LAZY,
}


def evaluator(expression: Expression) -> Evaluate:
    """Return the function that evaluates an expression; MISSING stands for no value.

    Raises CommandFailure where constants alone already fail.
    """
    return _compiled(folded(expression, _apply))


def constant(expression: Expression, values: Mapping[str, Any]) -> Literal | None:
    """Return what an expression always gives, None if that depends on a document.

    `values` are those of the variables that are known beforehand.
    """
    found = folded(with_values(expression, values), _apply)
    return found if isinstance(found, Literal) else None


class _Operators(NamedTuple):
    """The tables of operators in one order of values."""

    expressions: Mapping[str, Callable[[Sequence[Any]], Any]]
    stopping: Mapping[str, Callable[[Iterable[Any]], Any]]
    lazy: Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]]


_SIMPLE: Final = _Operators(EXPRESSIONS, STOPPING, LAZY)


def _operators(order: ValueOrder) -> _Operators:
    return _SIMPLE if order.is_simple else _operators_under(order)


@lru_cache(maxsize=256)
def _operators_under(order: ValueOrder) -> _Operators:
    families = (array, comparison, reduction, set)
    compared = {name: each for family in families for name, each in family.under(order).items()}
    return _Operators(
        {**EXPRESSIONS, **compared},
        {**STOPPING, **set.stopping_under(order)},
        {**LAZY, **array.lazy_under(order)},
    )


def _apply(call: Call, values: list[Any]) -> Any:
    lazy = _operators(call.comparing).lazy.get(call.operator)
    if lazy is not None:
        return lazy([_constant(value) for value in values])(_NOWHERE)
    return _function(call)(values)


def _function(call: Call) -> Callable[[Sequence[Any]], Any]:
    function = _operators(call.comparing).expressions.get(call.operator)
    if function is None:
        raise unsupported(call.operator, where="expression")
    return function


def _constant(value: Any) -> Evaluate:
    return lambda _variables: value


def _compiled(expression: Expression) -> Evaluate:
    match expression:
        case Literal(value=value):
            return _constant(value)
        case FieldPath(path=path):
            return _field(path)
        case Variable():
            return _variable(expression)
        case Call():
            return _call(expression)
        case DocumentExpression(fields=fields):
            return _document([(name, _compiled(item)) for name, item in fields])
        case ArrayExpression(items=items):
            return _array([_compiled(item) for item in items])
        case Switch():
            return switch(
                [(_compiled(when), _compiled(then)) for when, then in expression.branches],
                None if expression.default is None else _compiled(expression.default),
            )
        case Let(bindings=bindings, inside=inside):
            return _let([(name, _compiled(item)) for name, item in bindings], _compiled(inside))
        case Map():
            return _map(expression)
        case Filter():
            return _filter(expression)
        case Reduce():
            return _reduce(expression)
        case SortArray(input=source, order=order, comparing=comparing):
            return array.sorted_array(_compiled(source), order, comparing)
        case Zip(inputs=inputs, defaults=defaults, use_longest=longest):
            given, fill = list(map(_compiled, inputs)), list(map(_compiled, defaults))
            return array.zipped(given, fill, longest=longest)
        case _:
            assert_never(expression)


_NOWHERE: Final = Variables(root={}, current={}, now_ms=0)


def _call(call: Call) -> Evaluate:
    arguments = [
        _absent if argument is None else _compiled(argument) for argument in call.arguments
    ]
    operators = _operators(call.comparing)
    lazy = operators.lazy.get(call.operator)
    if lazy is not None:
        return lazy(arguments)
    function = _function(call)
    if isinstance(call.arguments[-1], Literal):
        function = set.with_constant_under(call.comparing).get(call.operator, function)
    stopping = operators.stopping.get(call.operator)
    if stopping is not None and len(arguments) > 1:
        return lambda variables: stopping(argument(variables) for argument in arguments)
    if len(arguments) == 1:
        only = arguments[0]
        return lambda variables: function((only(variables),))
    if len(arguments) == 2:
        first, second = arguments
        if call.operator in RIGHT_FIRST:
            return lambda variables: function((second(variables), first(variables))[::-1])
        return lambda variables: function((first(variables), second(variables)))
    return lambda variables: function([argument(variables) for argument in arguments])


def _absent(_variables: Variables) -> Any:
    return ABSENT


def _field(path: tuple[str, ...]) -> Evaluate:
    if len(path) > 1:
        return lambda variables: at_path(variables.current, path)
    name = path[0]

    def evaluate(variables: Variables) -> Any:
        current = variables.current
        if isinstance(current, dict):
            return current.get(name, MISSING)
        return at_path(current, path)

    return evaluate


def _variable(variable: Variable) -> Evaluate:
    read = _BUILT_IN.get(variable.name)
    if read is None:
        name = variable.name

        def read(variables: Variables) -> Any:
            return variables.user[name]

    if not variable.path:
        return read
    path = variable.path
    return lambda variables: at_path(read(variables), path)


_BUILT_IN: Final[Mapping[str, Evaluate]] = {
    "ROOT": lambda variables: variables.root,
    "CURRENT": lambda variables: variables.current,
    "NOW": lambda variables: DatetimeMS(variables.now_ms),
    "REMOVE": lambda _variables: MISSING,
}


def _document(fields: Sequence[tuple[str, Evaluate]]) -> Evaluate:
    def evaluate(variables: Variables) -> Any:
        made = {}
        for name, item in fields:
            value = item(variables)
            if value is not MISSING:
                made[name] = value
        return made

    return evaluate


def _array(items: Sequence[Evaluate]) -> Evaluate:
    def evaluate(variables: Variables) -> Any:
        values = [item(variables) for item in items]
        return [None if value is MISSING else value for value in values]

    return evaluate


def _let(bindings: Sequence[tuple[str, Evaluate]], inside: Evaluate) -> Evaluate:
    def evaluate(variables: Variables) -> Any:
        bound = variables
        for name, item in bindings:
            bound = bound.bound(name, item(variables))
        return inside(bound)

    return evaluate


def _map(expression: Map) -> Evaluate:
    source, inside = _compiled(expression.input), _compiled(expression.inside)
    name = expression.variable

    def evaluate(variables: Variables) -> Any:
        value = source(variables)
        if is_nullish(value):
            return None
        if not isinstance(value, list):
            raise CommandFailure(16883, f"input to $map must be an array not {type_name(value)}")
        made = [inside(variables.bound(name, item)) for item in value]
        return [None if item is MISSING else item for item in made]

    return evaluate


def _filter(expression: Filter) -> Evaluate:
    source, condition = _compiled(expression.input), _compiled(expression.condition)
    limit = None if expression.limit is None else _compiled(expression.limit)
    name = expression.variable

    def evaluate(variables: Variables) -> Any:
        value = source(variables)
        if is_nullish(value):
            return None
        if not isinstance(value, list):
            raise CommandFailure(28651, f"input to $filter must be an array not {type_name(value)}")
        if not value:
            return []
        most = None if limit is None else _limit(limit(variables))
        kept = []
        for item in value:
            if truth(condition(variables.bound(name, item))):
                kept.append(item)
                if len(kept) == most:
                    break
        return kept

    return evaluate


def _limit(value: Any) -> int | None:
    if is_nullish(value):
        return None
    whole = integral(value) if is_number(value) else None
    if whole is None:
        raise CommandFailure(
            327391, "$filter: limit must be represented as a 32-bit integral value"
        )
    if whole <= 0:
        raise CommandFailure(327392, "$filter: limit must be greater than 0")
    return whole


def _reduce(expression: Reduce) -> Evaluate:
    source, initial = _compiled(expression.input), _compiled(expression.initial)
    inside = _compiled(expression.inside)

    def evaluate(variables: Variables) -> Any:
        value = source(variables)
        if is_nullish(value):
            return None
        if not isinstance(value, list):
            raise CommandFailure(
                40080, f"$reduce requires that 'input' be an array, not {type_name(value)}"
            )
        reached = initial(variables)
        for item in value:
            reached = inside(variables.bound("value", reached).bound("this", item))
        return reached

    return evaluate
