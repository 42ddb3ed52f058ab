"""`$setWindowFields`: fields computed from the documents around each document.

Source: MongoDB manual, "$setWindowFields (aggregation)".
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite, isnan
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from adapters.evaluate.accumulators import Extreme
from adapters.evaluate.expressions import Variables, at_path, constant, evaluator
from adapters.evaluate.expressions.date_units import shifted
from adapters.evaluate.expressions.kinds import is_nullish
from adapters.evaluate.expressions.object import document_of
from adapters.evaluate.expressions.timezone import UTC_ZONE
from adapters.evaluate.numbers import (
    CONTEXT,
    decimal_of,
    double_of,
    is_number,
)
from adapters.evaluate.order import sorted_documents
from adapters.evaluate.stages.curves import CURVES
from adapters.evaluate.stages.group import fields_of
from adapters.evaluate.stages.sliding import COVARIANCES, REMOVABLE, slid
from adapters.query.failures import CommandFailure
from adapters.query.pipeline import Accumulation, Bounds, Window, WindowFields
from adapters.query.unsupported import unsupported
from comparators.canonical import MISSING
from comparators.order import ValueOrder

Document = dict[str, Any]
Row = Callable[[Document], Variables]


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """The documents of one partition in their order; `keys` are the values they are sorted by.

    There are keys only where one field is sorted by.
    """

    rows: Sequence[Variables]
    sort: Any
    keys: Sequence[Any]
    order: ValueOrder


_PARTITION: Final = "\0"
"""A name that no field has."""

Compute = Callable[[Partition], list[Any]]
"""From a partition to the value of a field for each of its documents; MISSING for none."""


def window_fields(
    stage: WindowFields, row: Row
) -> Callable[[Iterable[Document]], Iterator[Document]]:
    """Return the stage."""
    partition = None if stage.partition is None else evaluator(stage.partition)
    computes = [(window.path, _compute(window)) for window in stage.windows]

    def run(documents: Iterable[Document]) -> Iterator[Document]:
        ordered = list(documents)
        if stage.sort is not None:
            ordered = sorted_documents(ordered, stage.sort, stage.comparing)
        for part in _parts([row(document) for document in ordered], partition, stage):
            given = Partition(
                rows=part, sort=stage.sort, keys=_keys(part, stage.sort), order=stage.comparing
            )
            columns = [(path, compute(given)) for path, compute in computes]
            for at, variables in enumerate(part):
                made = variables.root
                for path, values in columns:
                    made = _placed(made, path, values[at])
                yield made

    return run


def _placed(value: Any, path: Sequence[str], new: Any) -> Any:
    """Return a copy with a new value at a path, in each element of an array, as `$addFields` has it.

    What has no value takes the place of what was there all the same.
    """
    if isinstance(value, list):
        return [_placed(each, path, new) for each in value]
    made = dict(document_of(value) or {})
    name, rest = path[0], path[1:]
    if rest:
        made[name] = _placed(made.get(name), rest, new)
    elif new is MISSING:
        made.pop(name, None)
    else:
        made[name] = new
    return made


def _parts(
    rows: list[Variables], partition: Callable[[Variables], Any] | None, stage: WindowFields
) -> Iterator[list[Variables]]:
    if partition is None:
        if rows:
            yield rows
        return
    parts: dict[Any, list[Variables] | None] = {}
    for variables in rows:
        value = partition(variables)
        if isinstance(value, list):
            # The server sorts by the value first, and refuses it when its turn comes.
            parts[_first_place(value, variables, stage)] = None
            continue
        part = parts.setdefault(stage.comparing.key(None if value is MISSING else value), [])
        if part is not None:
            part.append(variables)
    for _place, part in sorted(parts.items(), key=lambda each: each[0]):
        if part is None:
            raise CommandFailure(14, "An expression used to partition cannot evaluate to an array")
        yield part


def _first_place(array: list[Any], variables: Variables, stage: WindowFields) -> Any:
    """Return where an array comes among the partitions; CommandFailure beside another one to sort by."""
    document = {**variables.root, _PARTITION: array}
    sorted_documents([document, document], {_PARTITION: 1, **(stage.sort or {})})
    [place] = stage.comparing.sort_key(document, {_PARTITION: 1})
    return place


def _keys(rows: Sequence[Variables], sort: Any) -> list[Any]:
    if sort is None or len(sort) != 1:
        return []
    path = tuple(next(iter(sort)).split("."))
    return [at_path(variables.root, path) for variables in rows]


def _compute(window: Window) -> Compute:
    operator = window.operator
    if window.accumulation is not None:
        return _accumulated(window)
    if operator in RANKS:
        return RANKS[operator]
    if operator == "$shift":
        return _shift(window)
    evaluate = evaluator(window.input) if window.input is not None else None
    if evaluate is None:
        raise unsupported(operator, where="$setWindowFields")
    if operator == "$locf":
        return lambda part: _carried([evaluate(each) for each in part.rows])
    if operator == "$expMovingAvg":
        return lambda part: _averaged([evaluate(each) for each in part.rows], window.weight)
    curve = CURVES[operator]

    def compute(part: Partition) -> list[Any]:
        windows = list(_windows(part, window.bounds, apart=operator == "$derivative"))
        return curve(part.keys, lambda at: evaluate(part.rows[at]), windows, window.unit_ms)

    return compute


def _accumulated(window: Window) -> Compute:
    accumulation, operator, bounds = window.accumulation, window.operator, window.bounds
    if accumulation is None:
        raise unsupported(operator, where="$setWindowFields")
    slides = bounds.lower is not None
    if operator in (REMOVABLE if slides else COVARIANCES):
        return _slid(accumulation, bounds)
    fields = fields_of([accumulation])
    read = fields.reads[0]
    of_ends = operator in {"$first", "$last"}

    def compute(part: Partition) -> list[Any]:
        windows = list(_windows(part, bounds, apart=of_ends))
        if of_ends:
            at = 0 if operator == "$first" else -1
            return [read(part.rows[each[at]]) if each else None for each in windows]
        return [total(each, part) for each in windows]

    def total(places: range, part: Partition) -> Any:
        if operator == "$max" and slides:
            # What can be taken back is kept in order: of equal values the last is the greatest.
            greatest = Extreme(1, accumulation.comparing, last_of_equals=True)
            for place in places:
                greatest.add(read(part.rows[place]))
            value = greatest.result()
            return None if value is MISSING else value
        if operator in {"$bottom", "$top"} and not len(places):
            return None
        filling = fields.fresh(None)
        for place in places:
            filling.add(part.rows[place])
        return next(iter(filling.results().values()))

    return compute


def _slid(accumulation: Accumulation, bounds: Bounds) -> Compute:
    evaluate, make = evaluator(accumulation.value), REMOVABLE[accumulation.operator]

    def compute(part: Partition) -> list[Any]:
        return list(slid(make, lambda at: evaluate(part.rows[at]), _windows(part, bounds)))

    return compute


def _windows(part: Partition, bounds: Bounds, *, apart: bool = False) -> Iterator[range]:
    """Give the places of the documents in the window of each document.

    With `apart` each is looked for by itself, as for operators that keep nothing of the window before.
    """
    if bounds.by_range:
        yield from _by_range(part, bounds, apart=apart)
        return
    count = len(part.rows)
    for at in range(count):
        low = _place(bounds.lower, at, 0)
        high = _place(bounds.upper, at, count - 1)
        yield range(max(low, 0), min(high, count - 1) + 1)


def _place(bound: Any, at: int, end: int) -> int:
    if bound is None:
        return end
    return at if bound == "current" else at + int(double_of(bound))


def _by_range(part: Partition, bounds: Bounds, *, apart: bool) -> Iterator[range]:
    """Give the windows of a range of sort keys.

    The server looks for a window from the ends of the one before it, and never where it has forgotten the
    documents, which it does not before their turn. That shows where a later date has an earlier bound, as it rounds seconds before 1970.
    Source: "src/mongo/db/pipeline/window_function/partition_iterator.cpp" in the server's source, as of 6.0.
    """
    if next(iter(part.sort.values())) < 0:
        raise CommandFailure(5429404, "Missing _sortExpr with range-based bounds")
    keys = [_number(key, bounds.unit) for key in part.keys]
    before: range | None = None
    kept = 0
    for at in range(len(keys)):
        window = _reached(keys, at, bounds, before, kept)
        before = None if apart else window
        if window is not None:
            kept = window[-1] if bounds.lower is None and not apart else window.start
        yield window or range(0)


def _reached(
    keys: Sequence[Any], at: int, bounds: Bounds, before: range | None, kept: int
) -> range | None:
    """Return the window of one document, None for an empty one."""
    low = min(kept, at) if before is None else before.start
    if bounds.lower == "current":
        low = at
    elif bounds.lower is not None:
        low = bisect_left(keys, _moved(keys[at], bounds.lower, bounds.unit), lo=low)
    if bounds.upper is None:
        end = len(keys)
    elif bounds.upper == "current":
        end = at + 1
    else:
        start = low if before is None else max(before[-1], low)
        end = bisect_right(keys, _moved(keys[at], bounds.upper, bounds.unit), lo=start)
        if end == start:
            return None
    return range(low, end) or None


def _moved(key: Any, by: Any, unit: str | None) -> Any:
    return key + by if unit is None else shifted(key, unit, int(double_of(by)), UTC_ZONE)


def _number(key: Any, unit: str | None) -> Any:
    if unit is not None:
        if not isinstance(key, DatetimeMS):
            raise CommandFailure(5429513, "Invalid range: Expected the sortBy field to be a Date")
        return int(key)
    if isinstance(key, DatetimeMS):
        raise CommandFailure(5429413, "Invalid range: for dates, a unit must be provided.")
    if not is_number(key):
        raise CommandFailure(5429414, "Invalid range: Expected the sortBy field to be a number")
    if isinstance(key, Decimal128) or (isinstance(key, float) and isnan(key)):
        raise unsupported("a window bounded by decimals", where="$setWindowFields")
    return key


def _ranked(part: Partition, *, dense: bool) -> list[Any]:
    ranks: list[Any] = []
    before: Any = None
    for at, value in enumerate(part.keys):
        # What sorts alike need not be equal here: null and nothing, or arrays with one least element.
        key = part.order.key(value, missing_first=True)
        if ranks and key == before:
            ranks.append(ranks[-1])
        else:
            ranks.append((ranks[-1] if ranks else 0) + 1 if dense else at + 1)
        before = key
    return ranks


RANKS: Final[dict[str, Compute]] = {
    "$denseRank": lambda part: _ranked(part, dense=True),
    "$documentNumber": lambda part: list(range(1, len(part.rows) + 1)),
    "$rank": lambda part: _ranked(part, dense=False),
}


def _shift(window: Window) -> Compute:
    default = None if window.default is None else constant(window.default, {})
    if window.input is None or default is None:
        raise CommandFailure(9, "'$shift:default' expression must yield a constant value.")
    evaluate, otherwise = evaluator(window.input), default.value

    def compute(part: Partition) -> list[Any]:
        count = len(part.rows)
        places = range(window.by, window.by + count)
        return [evaluate(part.rows[at]) if 0 <= at < count else otherwise for at in places]

    return compute


def _carried(values: Sequence[Any]) -> list[Any]:
    last: Any = None
    carried = []
    for value in values:
        last = last if is_nullish(value) else value
        carried.append(last)
    return carried


def _averaged(values: Sequence[Any], weight: Decimal) -> list[Any]:
    """Return the moving averages, which the server keeps as a decimal and answers as a double."""
    average: Decimal | None = None
    rest = CONTEXT.subtract(Decimal(1), weight)
    averages: list[Any] = []
    for value in values:
        if isinstance(value, Decimal128) or (isinstance(value, float) and not isfinite(value)):
            raise unsupported("$expMovingAvg of a decimal", where="$setWindowFields")
        if is_number(value):
            number = decimal_of(value)
            average = (
                number
                if average is None
                else CONTEXT.add(CONTEXT.multiply(number, weight), CONTEXT.multiply(average, rest))
            )
        averages.append(None if average is None else float(average))
    return averages
