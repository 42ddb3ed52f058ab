from typing import Any

from adapters.injection import DefectKind
from adapters.injection.answers import damaged_answer
from comparators.canonical import decode, encode
from comparators.operation import Kind, Operation
from comparators.outcome import (
    Acknowledgement,
    Count,
    Documents,
    Failure,
    Outcome,
    Result,
    WriteError,
)


def _operation(kind: Kind, **arguments: Any) -> Operation:
    return Operation(database="d", collection="c", kind=kind, arguments=arguments)


def _damaged(operation: Operation, result: Result, kind: DefectKind) -> Result | None:
    outcome = damaged_answer(operation, Outcome(result=result, duration_s=0.1), kind)
    return None if outcome is None else outcome.result


def _rows(*documents: dict[str, Any]) -> Documents:
    return Documents(documents=tuple(map(encode, documents)))


def test_rows_that_the_sort_tells_apart_change_places() -> None:
    operation = _operation(Kind.FIND, sort={"n": 1})

    damaged = _damaged(operation, _rows({"n": 1}, {"n": 2}, {"n": 3}), DefectKind.WRONG_ORDER)

    assert damaged == _rows({"n": 3}, {"n": 2}, {"n": 1})


def test_rows_that_may_stand_in_any_order_are_left_alone() -> None:
    ties = _rows({"_id": 1, "n": 1}, {"_id": 2, "n": 1})
    hidden = _rows({"_id": 1}, {"_id": 2})

    assert _damaged(_operation(Kind.FIND, sort={"n": 1}), ties, DefectKind.WRONG_ORDER) is None
    assert _damaged(_operation(Kind.FIND, sort={"n": 1}), hidden, DefectKind.WRONG_ORDER) is None
    assert _damaged(_operation(Kind.FIND), hidden, DefectKind.WRONG_ORDER) is None
    one = _rows({"n": 1})
    assert _damaged(_operation(Kind.FIND, sort={"n": 1}), one, DefectKind.WRONG_ORDER) is None


def test_counts_of_every_form_are_wrong() -> None:
    counting = _operation(
        Kind.AGGREGATE, pipeline=[{"$match": {}}, {"$group": {"_id": 1, "n": {"$sum": 1}}}]
    )

    count = _damaged(_operation(Kind.COUNT), Count(n=2), DefectKind.WRONG_COUNT)
    counted = _damaged(counting, _rows({"_id": 1, "n": 2}), DefectKind.WRONG_COUNT)
    acknowledged = _damaged(_operation(Kind.UPDATE), Acknowledgement(n=2), DefectKind.WRONG_COUNT)

    assert isinstance(count, Count)
    assert count.n != 2
    assert isinstance(counted, Documents)
    assert decode(counted.documents[0])["n"] != 2
    assert isinstance(acknowledged, Acknowledgement)
    assert acknowledged.n != 2


def test_a_count_behind_skip_and_limit_is_wrong_too() -> None:
    cuts: list[dict[str, Any]] = [{"$skip": 1}, {"$limit": 5}]
    counting = _operation(
        Kind.AGGREGATE, pipeline=[{"$match": {}}, *cuts, {"$group": {"_id": 1, "n": {"$sum": 1}}}]
    )

    counted = _damaged(counting, _rows({"_id": 1, "n": 2}), DefectKind.WRONG_COUNT)

    assert isinstance(counted, Documents)
    assert decode(counted.documents[0])["n"] != 2


def test_a_count_of_what_stages_make_is_left_alone() -> None:
    stages: list[dict[str, Any]] = [{"$match": {}}, {"$unwind": "$tags"}]
    counting = _operation(
        Kind.AGGREGATE, pipeline=[*stages, {"$group": {"_id": 1, "n": {"$sum": 1}}}]
    )

    assert _damaged(counting, _rows({"_id": 1, "n": 2}), DefectKind.WRONG_COUNT) is None


def test_errors_get_another_code_and_reads_fail() -> None:
    refused = Acknowledgement(n=0, errors=(WriteError(index=0, code=11000),))

    write = _damaged(_operation(Kind.INSERT), refused, DefectKind.WRONG_ERROR)
    failed = _damaged(
        _operation(Kind.FIND_AND_MODIFY),
        Failure(code=11000, code_name="DuplicateKey"),
        DefectKind.WRONG_ERROR,
    )
    read = _damaged(_operation(Kind.FIND), _rows(), DefectKind.WRONG_ERROR)

    assert isinstance(write, Acknowledgement)
    assert write.errors[0].code != 11000
    assert isinstance(failed, Failure)
    assert failed.code != 11000
    assert isinstance(read, Failure)


def test_a_write_that_succeeded_does_not_fail() -> None:
    assert _damaged(_operation(Kind.INSERT), Acknowledgement(n=1), DefectKind.WRONG_ERROR) is None
