"""A document changed by the operators of an update, in the order in which MongoDB applies them."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from adapters.evaluate.changes.apply import VALUES, current_date
from adapters.evaluate.changes.outcome import NOTHING, REMOVED
from adapters.evaluate.place import Copies, Place, array_position, child_of
from adapters.query.failures import CommandFailure
from adapters.query.paths import Path, compare_segments
from adapters.query.update import (
    Change,
    CurrentDate,
    Elements,
    Fields,
    MoveAway,
    MoveFrom,
    Node,
    Push,
    SetTo,
    Unset,
    merged,
)
from comparators.canonical import MISSING, encode

BAD_VALUE: Final = 2
PATH_NOT_VIABLE: Final = 28
DOLLAR_NAME: Final = 52
IMMUTABLE_FIELD: Final = 66

Document = dict[str, Any]


class Circumstances(NamedTuple):
    """What a change depends on besides the document."""

    now_ms: int
    inserting: bool
    """Whether `$setOnInsert` takes effect."""
    matched: int | None
    """The position that `$` stands for; None where the filter has matched none."""
    selects: Mapping[str, Callable[[Any], bool]]
    """The array filters by name."""


def modified(root: Fields, document: Document, circumstances: Circumstances) -> Document:
    """Return a changed document, or the given one itself if the changes come to nothing."""
    return _Application(document, circumstances).result(root)


class _Application:
    """One update of one document."""

    def __init__(self, document: Document, circumstances: Circumstances) -> None:
        self._copies = Copies()
        self._document: Document = self._copies.own(document)
        self._circumstances = circumstances
        self._original = document
        self._modified = False

    def result(self, root: Fields) -> Document:
        """Return the document after all changes."""
        place = Place(self._document, self._copies)
        modified = False
        for name, child in self._children(root):
            self._modified = False
            self._apply(child, place, name)
            if self._modified:
                modified = True
                self._check(name)
        return self._document if modified else self._original

    def _check(self, name: str) -> None:
        """Refuse, after a change below a field, what MongoDB refuses of the whole document."""
        old = self._original.get("_id", MISSING)
        if old is not MISSING and not _same(old, self._document.get("_id", MISSING)):
            # Also where the value is the same in another type.
            raise CommandFailure(IMMUTABLE_FIELD, "would modify the immutable field '_id'")
        if name.startswith("$") and name in self._document and not self._circumstances.inserting:
            raise CommandFailure(DOLLAR_NAME, f"The dollar ($) prefixed field {name!r}")

    def _apply(self, node: Node, place: Place, name: str) -> None:
        if isinstance(node, Fields):
            self._fields(node, place.below(name))
        elif isinstance(node, Elements):
            self._elements(node, place, name)
        else:
            self._change(node, place, name)

    def _fields(self, node: Fields, place: Place) -> None:
        for name, child in self._children(node):
            self._apply(child, place, name)

    def _children(self, node: Fields) -> list[tuple[str, Node]]:
        """Return the children in order, with the one at the matched position in its place."""
        if node.matched is None:
            return list(node.children)
        if self._circumstances.matched is None:
            raise CommandFailure(BAD_VALUE, "The positional operator did not find the match needed")
        name = str(self._circumstances.matched)
        children = dict(node.children)
        if name in children:
            children[name] = merged(node.matched, children[name])
            return list(children.items())
        before = [each for each in node.children if compare_segments(each[0], name) < 0]
        after = list(node.children)[len(before) :]
        return [*before, (name, node.matched), *after]

    def _elements(self, node: Elements, place: Place, name: str) -> None:
        array = place.value(name)
        if array is MISSING:
            raise CommandFailure(BAD_VALUE, f"The path {name!r} must exist to apply array updates.")
        if not isinstance(array, list):
            raise CommandFailure(BAD_VALUE, "Cannot apply array updates to non-array element")
        inside = place.below(name)
        for position, element in enumerate(array):
            child = self._selected(node, element)
            if child is not None:
                self._apply(child, inside, str(position))

    def _selected(self, node: Elements, element: Any) -> Node | None:
        """Return what happens to an element: None if no array filter selects it."""
        selected: Node | None = None
        for name, child in node.children:
            if name and not self._circumstances.selects[name](element):
                continue
            selected = child if selected is None else merged(selected, child)
        return selected

    def _change(self, change: Change, place: Place, name: str) -> None:
        if isinstance(change, MoveFrom):
            self._move(change.source, place, name)
            return
        if isinstance(change, MoveAway):
            return
        if isinstance(change, SetTo) and change.on_insert and not self._circumstances.inserting:
            return
        current = place.value(name)
        if isinstance(change, CurrentDate):
            value: Any = current_date(change, self._circumstances.now_ms)
        else:
            value = VALUES[type(change)](change, current)
        if value is REMOVED:
            place.remove(name)
            self._modified = True
        elif value is not NOTHING:
            place.put(name, value)
            # These two count as a change whatever comes of them.
            if isinstance(change, Push | CurrentDate) or not _same(current, value):
                self._modified = True
        elif current is MISSING and not isinstance(change, Unset):
            # Most changes that have nothing to do still refuse a way that cannot be.
            place.check(name)

    def _move(self, source: Path, place: Place, name: str) -> None:
        value = self._source_value(source)
        if value is MISSING:
            return
        if isinstance(place.container, list):
            raise CommandFailure(BAD_VALUE, "The destination field cannot be an array element")
        if name == "_id" and place.container is self._document and "_id" in self._document:
            # Refused even where the value would be the same.
            raise CommandFailure(IMMUTABLE_FIELD, "would modify the immutable field '_id'")
        place.put(name, value)
        self._modified = True
        from_place = Place(self._document, self._copies)
        for segment in source[:-1]:
            from_place = from_place.below(segment)
        from_place.remove(source[-1])

    def _source_value(self, source: Path) -> Any:
        value: Any = self._document
        in_array = False
        for segment in source:
            is_array = isinstance(value, list)
            if not (isinstance(value, dict) or (is_array and array_position(segment) is not None)):
                raise CommandFailure(PATH_NOT_VIABLE, f"cannot use {segment!r} to traverse a value")
            in_array = in_array or is_array
            value = child_of(value, segment)
            if value is MISSING:
                return MISSING
        if in_array:
            raise CommandFailure(BAD_VALUE, "The source field cannot be an array element")
        return value


def _same(old: Any, new: Any) -> bool:
    """Return whether two values are the same bytes."""
    if old is new:
        return True
    if old is MISSING or type(old) is not type(new):
        return False
    return encode({"": old}) == encode({"": new})
