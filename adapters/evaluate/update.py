"""A document after an update."""

from collections.abc import Callable, Mapping
from typing import Any, Final, assert_never

from bson.datetime_ms import DatetimeMS

from adapters.evaluate.clock import with_clock
from adapters.evaluate.match import matcher
from adapters.evaluate.modify import Circumstances, modified
from adapters.evaluate.pipeline import run_pipeline
from adapters.evaluate.position import matched_position
from adapters.query.failures import CommandFailure
from adapters.query.filter import EVERYTHING, Filter
from adapters.query.update import Fields, Modification, Node, PipelineUpdate, Replacement, Update
from comparators.canonical import MISSING, encode
from comparators.order import order_key

DOLLAR_NAME: Final = 52
IMMUTABLE_FIELD: Final = 66

Document = dict[str, Any]
Updater = Callable[[Document], Document]


def updater(
    update: Update,
    *,
    filter: Filter = EVERYTHING,  # noqa: A002 - MongoDB's word
    now_ms: int,
    inserting: bool = False,
    variables: Mapping[str, Any] | None = None,
) -> Updater:
    """Return the function from a document to a new one; it raises CommandFailure.

    It returns the very document it was given where MongoDB counts none as modified. (A `$push` that is
    cut off again does count, and so does a replacement that leaves out the `_id`.)
    `filter` is the query that found the document: `$` stands for the position it has matched. With
    `inserting` the document is the base of an upsert, whose `_id` may still be missing.
    """
    match update:
        case Modification():
            bindings = {**(variables or {}), "NOW": DatetimeMS(now_ms)}
            position_in = matched_position(filter, planned=True, variables=bindings)
            return _modification(update, position_in, now_ms=now_ms, inserting=inserting)
        case Replacement(document=document):
            return _replacement(document, now_ms=now_ms, inserting=inserting)
        case PipelineUpdate():
            return _pipeline(update, now_ms=now_ms, variables=variables or {})
        case _:
            assert_never(update)


def _modification(
    update: Modification,
    position_in: Callable[[Document], int | None],
    *,
    now_ms: int,
    inserting: bool,
) -> Updater:
    selects = {name: _selector(name, each) for name, each in update.array_filters.items()}
    needs_position = _needs_position(update.root)
    root = update.root

    def apply(document: Document) -> Document:
        matched = position_in(document) if needs_position and not inserting else None
        return modified(root, document, Circumstances(now_ms, inserting, matched, selects))

    return apply


def _replacement(document: Mapping[str, Any], *, now_ms: int, inserting: bool) -> Updater:
    refused = next((name for name in document if name.startswith("$")), None)

    def apply(stored: Document) -> Document:
        if refused is not None and not inserting:
            raise CommandFailure(DOLLAR_NAME, f"The dollar ($) prefixed field {refused!r}")
        return _with_identity(stored, with_clock(dict(document), now_ms))

    return apply


def _selector(name: str, condition: Filter) -> Callable[[Any], bool]:
    matches = matcher(condition)
    return lambda element: matches({name: element})


def _needs_position(node: Node) -> bool:
    if isinstance(node, Fields) and node.matched is not None:
        return True
    children = getattr(node, "children", ())
    return any(_needs_position(child) for _, child in children)


def _pipeline(update: PipelineUpdate, *, now_ms: int, variables: Mapping[str, Any]) -> Updater:
    def apply(document: Document) -> Document:
        (result,) = run_pipeline(
            update.stages, [document], sources={}, now_ms=now_ms, variables=variables
        )
        return _with_identity(document, result)

    return apply


def _with_identity(stored: Document, new: Mapping[str, Any]) -> Document:
    """Return the new document with an `_id` in front, which may change its type but not its value."""
    if list(new) == list(stored) and encode(dict(new)) == encode(stored):
        return stored
    old = stored.get("_id", MISSING)
    identifier = new.get("_id", old)
    if identifier is MISSING:
        return dict(new)
    if old is not MISSING and order_key(identifier) != order_key(old):
        raise CommandFailure(IMMUTABLE_FIELD, "the (immutable) field '_id' was altered")
    return {"_id": identifier, **{name: each for name, each in new.items() if name != "_id"}}
