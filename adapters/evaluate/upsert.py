"""The document that an upsert inserts.

Source: MongoDB manual, "Upsert with Operator Expressions"; codes observed on MongoDB 6.0.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bson.regex import Regex

from adapters.evaluate.place import Copies, Place
from adapters.evaluate.position import optimized
from adapters.evaluate.update import updater
from adapters.query.failures import CommandFailure
from adapters.query.filter import And, Comparator, Comparison, Filter
from adapters.query.paths import Path
from adapters.query.types import type_name
from adapters.query.update import AddToSet, Modification, Push, Replacement, Update
from comparators.canonical import MISSING

ILLEGAL_OPERATION: Final = 20
INVALID_ID: Final = 53
NOT_SINGLE_VALUE: Final = 54
NOT_EXACT_VALUE: Final = 111

Document = dict[str, Any]


def upserted(
    update: Update,
    *,
    filter: Filter,  # noqa: A002 - MongoDB's word
    now_ms: int,
    generated_id: Any,
    variables: Mapping[str, Any] | None = None,
) -> Document:
    """Return the document to insert; `generated_id` is its `_id` unless filter or update give one."""
    base = upsert_base(filter, replacement=isinstance(update, Replacement))
    apply = updater(update, filter=filter, now_ms=now_ms, inserting=True, variables=variables)
    document = apply(base)
    identifier = document.get("_id", MISSING)
    if isinstance(identifier, list) and identifier and _adds_elements_to_id(update):
        # The server looks at the element written before it looks at the whole value.
        raise CommandFailure(NOT_SINGLE_VALUE, "'_id' was found to be an array")
    if isinstance(identifier, list | Regex):
        raise CommandFailure(INVALID_ID, f"'_id' cannot be of type {type_name(identifier)}")
    first = generated_id if identifier is MISSING else identifier
    return {"_id": first, **{name: each for name, each in document.items() if name != "_id"}}


def _adds_elements_to_id(update: Update) -> bool:
    if not isinstance(update, Modification):
        return False
    return any(
        name == "_id" and isinstance(change, Push | AddToSet)
        for name, change in update.root.children
    )


def upsert_base(filter: Filter, *, replacement: bool = False) -> Document:  # noqa: A002
    """Return what the equality conditions of a filter say of a document; of a replacement only `_id`."""
    equalities = list(_equalities(optimized(filter)))
    if replacement:
        equalities = [each for each in equalities if each[0][0] == "_id"]
        for path, _ in equalities:
            if len(path) > 1:
                raise CommandFailure(NOT_EXACT_VALUE, "field at '_id' must be exactly specified")
    _check_apart([path for path, _ in equalities])
    copies = Copies()
    base: Document = copies.own({})
    for path, value in sorted(equalities, key=lambda each: ".".join(each[0])):
        place = Place(base, copies)
        for segment in path[:-1]:
            place = place.below(segment)
        place.put(path[-1], value)
    return base


def _equalities(filter: Filter) -> Iterator[tuple[Path, Any]]:  # noqa: A002
    if isinstance(filter, And):
        for child in filter.children:
            yield from _equalities(child)
    elif isinstance(filter, Comparison) and filter.comparator is Comparator.EQ:
        yield filter.path, filter.value


def _check_apart(paths: list[Path]) -> None:
    seen: list[Path] = []
    for path in paths:
        if path == ("",):
            raise CommandFailure(ILLEGAL_OPERATION, "Cannot call setValue on the root object")
        for other in seen:
            shorter = min(len(path), len(other))
            if path[:shorter] == other[:shorter]:
                raise CommandFailure(NOT_SINGLE_VALUE, "cannot infer query fields to set")
        seen.append(path)
