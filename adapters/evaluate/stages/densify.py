"""`$densify`: documents for the values that are missing in a sequence.

MongoDB remembers the last value that it has seen or made, of each partition or of all documents, and goes on from
there with the next document. Where it loses its way among partitions that begin below explicit bounds, so do we.
Source: MongoDB manual, "$densify (aggregation)"; "src/mongo/db/pipeline/document_source_densify.cpp" in the server's
source.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from adapters.evaluate.expressions import Variables, evaluator
from adapters.evaluate.expressions.arithmetic import add, mod, subtract
from adapters.evaluate.expressions.date_units import MONTHS, shifted
from adapters.evaluate.expressions.kinds import is_nullish
from adapters.evaluate.expressions.timezone import UTC_ZONE
from adapters.evaluate.numbers import CONTEXT, coerced, decimal_of, is_number
from adapters.evaluate.order import sorted_documents
from adapters.query.failures import CommandFailure
from adapters.query.pipeline import Densify, Extent
from comparators.canonical import MISSING
from comparators.order import SIMPLE, order_key

MOST: Final = 500_000
"""How many documents one stage makes at most."""

Document = dict[str, Any]
Row = Callable[[Document], Variables]


def densify(stage: Densify, row: Row) -> Callable[[Iterable[Document]], Iterator[Document]]:
    """Return the stage."""

    def run(documents: Iterable[Document]) -> Iterator[Document]:
        ordered = sorted_documents(documents, stage.sort, stage.comparing)
        if isinstance(stage.bounds, tuple):
            return _Bounded(stage, row, *stage.bounds).run(ordered)
        return _Unbounded(stage, row).run(ordered)

    return run


class _Sequence:
    """The values made so far: `current` is the last one, `seen` holds that of each partition."""

    def __init__(self, stage: Densify, row: Row) -> None:
        self.stage = stage
        self.row = row
        self.partition = None if stage.partition is None else evaluator(stage.partition)
        self.seen: dict[Any, tuple[Document, Any]] = {}
        self.current: Any = None
        self.made = 0

    def value(self, document: Document) -> Any:
        """Return what lies at the path, None where nothing does; CommandFailure for what is no step."""
        found: Any = document
        for name in self.stage.path:
            found = found.get(name) if isinstance(found, dict) else None
        if is_nullish(found):
            return None
        if not is_number(found) and not isinstance(found, DatetimeMS):
            raise CommandFailure(5733201, "Densify field type must be numeric or a date")
        if (self.stage.unit is None) is isinstance(found, DatetimeMS):
            raise CommandFailure(6053600, "dates are densified with a unit, numbers without one")
        return found

    def part(self, document: Document) -> Document | None:
        """Return the fields by which a document is in its partition, None without partitions."""
        return None if self.partition is None else self.partition(self.row(document))

    def see(self, part: Document | None, value: Any) -> None:
        """Remember the last value of a partition, which keeps the fields that it was first seen by."""
        if part is not None:
            place = self.stage.comparing.key(part)
            first, _last = self.seen.get(place, (part, None))
            self.seen[place] = (first, value)

    def last(self, part: Document | None) -> Any:
        """Return the last value of a partition, MISSING for one that is new."""
        return self.seen.get(self.stage.comparing.key(part), (None, MISSING))[1]

    def next(self, value: Any, sign: int = 1) -> Any:
        """Return the value one step further."""
        step, unit = self.stage.step, self.stage.unit
        if unit is not None:
            return DatetimeMS(shifted(int(value), unit, sign * coerced(step), UTC_ZONE))
        if sign < 0:
            return subtract((value, step))
        if isinstance(value, Decimal128) or isinstance(step, Decimal128):
            # Unlike in `$add`, a double counts with 15 digits, zeros included.
            return Decimal128(CONTEXT.add(decimal_of(value), decimal_of(step)))
        return add((value, step))

    def is_on_step(self, value: Any, base: Any) -> bool:
        """Return whether a value is a whole number of steps away."""
        step, unit = self.stage.step, self.stage.unit
        if unit is None:
            return SIMPLE.key(mod((subtract((value, base)), step))) == SIMPLE.key(0)
        if unit in MONTHS:
            while int(base) < int(value):
                base = self.next(base)
            return int(base) == int(value)
        return (int(value) - int(base)) % int(self.next(DatetimeMS(0))) == 0

    def between(self, low: Any, high: Any, part: Document | None) -> Iterator[tuple[Any, Document]]:
        """Give values from `low` to before `high`, at least one, each with the document made for it."""
        fields = part or {}
        _check_place(fields, self.stage.path)
        while True:
            if self.made > MOST:
                raise CommandFailure(5897900, f"Generated {self.made} documents in $densify")
            self.made += 1
            yield low, _with(fields, self.stage.path, low)
            low = self.next(low)
            if not below(low, high):
                return


class _Unbounded(_Sequence):
    """Between the values that are there: of all documents, or of each partition."""

    def run(self, documents: Iterable[Document]) -> Iterator[Document]:
        least = most = None
        for document in documents:
            value = self.value(document)
            if value is None:
                yield document
                continue
            part, most = self.part(document), value
            is_first = self.current is None if part is None else self.last(part) is MISSING
            if least is None:
                least = self.current = value
                self.see(part, value)
                yield document
            elif part is not None and is_first:
                self.see(part, value)
                if self.stage.bounds is Extent.PARTITION:
                    yield document
                    continue
                self.current = self.next(least, -1)
                yield from self._up_to(document, value, part)
            else:
                self.current = self.current if part is None else self.last(part)
                yield from self._up_to(document, value, part)
        if self.stage.bounds is Extent.FULL and self.seen:
            yield from self._rest(most)

    def _up_to(self, document: Document, value: Any, part: Document | None) -> Iterator[Document]:
        following = self.next(self.current)
        if below(following, value):
            for new, made in self.between(following, value, part):
                self.current = new
                self.see(part, new)
                yield made
            following = self.next(self.current)
        if order_key(following) == order_key(value):
            self.current = value
            self.see(part, value)
        yield document

    def _rest(self, most: Any) -> Iterator[Document]:
        """Give what is missing between the last value of each partition and the greatest of all."""
        end = self.next(most) if self.is_on_step(most, self.current) else most
        for part, last in list(self.seen.values()):
            following = self.next(last)
            if below(following, end):
                yield from (made for _value, made in self.between(following, end, part))


class _Bounded(_Sequence):
    """Within explicit bounds, of which the upper one is left out."""

    def __init__(self, stage: Densify, row: Row, low: Any, high: Any) -> None:
        super().__init__(stage, row)
        self.low = low
        self.high = high
        self.waiting = True
        """Whether the last document was below the bounds, or there was none."""
        self.started = False
        self.done = False

    def run(self, documents: Iterable[Document]) -> Iterator[Document]:
        for document in documents:
            value = None if self.done else self.value(document)
            if value is None:
                yield document
                continue
            part = self.part(document)
            if not self.started:
                self.see(part, value)
                self.started = True
            if self.waiting:
                yield from self._first(document, value, part)
            elif part is not None and self.last(part) is MISSING:
                self.see(part, value)
                self.current = None
                yield from self._first(document, value, part)
            else:
                self.current = self.current if part is None else self.last(part)
                yield from self._further(document, value, part)
        if not self.done:
            yield from self._rest()

    def _first(self, document: Document, value: Any, part: Document | None) -> Iterator[Document]:
        if self.current is None:
            self.current = self.next(self.low, -1)
        if below(value, self.low):
            self.waiting = True
            yield document
        elif below(self.low, value):
            yield from self._up_to(document, value, part)
        else:
            self.waiting = False
            self.current = value
            yield document

    def _further(self, document: Document, value: Any, part: Document | None) -> Iterator[Document]:
        following = self.next(self.current)
        if below(value, self.low):
            self.see(part, value)
            self.waiting = True
        elif not below(self.low, value):
            self.see(part, value)
            self.current = value
        elif not below(value, self.high) and not below(following, self.high):
            self.current = following
            self.see(part, value)
            self.done = part is None
        elif below(following, value):
            yield from self._up_to(document, value, part)
            return
        elif not below(value, following):
            self.see(part, value)
            self.current = value
        yield document

    def _up_to(self, document: Document, value: Any, part: Document | None) -> Iterator[Document]:
        following = self.next(self.current)
        if order_key(following) == order_key(value):
            self.see(part, value)
            self.current = following
            yield document
            return
        end = value if below(value, self.high) else self.high
        for new, made in self.between(following, end, part):
            if new is following or self.is_on_step(new, self.current):
                self.current = new
                self.see(part, new)
            yield made
        self.waiting = False
        if self.is_on_step(value, self.current):
            self.current = value
            self.see(part, value)
        self.done = part is None and not below(self.current, self.high)
        yield document

    def _rest(self) -> Iterator[Document]:
        """Give what is missing up to the end of the bounds."""
        if not self.started or self.partition is None:
            yield from self._rest_of_all()
            return
        for part, last in list(self.seen.values()):
            following = self.next(last)
            if below(following, self.high):
                following = self.low if below(following, self.low) else following
                yield from (made for _value, made in self.between(following, self.high, part))

    def _rest_of_all(self) -> Iterator[Document]:
        """Give what is missing after the last document, once more where what was made was off the steps."""
        following = self.low
        if self.current is None:
            self.current = self.low
        else:
            following = self.next(self.current)
            if not below(following, self.high):
                return
        while True:
            count = 0
            for new, made in self.between(following, self.high, None):
                count += 1
                if count > 1 and self.is_on_step(new, self.current):
                    self.current = new
                yield made
            following = self.next(self.current)
            if count == 1 or not below(following, self.high):
                return


def below(value: Any, other: Any) -> bool:
    """Return whether a value is less than another one."""
    return bool(order_key(value) < order_key(other))


def _check_place(fields: Document, path: tuple[str, ...]) -> None:
    """Refuse a path that leads to or through something in the fields of a partition."""
    found: Any = fields
    for name in path[:-1]:
        found = found.get(name, MISSING) if isinstance(found, dict) else MISSING
    last = found.get(path[-1], MISSING) if isinstance(found, dict) else MISSING
    if last is not MISSING:
        raise CommandFailure(5733306, "DocGenerator cannot include field that is being densified")
    found = fields
    for name in path[:-1]:
        found = found.get(name, MISSING)
        if isinstance(found, list):
            raise CommandFailure(5733307, "$densify cannot generate fields nested inside arrays")
        if found is MISSING:
            return
        if not isinstance(found, dict):
            raise CommandFailure(5733308, "$densify cannot overwrite non-object values")


def _with(fields: Document, path: tuple[str, ...], value: Any) -> Document:
    name, rest = path[0], path[1:]
    return {**fields, name: _with(fields.get(name, {}), rest, value) if rest else value}
