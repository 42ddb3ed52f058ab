"""Documents in the order of a sort."""

from collections.abc import Iterable
from itertools import starmap
from typing import Any, Final

from bson.dbref import DBRef

from adapters.evaluate.place import child_of
from adapters.query.failures import CommandFailure
from adapters.query.paths import Path, split_path
from adapters.query.sort import Sort
from comparators.canonical import MISSING
from comparators.order import SIMPLE, ValueOrder, position_of

BAD_VALUE: Final = 2
AMBIGUOUS_NAME: Final = 16746

Place = tuple[Any, Path]
"""A value, and the path that is left from there."""


def sorted_documents(
    documents: Iterable[dict[str, Any]], sort: Sort, order: ValueOrder = SIMPLE
) -> list[dict[str, Any]]:
    """Return the documents sorted; those that tie keep their order.

    Raises CommandFailure for a document in which two keys lie in different arrays, or a number in a path
    is the position of an element and the name of a field in another.
    """
    found = list(documents)
    if not sort:
        return found
    paths = [split_path(path) for path in sort]
    if len(paths) > 1 or any(map(_may_be_ambiguous, paths)):
        for document in found:
            _check([(document, path) for path in paths])
    return sorted(found, key=lambda document: order.sort_key(document, sort))


def _may_be_ambiguous(path: Path) -> bool:
    return any(position_of(segment) is not None for segment in path[1:])


def _check(places: Iterable[Place]) -> None:
    expanded = [each for each in starmap(_first_array, places) if each is not None]
    if not expanded:
        return
    array = expanded[0][0]
    if any(other is not array for other, _ in expanded):
        raise CommandFailure(BAD_VALUE, "cannot sort with keys that are parallel arrays")
    paths = [path for _, path in expanded if path]
    if not paths:
        return
    for element in array:
        _check([_into(array, element, path) for path in paths])


def _into(array: list[Any], element: Any, path: Path) -> Place:
    """Return where a path goes on from an element, or from the one whose position it names."""
    segment = path[0]
    position = position_of(segment)
    if position is None or position >= len(array):
        # Nothing is found in an array that is an element, so that it is no second one.
        return None if isinstance(element, list) else element, path
    if isinstance(element, dict | DBRef) and child_of(element, segment) is not MISSING:
        raise CommandFailure(AMBIGUOUS_NAME, f"Ambiguous field name found in array: {segment!r}")
    return array[position], path[1:]


def _first_array(value: Any, path: Path) -> tuple[list[Any], Path] | None:
    """Return the first array that a path goes through or ends at, with the rest of the path."""
    while True:
        if isinstance(value, list):
            return value, path
        if not path or not isinstance(value, dict | DBRef):
            return None
        value, path = child_of(value, path[0]), path[1:]
