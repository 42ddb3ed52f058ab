"""The same effect of a write: counts, upserted `_id`s and error codes, never the text of a message."""

from collections.abc import Iterator
from typing import Any, Final

from comparators.canonical import decode, document_key
from comparators.change import ROOT, ChangeKind, Difference, change
from comparators.collation import order_asked_for
from comparators.difference import between_values, differences_between
from comparators.element import OBJECT, Element, element_of
from comparators.equivalence import Evidence, Undecidable
from comparators.operation import Operation
from comparators.outcome import Acknowledgement, Failure, Modified, Outcome, Result, WriteError

DUPLICATE_KEY: Final = 11000
CHOICE: Final = "several documents match, and each path may modify another one"


def same_acknowledgement(legacy: Acknowledgement, gateway: Acknowledgement) -> Iterator[Difference]:
    """Give what keeps two answers to a batch of writes from being the same."""
    yield from same_number("n", legacy.n, gateway.n)
    if legacy.modified is not None and gateway.modified is not None:
        yield from same_number("modified", legacy.modified, gateway.modified)
    yield from _same_upserts(dict(legacy.upserted), dict(gateway.upserted))
    yield from _same_errors(legacy.errors, gateway.errors)


def same_number(name: str, legacy: int, gateway: int) -> Iterator[Difference]:
    """Give the difference of two counts, if there is one."""
    if legacy != gateway:
        at = ROOT.field(name)
        yield change(ChangeKind.COUNT, at, element_of(legacy), element_of(gateway))


def same_failure(legacy: Failure, gateway: Failure) -> Iterator[Difference]:
    """Give the difference of two commands that failed, by code and code name."""
    if (legacy.code, legacy.code_name) != (gateway.code, gateway.code_name) or (
        legacy.code == DUPLICATE_KEY and not _same_pattern(legacy, gateway)
    ):
        yield _error("", _label(legacy), _label(gateway), legacy, gateway)


def unlike_results(legacy: Result, gateway: Result) -> Difference:
    """Return the difference of two results of different kinds, as a failure and documents."""
    return _error("", _label(legacy), _label(gateway), legacy, gateway)


def same_modified(operation: Operation, legacy: Outcome, gateway: Outcome) -> Iterator[Evidence]:
    """Give what keeps two answers of `findAndModify` from being the same."""
    left, right = legacy.result, gateway.result
    if not isinstance(left, Modified) or not isinstance(right, Modified):
        yield unlike_results(left, right)
        return
    if _chose_freely(operation, legacy, gateway, left, right):
        yield Undecidable(CHOICE)
        return
    yield from same_number("n", left.n, right.n)
    if left.updated_existing is not None and right.updated_existing is not None:
        at = ROOT.field("updatedExisting")
        ours, theirs = element_of(left.updated_existing), element_of(right.updated_existing)
        if ours != theirs:
            yield change(ChangeKind.VALUE, at, ours, theirs)
    at = ROOT.field("upserted")
    ids = _element_or_none(left.upserted_id), _element_or_none(right.upserted_id)
    if ids[0] != ids[1]:
        yield from between_values(at, *ids)
    yield from same_document(left.document, right.document)


def same_document(legacy: bytes | None, gateway: bytes | None) -> Iterator[Difference]:
    """Give the differences of two documents of which either may be missing."""
    if legacy is None and gateway is not None:
        yield change(ChangeKind.DOCUMENT_EXTRA, ROOT, None, Element(OBJECT, gateway))
    elif gateway is None and legacy is not None:
        yield change(ChangeKind.DOCUMENT_MISSING, ROOT, Element(OBJECT, legacy), None)
    elif legacy is not None and gateway is not None:
        yield from differences_between(legacy, gateway)


