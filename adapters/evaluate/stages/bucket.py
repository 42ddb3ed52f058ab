"""`$bucket` and `$bucketAuto`: groups of neighbours.

Source: MongoDB manual, "$bucket (aggregation)", "$bucketAuto (aggregation)".
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from adapters.evaluate.expressions import Variables, constant, evaluator
from adapters.evaluate.numbers import double_of, is_number
from adapters.evaluate.stages.granularity import rounded_down, rounded_up
from adapters.evaluate.stages.group import Fields, fields_of
from adapters.query.expression import Call, Expression, Literal, Switch
from adapters.query.failures import CommandFailure
from adapters.query.pipeline import Bucket, BucketAuto, Group, Sort
from comparators.canonical import MISSING
from comparators.order import ValueOrder

Pair = tuple[Any, Variables]
"""The value that a document is put in order by, and the document."""


def bucket(stage: Bucket, constants: Mapping[str, Any]) -> tuple[Group, Sort]:
    """Return the stages that `$bucket` is short for; `constants` are the variables known beforehand."""
    found = [constant(each, constants) for each in stage.boundaries]
    if any(each is None for each in found):
        raise CommandFailure(40191, "The $bucket 'boundaries' must be constant values")
    boundaries = [each.value for each in found if each is not None]
    order = stage.comparing
    _check(boundaries, order)
    default = None
    if stage.default is not None:
        default = constant(stage.default, constants)
        if default is None:
            raise CommandFailure(40195, "The $bucket 'default' must be a constant expression")
        if order.key(boundaries[0]) <= order.key(default.value) < order.key(boundaries[-1]):
            raise CommandFailure(40199, "The $bucket 'default' must lie outside of the boundaries")
    key = Switch(
        branches=tuple(
            (_within(stage.by, low, high, order), Literal(value=low))
            for low, high in pairwise(boundaries)
        ),
        default=default,
    )
    return (
        Group(key=key, accumulations=stage.accumulations, comparing=order),
        Sort(sort={"_id": 1}, comparing=order),
    )


def _check(boundaries: list[Any], order: ValueOrder) -> None:
    if len(boundaries) < 2:
        raise CommandFailure(40192, "The $bucket 'boundaries' must have at least 2 values")
    for low, high in pairwise(boundaries):
        if order.key(low)[0] != order.key(high)[0]:
            raise CommandFailure(40193, "All values in 'boundaries' must have the same type")
        if order.key(low) >= order.key(high):
            raise CommandFailure(40194, "The 'boundaries' option to $bucket must be sorted")


def _within(by: Expression, low: Any, high: Any, order: ValueOrder) -> Expression:
    return Call(
        operator="$and",
        arguments=(
            Call(operator="$gte", arguments=(by, Literal(value=low)), comparing=order),
            Call(operator="$lt", arguments=(by, Literal(value=high)), comparing=order),
        ),
    )


def bucket_auto(stage: BucketAuto) -> Callable[[Iterable[Variables]], Iterator[dict[str, Any]]]:
    """Return the stage: about as many documents in each bucket, equal values never apart."""
    by = evaluator(stage.by)
    fields = fields_of(stage.accumulations)
    key_of = stage.comparing.key

    def run(rows: Iterable[Variables]) -> Iterator[dict[str, Any]]:
        pairs = [(_key(by(row), stage.granularity), row) for row in rows]
        pairs.sort(key=lambda pair: key_of(pair[0]))
        # Halves are rounded up, unlike by `round`.
        size = max(1, math.floor(len(pairs) / stage.buckets + 0.5))
        yield from _Cutting(pairs, stage, size).buckets(fields)

    return run


def _key(value: Any, granularity: str | None) -> Any:
    if value is MISSING:
        value = None
    if granularity is not None:
        if not is_number(value):
            raise CommandFailure(40258, "'granularity' goes with numeric boundaries only")
        if math.isnan(double_of(value)):
            raise CommandFailure(40259, "'granularity' goes with numbers only, but found a NaN")
        if double_of(value) < 0:
            raise CommandFailure(40260, "'granularity' goes with non-negative numbers only")
    return value


class _Cutting:
    """Documents in order, cut into buckets from the front."""

    def __init__(self, pairs: list[Pair], stage: BucketAuto, size: int) -> None:
        self._pairs = pairs
        self._stage = stage
        self._size = size

    def buckets(self, fields: Fields) -> Iterator[dict[str, Any]]:
        start, number = 0, 1
        before: Any = MISSING
        while start < len(self._pairs):
            is_last = number == self._stage.buckets
            end = len(self._pairs) if is_last else min(start + self._size, len(self._pairs))
            low, high, end = self._bounds(start, end, before)
            filled = fields.fresh(None)
            for _key, row in self._pairs[start:end]:
                filled.add(row)
            yield {"_id": {"min": low, "max": high}, **filled.results()}
            start, number, before = end, number + 1, high

    def _bounds(self, start: int, end: int, before: Any) -> tuple[Any, Any, int]:
        """Return the bounds of a bucket and where it ends, with all that belongs inside them."""
        low, high = self._pairs[start][0], self._pairs[end - 1][0]
        granularity, key_of = self._stage.granularity, self._stage.comparing.key
        if granularity is None:
            while end < len(self._pairs) and key_of(self._pairs[end][0]) == key_of(high):
                end += 1
            return low, self._pairs[min(end, len(self._pairs) - 1)][0], end
        low = rounded_down(low, granularity) if before is MISSING else before
        high = rounded_up(high, granularity)
        while end < len(self._pairs) and key_of(high) > key_of(self._pairs[end][0]):
            end += 1
        if double_of(high) == 0 and end < len(self._pairs):
            high = rounded_down(self._pairs[end][0], granularity)
        return low, high, end
