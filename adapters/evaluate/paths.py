"""The values that a path of a filter reaches in a document.

An array on the way stands for each of its elements; one at the end for its elements and itself. A
number in a path is a field's name and, in an array, a position; the element at a position stands
for itself only. A path that ends nowhere reaches MISSING once for each document where it ends.
Source: MongoDB manual, "Query an Array of Embedded Documents", and the observed answers of 6.0.
"""

from collections.abc import Iterator
from typing import Any

from bson.dbref import DBRef

from adapters.query.paths import Path
from comparators.canonical import MISSING

Reached = tuple[Any, int | None]
"""A value, and the position of the element that it was found in: of the outermost array that stood
for its elements, None if there was none."""


def reached(value: Any, path: Path, *, expand: bool = True) -> Iterator[Reached]:
    """Give what `path` reaches from `value`; `expand` is False where an array stands for itself only."""
    for step, name in enumerate(path):
        if isinstance(value, dict):
            value = value.get(name, MISSING)
        elif isinstance(value, DBRef):
            value = value.as_doc().get(name, MISSING)
        elif isinstance(value, list):
            yield from _in_elements(value, path[step:], expand=expand)
            return
        else:
            yield MISSING, None
            return
    if expand and isinstance(value, list):
        for position, element in enumerate(value):
            yield element, position
    yield value, None


def _in_elements(array: list[Any], path: Path, *, expand: bool) -> Iterator[Reached]:
    first, rest = path[0], path[1:]
    for position, element in enumerate(array):
        if isinstance(element, dict | DBRef):
            for value, _ in reached(element, path, expand=expand):
                yield value, position
        if first != str(position):
            continue
        if not rest:
            yield element, None
        elif isinstance(element, list):
            yield from _in_elements(element, rest, expand=expand)
        elif isinstance(element, dict | DBRef):
            yield from reached(element, rest, expand=expand)


def along(value: Any, path: Path) -> Iterator[Any]:
    """Give what `distinct` reads: in an array a number is a position and no field's name."""
    name, rest = path[0], path[1:]
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, list):
        value = {str(position): element for position, element in enumerate(value)}
    if not isinstance(value, dict) or name not in value:
        return
    found = value[name]
    if not rest:
        yield found
    elif isinstance(found, list) and not rest[0].isdecimal():
        for element in found:
            yield from along(element, rest)
    else:
        yield from along(found, rest)