def _chose_freely(
    operation: Operation, legacy: Outcome, gateway: Outcome, left: Modified, right: Modified
) -> bool:
    """Return whether the paths modified different documents, and the operation allows for it."""
    query = operation.arguments.get("query") or operation.arguments.get("filter") or {}
    if "_id" in query and not isinstance(query["_id"], dict):
        return False
    ids = _chosen(legacy, left), _chosen(gateway, right)
    if None in ids or ids[0] == ids[1]:
        return False
    sort = operation.arguments.get("sort")
    if not sort or left.document is None or right.document is None:
        return True
    if _may_change_the_key(operation, sort) or operation.arguments.get("fields"):
        return True
    order = order_asked_for(operation.arguments.get("collation"))
    if order is None:
        return True
    keys = (order.sort_key(decode(document), sort) for document in (left.document, right.document))
    return next(keys) == next(keys)


def _chosen(outcome: Outcome, modified: Modified) -> bytes | None:
    """Return the key of the document that was modified; None if there was none, or nobody knows."""
    if modified.n == 0 or modified.upserted_id is not None:
        return None
    if len(outcome.touched) == 1:
        return document_key(outcome.touched[0])
    fields = {} if modified.document is None else decode(modified.document)
    return document_key(fields["_id"]) if "_id" in fields else None


def _may_change_the_key(operation: Operation, sort: Any) -> bool:
    if not operation.arguments.get("new"):
        return False
    update = operation.arguments.get("update")
    if not isinstance(update, dict) or not next(iter(update), "").startswith("$"):
        return True
    written = {path.split(".")[0] for fields in update.values() for path in fields}
    return any(path.split(".")[0] in written for path in sort)


def _same_upserts(legacy: dict[int, Any], gateway: dict[int, Any]) -> Iterator[Difference]:
    for index in sorted(legacy.keys() | gateway.keys()):
        ours = element_of(legacy[index]) if index in legacy else None
        theirs = element_of(gateway[index]) if index in gateway else None
        if ours != theirs:
            yield from between_values(ROOT.field("upserted").item(index), ours, theirs)


def _same_errors(
    legacy: tuple[WriteError, ...], gateway: tuple[WriteError, ...]
) -> Iterator[Difference]:
    left = {error.index: error for error in legacy}
    right = {error.index: error for error in gateway}
    for index in sorted(left.keys() | right.keys()):
        ours, theirs = left.get(index), right.get(index)
        if (
            ours is None
            or theirs is None
            or ours.code != theirs.code
            or (ours.code == DUPLICATE_KEY and not _same_pattern(ours, theirs))
        ):
            yield _error(f"errors.{index}", _label(ours), _label(theirs), ours, theirs)


def _same_pattern(legacy: WriteError | Failure, gateway: WriteError | Failure) -> bool:
    """Return whether two duplicate keys are of one index, as far as both sides say which."""
    if legacy.key_pattern is None or gateway.key_pattern is None:
        return True
    return list(legacy.key_pattern) == list(gateway.key_pattern) and document_key(
        legacy.key_pattern
    ) == document_key(gateway.key_pattern)


def _error(exact: str, left: str, right: str, legacy: Any, gateway: Any) -> Difference:
    """Return a difference of errors; its types are codes, its values the codes and names."""
    return Difference(
        kind=ChangeKind.ERROR,
        path="errors.*" if exact else "",
        exact=exact,
        legacy_type=left,
        gateway_type=right,
        legacy=_code(legacy),
        gateway=_code(gateway),
    )


def _label(result: Result | WriteError | None) -> str:
    if result is None:
        return "no error"
    if isinstance(result, Failure | WriteError):
        keys = result.key_pattern if result.code == DUPLICATE_KEY else None
        named = f" on {','.join(keys)}" if keys else ""
        return f"error {result.code}{named}"
    return type(result).__name__.lower()


def _code(result: Any) -> Any:
    if isinstance(result, Failure):
        return f"{result.code} {result.code_name}"
    return result.code if isinstance(result, WriteError) else None


def _element_or_none(value: Any) -> Element | None:
    return None if value is None else element_of(value)
