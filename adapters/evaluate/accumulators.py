"""What `$group` keeps of the documents of one group.

An accumulator takes one value per document and gives its result at the end; MISSING becomes null
there. Source: MongoDB manual, "Accumulators ($group)".
"""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Protocol

from bson.dbref import DBRef

from adapters.evaluate.expressions.comparison import compared
from adapters.evaluate.expressions.extremes import extremes
from adapters.evaluate.expressions.kinds import is_nullish
from adapters.evaluate.expressions.variables import at_path
from adapters.evaluate.numbers import CONTEXT, DECIMAL, decimal128, double_of, width
from adapters.evaluate.running_sum import RunningSum
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name
from comparators.canonical import MISSING
from comparators.order import SIMPLE, ValueOrder


class Accumulator(Protocol):
    """The state of one field of one group."""

    def add(self, value: Any) -> None:
        """Take the value of one more document."""

    def result(self) -> Any:
        """Return the value of the field; MISSING if there is none."""


class Sum:
    """`$sum`: of what is no number, nothing."""

    def __init__(self) -> None:
        self._total = RunningSum()

    def add(self, value: Any) -> None:
        self._total.add(value)

    def result(self) -> Any:
        return self._total.value()


class Average:
    """`$avg`: a double or a decimal; null without a number."""

    def __init__(self) -> None:
        self._total = RunningSum()
        self._count = 0

    def add(self, value: Any) -> None:
        of_width = width(value)
        if of_width is not None:
            self._total.add_of_width(value, of_width)
            self._count += 1

    def result(self) -> Any:
        if not self._count:
            return None
        if self._total.width == DECIMAL:
            return decimal128(CONTEXT.divide(self._total.decimal(), Decimal(self._count)))
        return self._total.double() / self._count


class Extreme:
    """`$min` or `$max`: null and missing do not count.

    Of equal values of different types the first stays, or the last: MongoDB has two engines.
    """

    def __init__(
        self, sign: int, order: ValueOrder = SIMPLE, *, last_of_equals: bool = False
    ) -> None:
        self._sign = sign
        self._order = order
        self._least = 0 if last_of_equals else 1
        self._value: Any = MISSING

    def add(self, value: Any) -> None:
        if is_nullish(value):
            return
        current = self._value
        if current is MISSING or compared(value, current, self._order) * self._sign >= self._least:
            self._value = value

    def result(self) -> Any:
        return self._value


class First:
    """`$first`."""

    def __init__(self) -> None:
        self._value: Any = MISSING
        self._is_set = False

    def add(self, value: Any) -> None:
        if not self._is_set:
            self._value, self._is_set = value, True

    def result(self) -> Any:
        return self._value


class Last:
    """`$last`."""

    def __init__(self) -> None:
        self._value: Any = MISSING

    def add(self, value: Any) -> None:
        self._value = value

    def result(self) -> Any:
        return self._value


class Push:
    """`$push`: missing values leave no trace."""

    def __init__(self) -> None:
        self._values: list[Any] = []

    def add(self, value: Any) -> None:
        if value is not MISSING:
            self._values.append(value)

    def result(self) -> Any:
        return self._values


class AddToSet:
    """`$addToSet`: of equal values the first; they have no order that anybody could rely on."""

    def __init__(self, order: ValueOrder = SIMPLE) -> None:
        self._key_of = order.key
        self._values: dict[Any, Any] = {}

    def add(self, value: Any) -> None:
        if value is not MISSING:
            self._values.setdefault(self._key_of(value), value)

    def result(self) -> Any:
        return list(self._values.values())


class MergeObjects:
    """`$mergeObjects`."""

    def __init__(self, *, refusal: int = 40400) -> None:
        self._merged: dict[str, Any] = {}
        self._refusal = refusal

    def add(self, value: Any) -> None:
        if isinstance(value, DBRef):
            value = value.as_doc()
        if isinstance(value, dict):
            self._merged.update(value)
        elif not is_nullish(value):
            raise CommandFailure(
                self._refusal, f"$mergeObjects requires object inputs, not {type_name(value)}"
            )

    def result(self) -> Any:
        return self._merged


