"""From the rows of a grouping to its groups, as the residual would have made them of the documents.

Source: `adapters/evaluate/accumulators.py`, whose arithmetic this shares.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from adapters.entities.entity import Column, ColumnType
from adapters.entities.layout import WHOLE, Layout
from adapters.entities.tags import Tag
from adapters.entities.values import reader_of
from adapters.evaluate.expressions import Variables, evaluator
from adapters.evaluate.numbers import DOUBLE, INT, LONG
from adapters.evaluate.running_sum import MOST_WHOLE, RunningSum
from adapters.query.expression import Literal
from adapters.query.pipeline import Accumulation
from adapters.sql.columns.grouping import GroupPlan
from comparators.canonical import MISSING
from comparators.order import order_key

Layouts = Callable[[int], Layout | None]
"""From the number of a layout to the layout, None where it is not known."""

FIXED: Final = 4
"""What a row holds in front of its keys: drift, count, first ordinal, layout."""

WIDTHS: Final[Mapping[Tag, int]] = {Tag.INT: INT, Tag.LONG: LONG, Tag.DOUBLE: DOUBLE}
NATURAL_WIDTHS: Final[Mapping[ColumnType, int]] = {
    ColumnType.INTEGER: INT,
    ColumnType.BIGINT: LONG,
    ColumnType.DOUBLE: INT,
}


class UndecidedError(Exception):
    """The rows do not tell: a column has drifted, or values of several types are equal."""


def groups_of(
    plan: GroupPlan,
    rows: Sequence[Sequence[Any]],
    layouts: Layouts,
    *,
    bindings: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]] | None:
    """Return the groups in the order of their first documents, None where only the residual knows them.

    `bindings` are the variables of expressions.
    """
    try:
        return list(_groups(plan, rows, layouts, bindings or {}))
    except UndecidedError:
        return None


def distinct_of(
    plan: GroupPlan, rows: Sequence[Sequence[Any]], layouts: Layouts
) -> list[Any] | None:
    """Return the distinct values, None where only the residual knows them."""
    [column] = plan.keys
    values: dict[Any, Any] = {}
    try:
        for row in _in_order(rows):
            tags = _Tags(row[3], layouts)
            value = _value(row[FIXED], column, tags)
            if value is not MISSING:
                values.setdefault(order_key(value), value)
    except UndecidedError:
        return None
    return list(values.values())


def _groups(
    plan: GroupPlan, rows: Sequence[Sequence[Any]], layouts: Layouts, bindings: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    key_of = evaluator(plan.key)
    groups: dict[Any, tuple[Any, list[_Fold]]] = {}
    for row in _in_order(rows):
        tags = _Tags(row[3], layouts)
        key = key_of(Variables.of(_document(row, plan, tags), bindings))
        if key is MISSING:
            key = None
        place = order_key(key)
        found = groups.get(place)
        if found is None:
            found = groups[place] = (key, [_fold(each, of) for each, of in plan.accumulations])
        _add(row, plan, tags, found[1])
    for key, folds in groups.values():
        named = zip(plan.accumulations, folds, strict=True)
        yield {"_id": key, **{each.field: fold.result() for (each, _), fold in named}}


def _in_order(rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    found = []
    for row in rows:
        if row[0]:
            raise UndecidedError
        if row[1] is not None:
            found.append(row)
    return sorted(found, key=lambda row: row[2])


class _Tags:
    """The tags of the fields of one layout."""

    def __init__(self, number: int | None, layouts: Layouts) -> None:
        self._by_path: dict[Any, Tag] = {}
        if number is None:
            return
        layout = layouts(number)
        if layout is None or number == WHOLE.number:
            raise UndecidedError
        self._by_path = dict(layout.fields)

    def of(self, column: Column) -> Tag:
        return self._by_path.get(column.path, Tag.NATURAL)


def _document(row: Sequence[Any], plan: GroupPlan, tags: _Tags) -> dict[str, Any]:
    """Return as much of a document as its key needs."""
    document: dict[str, Any] = {}
    for value, column in zip(row[FIXED:], plan.keys, strict=False):
        found = _value(value, column, tags)
        if found is MISSING:
            continue
        inner = document
        for name in column.path[:-1]:
            inner = inner.setdefault(name, {})
        inner[column.path[-1]] = found
    return document


def _value(value: Any, column: Column, tags: _Tags) -> Any:
    tag = tags.of(column)
    if value is None:
        return None if tag is Tag.NULL else MISSING
    read = reader_of(column, tag)
    return value if read is None else read(value)


class _Fold(Protocol):
    """One field of one group."""

    def add(self, value: Any, count: int, listed: Sequence[float], tag: Tag) -> None:
        """Take what SQL has made of the values of some documents, and their number where that is counted."""

    def result(self) -> Any:
        """Return the value of the field."""


def _add(row: Sequence[Any], plan: GroupPlan, tags: _Tags, folds: Sequence[_Fold]) -> None:
    at = FIXED + len(plan.keys)
    for fold, (_, column) in zip(folds, plan.accumulations, strict=True):
        if column is None:
            fold.add(None, row[1], (), Tag.NATURAL)
            continue
        value, count, listed = row[at : at + 3]
        at += 3
        if value is not None or listed:
            fold.add(value, count or 0, listed or (), tags.of(column))


def _fold(accumulation: Accumulation, column: Column | None) -> _Fold:
    if column is None:
        value = accumulation.value
        return _Counted(value.value if isinstance(value, Literal) else 1)
    match accumulation.operator:
        case "$sum":
            return _Sum(column)
        case "$avg":
            return _Average(column)
        case operator:
            return _Extreme(column, greatest=operator == "$max")


class _Counted:
    """`$sum` of a constant."""

    def __init__(self, each: int) -> None:
        self._total = RunningSum()
        self._each = each

    def add(self, _value: Any, count: int, _listed: Sequence[float], _tag: Tag) -> None:
        width = INT if type(self._each) is int else LONG
        self._total.add_of_width(int(self._each) * count, width)

    def result(self) -> Any:
        return self._total.value()


class _Sum:
    """`$sum` of a column."""

    def __init__(self, column: Column) -> None:
        self.total = RunningSum()
        self.count = 0
        self._column = column

    def add(self, value: Any, count: int, listed: Sequence[float], tag: Tag) -> None:
        self.count += count
        if value is not None:
            width = WIDTHS.get(tag, NATURAL_WIDTHS[self._column.type])
            # Doubles that are summed here are whole numbers of 32 bits, and sum up exactly.
            self.total.add_of_width(int(value), width)
        for each in listed:
            if abs(each) > MOST_WHOLE:
                # What of the other numbers gets lost hangs on their order.
                raise UndecidedError
            if tag is Tag.LONG:
                self.total.add_of_width(int(each), LONG)
            else:
                self.total.add_of_width(each, DOUBLE)

    def result(self) -> Any:
        return self.total.value()


class _Average(_Sum):
    """`$avg` of a column."""

    def result(self) -> Any:
        return self.total.double() / self.count if self.count else None


class _Extreme:
    """`$min` or `$max` of a column."""

    def __init__(self, column: Column, *, greatest: bool) -> None:
        self._column = column
        self._sign = 1 if greatest else -1
        self._value: Any = None

    def add(self, value: Any, _count: int, _listed: Sequence[float], tag: Tag) -> None:
        if tag is Tag.DOUBLE and value == 0 and self._column.type is ColumnType.DOUBLE:
            # Of 0.0 and -0.0 SQL gives either.
            raise UndecidedError
        read = reader_of(self._column, tag)
        found = value if read is None else read(value)
        if self._value is None:
            self._value = found
            return
        new, old = order_key(found), order_key(self._value)
        if new == old and type(found) is not type(self._value):
            raise UndecidedError
        if (new > old) if self._sign > 0 else (new < old):
            self._value = found

    def result(self) -> Any:
        return self._value
