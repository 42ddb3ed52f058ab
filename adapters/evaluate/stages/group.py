"""`$group`: documents with an equal key become one.

Source: MongoDB manual, "$group (aggregation)".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from adapters.evaluate.accumulators import ACCUMULATORS, COUNTED, PUSHED_DOWN, Accumulator, Ranked
from adapters.evaluate.expressions import Variables, evaluator
from adapters.evaluate.expressions.array import element_count
from adapters.query.pipeline import Accumulation, Group
from adapters.query.unsupported import unsupported
from comparators.canonical import MISSING
from comparators.order import order_key

Rows = Iterable[Variables]
Make = Callable[[Any], Accumulator]
"""From the key of a group to a fresh accumulator."""


def group(stage: Group, *, pushed_down: bool) -> Callable[[Rows], Iterator[dict[str, Any]]]:
    """Return the stage; groups come in the order of their first documents.

    `pushed_down` says that MongoDB runs the stage in its slot-based engine.
    """
    simple = PUSHED_DOWN if pushed_down else ACCUMULATORS
    key = evaluator(stage.key)
    fields = [(each.field, _maker(each, simple), _reader(each)) for each in stage.accumulations]

    def run(rows: Rows) -> Iterator[dict[str, Any]]:
        groups: dict[Any, tuple[Any, list[Accumulator]]] = {}
        for variables in rows:
            value = key(variables)
            if value is MISSING:
                value = None
            place = order_key(value)
            found = groups.get(place)
            if found is None:
                found = groups[place] = (value, [make(value) for _, make, _ in fields])
            for accumulator, (_, _, read) in zip(found[1], fields, strict=True):
                accumulator.add(read(variables))
        for value, accumulators in groups.values():
            made = {"_id": value}
            for (name, _, _), accumulator in zip(fields, accumulators, strict=True):
                result = accumulator.result()
                made[name] = None if result is MISSING else result
            yield made

    return run


def _maker(accumulation: Accumulation, simple: Mapping[str, Callable[[], Accumulator]]) -> Make:
    operator = accumulation.operator
    if accumulation.sort is not None:
        return _ranked(accumulation, accumulation.sort)
    if operator in simple:
        make = simple[operator]
        return lambda _key: make()
    if operator in COUNTED:
        counted, count = COUNTED[operator], _count(accumulation)
        return lambda key: counted(count(key))
    raise unsupported(operator, where="$group")


def _ranked(accumulation: Accumulation, sort: Any) -> Make:
    bottom = accumulation.operator.startswith("$bottom")
    if accumulation.count is None:
        return lambda _key: Ranked(sort, None, bottom=bottom)
    count = _count(accumulation)
    return lambda key: Ranked(sort, count(key), bottom=bottom)


def _count(accumulation: Accumulation) -> Callable[[Any], int]:
    """Return how many values a group keeps: `n` may be computed from its key."""
    if accumulation.count is None:
        raise unsupported(accumulation.operator, where="$group")
    evaluate = evaluator(accumulation.count)

    def count(key: Any) -> int:
        document = {"_id": key}
        return element_count(evaluate(Variables(root=document, current=document, now_ms=0)))

    return count


def _reader(accumulation: Accumulation) -> Callable[[Variables], Any]:
    evaluate = evaluator(accumulation.value)
    if accumulation.sort is not None:
        return lambda variables: (variables.root, evaluate(variables))
    return evaluate