class Deviation:
    """`$stdDevPop` or `$stdDevSamp`, by Welford's method as on the server; decimals count as doubles."""

    def __init__(self, less: int) -> None:
        self._less = less
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, value: Any) -> None:
        if width(value) is None:
            return
        number = double_of(value)
        self._count += 1
        delta = number - self._mean
        if delta != 0:
            self._mean += delta / self._count
            square = delta * (number - self._mean)
            # Of two that are no numbers the later one stays, with its sign.
            self._squares = square if math.isnan(square) else self._squares + square

    def result(self) -> Any:
        divisor = self._count - self._less
        return math.sqrt(self._squares / divisor) if divisor > 0 else None


class Some:
    """`$firstN`, `$lastN`, `$minN` or `$maxN`: `select` makes the choice at the end."""

    def __init__(self, select: Callable[[list[Any]], list[Any]]) -> None:
        self._select = select
        self._values: list[Any] = []

    def add(self, value: Any) -> None:
        self._values.append(value)

    def result(self) -> Any:
        return [None if value is MISSING else value for value in self._select(self._values)]


class Ranked:
    """`$top`, `$bottom` and their `N` forms: takes pairs of a document and its value."""

    def __init__(
        self,
        sort: Mapping[str, int],
        count: int | None,
        order: ValueOrder = SIMPLE,
        *,
        bottom: bool,
    ) -> None:
        self._sort = sort
        self._order = order
        self._count = count
        self._bottom = bottom
        self._pairs: list[tuple[Any, Any]] = []

    def add(self, value: Any) -> None:
        document, output = value
        self._pairs.append((self._key(document), None if output is MISSING else output))

    def _key(self, document: Any) -> Any:
        """Return the key of a document; an array counts as a whole, unlike in a query's sort."""
        values = {path: at_path(document, tuple(path.split("."))) for path in self._sort}
        plain = {
            str(at): [value] if isinstance(value, list) and value else value
            for at, value in enumerate(values.values())
            if value is not MISSING
        }
        return self._order.sort_key(
            plain, {str(at): way for at, way in enumerate(self._sort.values())}
        )

    def result(self) -> Any:
        ranked = [output for _, output in sorted(self._pairs, key=lambda pair: pair[0])]
        if self._count is None:
            return ranked[-1 if self._bottom else 0]
        return ranked[-self._count :] if self._bottom else ranked[: self._count]


def _lowest(count: int, order: ValueOrder, *, ascending: bool) -> Callable[[list[Any]], list[Any]]:
    def select(values: list[Any]) -> list[Any]:
        present = (value for value in values if not is_nullish(value))
        return extremes(present, count, order, largest=not ascending)

    return select


Makers = Mapping[str, Callable[[], Accumulator]]
CountedMakers = Mapping[str, Callable[[int], Accumulator]]


def accumulators_under(order: ValueOrder) -> Makers:
    """Return the accumulators of one value, in an order of values."""
    return {
        "$addToSet": lambda: AddToSet(order),
        "$avg": Average,
        "$first": First,
        "$last": Last,
        "$max": lambda: Extreme(1, order),
        "$mergeObjects": MergeObjects,
        "$min": lambda: Extreme(-1, order),
        "$push": Push,
        "$stdDevPop": lambda: Deviation(0),
        "$stdDevSamp": lambda: Deviation(1),
        "$sum": Sum,
    }


def pushed_down_under(order: ValueOrder) -> Makers:
    """Return them as MongoDB 6.0 runs them in its slot-based engine: right behind the query."""
    return {
        **accumulators_under(order),
        "$max": lambda: Extreme(1, order, last_of_equals=True),
        "$mergeObjects": lambda: MergeObjects(refusal=5911200),
        "$min": lambda: Extreme(-1, order, last_of_equals=True),
    }


def counted_under(order: ValueOrder) -> CountedMakers:
    """Return the accumulators that keep a number of values, in an order of values."""
    return {
        "$firstN": lambda count: Some(lambda values: values[:count]),
        "$lastN": lambda count: Some(lambda values: values[-count:]),
        "$maxN": lambda count: Some(_lowest(count, order, ascending=False)),
        "$minN": lambda count: Some(_lowest(count, order, ascending=True)),
    }


ACCUMULATORS: Final = accumulators_under(SIMPLE)
