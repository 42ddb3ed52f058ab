"""`$group`: documents with an equal key become one.

Source: MongoDB manual, "$group (aggregation)".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.evaluate.accumulators import (
    Accumulator,
    Ranked,
    accumulators_under,
    counted_under,
    pushed_down_under,
)
from adapters.evaluate.expressions import Variables, evaluator
from adapters.evaluate.expressions.array import element_count
from adapters.query.pipeline import Accumulation, Group
from adapters.query.unsupported import unsupported
from comparators.canonical import MISSING

Rows = Iterable[Variables]
Make = Callable[[Any], Accumulator]
"""From the key of a group to a fresh accumulator."""


class Filling:
    """The accumulators of one group."""

    __slots__ = ("_accumulators", "_fields")

    def __init__(self, fields: "Fields", accumulators: list[Accumulator]) -> None:
        self._fields = fields
        self._accumulators = accumulators

    def add(self, variables: Variables) -> None:
        for accumulator, read in zip(self._accumulators, self._fields.reads, strict=True):
            accumulator.add(read(variables))

    def results(self) -> dict[str, Any]:
        made = {}
        for name, accumulator in zip(self._fields.names, self._accumulators, strict=True):
            result = accumulator.result()
            made[name] = None if result is MISSING else result
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The accumulated fields of a stage: names, how each begins, and what it takes of a document."""

    names: tuple[str, ...]
    makes: tuple[Make, ...]
    reads: tuple[Callable[[Variables], Any], ...]

    def fresh(self, key: Any) -> Filling:
        """Return the accumulators for the group of a key."""
        return Filling(self, [make(key) for make in self.makes])


def fields_of(accumulations: Sequence[Accumulation], *, pushed_down: bool = False) -> Fields:
    """Return accumulated fields; `pushed_down` says that MongoDB's slot-based engine runs them."""
    simple = pushed_down_under if pushed_down else accumulators_under
    return Fields(
        names=tuple(each.field for each in accumulations),
        makes=tuple(_maker(each, simple(each.comparing)) for each in accumulations),
        reads=tuple(_reader(each) for each in accumulations),
    )


def group(stage: Group, *, pushed_down: bool) -> Callable[[Rows], Iterator[dict[str, Any]]]:
    """Return the stage; groups come in the order of their first documents.

    `pushed_down` says that MongoDB runs the stage in its slot-based engine.
    """
    key = evaluator(stage.key)
    place_of = stage.comparing.key
    fields = fields_of(stage.accumulations, pushed_down=pushed_down)

    def run(rows: Rows) -> Iterator[dict[str, Any]]:
        groups: dict[Any, tuple[Any, Filling]] = {}
        for variables in rows:
            value = key(variables)
            if value is MISSING:
                value = None
            place = place_of(value)
            found = groups.get(place)
            if found is None:
                found = groups[place] = (value, fields.fresh(value))
            found[1].add(variables)
        for value, filling in groups.values():
            yield {"_id": value, **filling.results()}

    return run


def _maker(accumulation: Accumulation, simple: Mapping[str, Callable[[], Accumulator]]) -> Make:
    operator = accumulation.operator
    if accumulation.sort is not None:
        return _ranked(accumulation, accumulation.sort)
    if operator in simple:
        make = simple[operator]
        return lambda _key: make()
    counting = counted_under(accumulation.comparing)
    if operator in counting:
        counted, count = counting[operator], _count(accumulation)
        return lambda key: counted(count(key))
    raise unsupported(operator, where="$group")


def _ranked(accumulation: Accumulation, sort: Any) -> Make:
    bottom = accumulation.operator.startswith("$bottom")
    order = accumulation.comparing
    if accumulation.count is None:
        return lambda _key: Ranked(sort, None, order, bottom=bottom)
    count = _count(accumulation)
    return lambda key: Ranked(sort, count(key), order, bottom=bottom)


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
