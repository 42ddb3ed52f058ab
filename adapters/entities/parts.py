"""A part of a document from some columns of its row: right for every path at or below those of the columns.

Other columns need not be read, nor the overflow, save of rows whose document is in it as a whole, and of rows in
which one of the columns has drifted. Of columns with a common first name, all must be among those read: they
tell that the document around them is there.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from adapters.entities.decoding import BESIDE, Decode, Decoders, Plain
from adapters.entities.entity import Column
from adapters.entities.layout import Field, Layout
from adapters.entities.tags import Tag
from adapters.entities.values import reader_of
from adapters.query.paths import Path
from comparators.canonical import MISSING, decode


class Unread:
    """The type of the one value that stands for a field that is there, and was not read."""


UNREAD: Final = Unread()


class Step(NamedTuple):
    """A field of a layout: `at` is its column; where its value is not for the part, its document `around` is."""

    path: Path
    tag: Tag
    at: int | None
    wanted: bool
    around: Path


class PartCodec(Decoders):
    """Reads parts of the documents of one map.

    The overflow of a row is None where it was not read, or there is none.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self._columns = tuple(columns)
        self._places = {column.path: at for at, column in enumerate(columns)}

    def _made_for(self, layout: Layout | None) -> Decode:
        steps = self._steps_of(layout)
        plain = self._plain_of(steps)
        return partial(self._step_by_step, steps) if plain is None else plain

    def _step_by_step(
        self,
        steps: Sequence[Step],
        values: Sequence[Any],
        overflow: bytes | None,
        _elements: Sequence[list[Any]] = (),
    ) -> dict[str, Any]:
        rest = None if overflow is None else iter(decode(overflow)[""])
        document: dict[str, Any] = {}
        for step in steps:
            value = self._value(step, values, rest)
            if value is MISSING:
                continue
            if step.wanted and value is not UNREAD:
                _inside(document, step.path[:-1])[step.path[-1]] = value
            else:
                _inside(document, step.around)
        return document

    def _plain_of(self, steps: Sequence[Step]) -> Plain | None:
        """Return how parts are read whose fields are all at the root and in columns; None for others."""
        wanted = [step for step in steps if step.wanted]
        if any(len(step.path) > 1 or step.tag in BESIDE for step in wanted):
            return None
        if any(step.around for step in steps):
            return None
        return Plain(
            [
                (step.path[0], step.at, reader_of(self._columns[step.at], step.tag))
                for step in wanted
                if step.at is not None
            ]
        )

    def _value(self, step: Step, values: Sequence[Any], rest: Iterator[Any] | None) -> Any:
        """Return the value of a field: UNREAD if it is there, MISSING if somebody has taken it away by SQL."""
        if step.tag is Tag.OVERFLOW:
            return UNREAD if rest is None else next(rest)
        if step.tag is Tag.EMPTY:
            return {}
        if step.at is None:
            return UNREAD
        value = values[step.at]
        if value is None:
            return None if step.tag is Tag.NULL else MISSING
        read = reader_of(self._columns[step.at], step.tag)
        return value if read is None else read(value)

    def _steps_of(self, layout: Layout | None) -> list[Step]:
        fields: Sequence[Field] = () if layout is None else layout.fields
        named = {path for path, _ in fields}
        # What the layout does not name is of its natural type, and somebody may have set it by SQL.
        others = [(path, Tag.NATURAL) for path in self._places if path not in named]
        return [_step(path, tag, self._places) for path, tag in (*fields, *others)]


def _step(path: Path, tag: Tag, places: Mapping[Path, int]) -> Step:
    wanted = any(place[: len(path)] == path for place in places)
    around = max((_common(path, place) for place in places), key=len, default=())
    return Step(path, tag, places.get(path), wanted, around)


def _common(path: Path, place: Path) -> Path:
    """Return the beginning that two paths have in common, without the last name of the first."""
    length = 0
    for a, b in zip(path[:-1], place, strict=False):
        if a != b:
            break
        length += 1
    return path[:length]


def _inside(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the document at a path, made where it is not there; one apart where something else is."""
    for name in path:
        inner = document.setdefault(name, {})
        if type(inner) is not dict:
            return {}
        document = inner
    return document
