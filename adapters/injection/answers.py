"""Damage to an answer: rows in another order, another count, another error."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from adapters.injection.plan import DefectKind
from comparators.canonical import decode, encode
from comparators.operation import Kind, Operation
from comparators.order import sort_key
from comparators.outcome import (
    Acknowledgement,
    Count,
    Documents,
    Failure,
    Outcome,
    Result,
)

Damage = Callable[[Operation, Result], Result | None]

_READS: Final = frozenset({Kind.FIND, Kind.AGGREGATE, Kind.DISTINCT, Kind.COUNT})
_UNHEARD_OF: Final = Failure(code=96, code_name="OperationFailed")
_OTHER_CODE: Final = 2
_MANY: Final = 1000
"""More than lost documents could make up for: two defects that cancel out cannot be seen."""


def damaged_answer(operation: Operation, outcome: Outcome, kind: DefectKind) -> Outcome | None:
    """Return the outcome damaged in this way; None where it does not lend itself to that."""
    damage = ANSWERS.get(kind)
    result = None if damage is None else damage(operation, outcome.result)
    return None if result is None else replace(outcome, result=result)


def _in_wrong_order(operation: Operation, result: Result) -> Result | None:
    """Swap the first row with the last, where the sort tells the two apart by fields that are shown."""
    sort = operation.arguments.get("sort")
    if operation.kind is not Kind.FIND or not sort or not isinstance(result, Documents):
        return None
    rows = result.documents
    if len(rows) < 2:
        return None
    first, last = decode(rows[0]), decode(rows[-1])
    if not all(_shows(row, path) for row in (first, last) for path in sort):
        return None
    if sort_key(first, sort) == sort_key(last, sort):
        return None
    return replace(result, documents=(rows[-1], *rows[1:-1], rows[0]))


def _shows(row: Mapping[str, Any], path: str) -> bool:
    return path.split(".", maxsplit=1)[0] in row


def _with_wrong_count(operation: Operation, result: Result) -> Result | None:
    match result:
        case Count():
            return Count(n=result.n + _MANY)
        case Acknowledgement() if result.n:
            return replace(result, n=result.n + _MANY)
        case Documents() if _counts(operation) and result.documents:
            row = decode(result.documents[0])
            return replace(result, documents=(encode({**row, "n": row["n"] + _MANY}),))
        case _:
            return None


def _counts(operation: Operation) -> bool:
    """Return whether an aggregation is what drivers send for `countDocuments`, with skip or limit perhaps."""
    match operation.arguments.get("pipeline") or []:
        case [{"$match": _}, *cuts, {"$group": {"_id": 1, "n": {"$sum": 1}}}]:
            return all(next(iter(cut)) in {"$skip", "$limit"} for cut in cuts)
        case _:
            return False


def _with_wrong_error(operation: Operation, result: Result) -> Result | None:
    match result:
        case Failure():
            return replace(result, code=_OTHER_CODE, code_name="BadValue")
        case Acknowledgement() if result.errors:
            first, *others = result.errors
            return replace(result, errors=(replace(first, code=_OTHER_CODE), *others))
        case _ if operation.kind in _READS:
            return _UNHEARD_OF
        case _:
            return None


ANSWERS: Final[Mapping[DefectKind, Damage]] = {
    DefectKind.WRONG_ORDER: _in_wrong_order,
    DefectKind.WRONG_COUNT: _with_wrong_count,
    DefectKind.WRONG_ERROR: _with_wrong_error,
}
"""The kinds of damage to answers, the rarest opportunity first."""
