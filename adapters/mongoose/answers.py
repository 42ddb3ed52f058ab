"""What a database answered, as a model gives it: or the error that it means."""

from typing import Any, TypeVar

from adapters.mongoose.errors import ServerError
from comparators.canonical import decode
from comparators.outcome import (
    Acknowledgement,
    Documents,
    Failure,
    Modified,
    Result,
    Unencoded,
    Values,
)

Answer = TypeVar("Answer", Acknowledgement, Documents, Modified, Values)


def documents_of(result: Result, where: str) -> list[dict[str, Any]]:
    """Return the documents of a find or an aggregation."""
    answer = _answer(result, Documents, where)
    if isinstance(answer, Unencoded):
        return answer.values
    return [decode(document) for document in answer.documents]


def values_of(result: Result, where: str) -> list[Any]:
    """Return the answer of `distinct`."""
    return list(_answer(result, Values, where).values)


def modified(result: Result, where: str) -> dict[str, Any] | None:
    """Return the document that `findAndModify` answers; None where there is none."""
    document = _answer(result, Modified, where).document
    return None if document is None else decode(document)


def acknowledged(result: Result, where: str, *, bulk: bool = False) -> Acknowledgement:
    """Return the answer to a write; the first of its errors is raised."""
    answer = _answer(result, Acknowledgement, where)
    if answer.errors:
        raise ServerError.from_result(answer.errors[0], where=where, bulk=bulk)
    return answer


def _answer(result: Result, kind: type[Answer], where: str) -> Answer:
    if isinstance(result, Failure):
        raise ServerError.from_result(result, where=where)
    if not isinstance(result, kind):
        raise TypeError(f"{type(result).__name__} is no answer to a command of {where}")
    return result
