from typing import Any

from adapters.caching.keys import everything_in, key_of, renewed_by
from comparators.operation import Kind, Operation


def operation(kind: Kind, **arguments: Any) -> Operation:
    return Operation(database="d", collection="c:id", kind=kind, arguments=arguments)


def test_whatever_a_write_makes_void_is_in_the_token_of_its_collection() -> None:
    writes = (
        operation(Kind.INSERT, documents=[{"_id": 1}]),
        operation(Kind.UPDATE, updates=[{"q": {}, "u": {"$set": {"a": 1}}}]),
        operation(Kind.DROP),
    )

    for write in writes:
        assert {everything_in(name) for name in renewed_by(write)} == {"d.c:id:all"}


def test_a_comment_is_no_part_of_a_question() -> None:
    plain = operation(Kind.FIND, filter={"a": 1})
    commented = operation(Kind.FIND, filter={"a": 1}, comment="trace")

    assert key_of(plain, ["t"]) == key_of(commented, ["t"])
