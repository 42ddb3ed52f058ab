"""`$unwind`: one document for each element of an array.

Source: MongoDB manual, "$unwind (aggregation)".
"""

from collections.abc import Iterable, Iterator
from typing import Any

from bson.int64 import Int64

from adapters.query.pipeline import Unwind
from comparators.canonical import MISSING


def unwound(stage: Unwind, documents: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for document in documents:
        value = _at(document, stage.path)
        if isinstance(value, list) and value:
            for position, item in enumerate(value):
                yield _indexed(stage, with_value(document, stage.path, item), Int64(position))
        elif isinstance(value, list) or value is None or value is MISSING:
            if stage.keep_empty:
                kept = without(document, stage.path) if isinstance(value, list) else document
                yield _indexed(stage, kept, None)
        else:
            yield _indexed(stage, document, None)


def _indexed(stage: Unwind, document: dict[str, Any], position: Int64 | None) -> dict[str, Any]:
    return document if stage.index is None else with_value(document, stage.index, position)


def _at(document: Any, path: tuple[str, ...]) -> Any:
    """Return what lies at a path that leads through documents only."""
    for name in path:
        if not isinstance(document, dict):
            return MISSING
        document = document.get(name, MISSING)
    return document


def with_value(document: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return a copy with a value at a path; what stands in the way and is no document gives way."""
    copy = dict(document)
    name, rest = path[0], path[1:]
    if rest:
        below = copy.get(name)
        copy[name] = with_value(below if isinstance(below, dict) else {}, rest, value)
    else:
        copy[name] = value
    return copy


def without(document: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """Return a copy without the value at a path."""
    copy = dict(document)
    name, rest = path[0], path[1:]
    if not rest:
        copy.pop(name, None)
    elif isinstance(copy.get(name), dict):
        copy[name] = without(copy[name], rest)
    return copy
