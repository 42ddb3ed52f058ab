"""Unknown fields and wrong types in commands and statements: both sides refuse the same, and first."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from adapters.query.command_fields import FIELDS, STATEMENT, anything
from comparators.operation import Kind
from comparators.outcome import Failure
from tests.differential.programs.program import WRITES
from tests.differential.twins import Twins, same

VALUES: Final[list[Any]] = [
    None,
    True,
    0,
    1.0,
    0.5,
    -1,
    Int64(2**32 + 1),
    Decimal128("0"),
    Decimal128("0.5"),
    "x",
    {},
    {"x": 1},
    [],
    [1],
]
COMMANDS: Final[Sequence[tuple[Kind, Mapping[str, Any]]]] = (
    (Kind.FIND, {"filter": {}}),
    (Kind.FIND, {"filter": {"_id": 1}}),
    (Kind.COUNT, {"query": {}}),
    (Kind.DISTINCT, {"key": "a", "query": {}}),
    (Kind.AGGREGATE, {"pipeline": []}),
    (Kind.INSERT, {"documents": [{"_id": 5}, {"_id": 5}, {"_id": 6}]}),
    (Kind.UPDATE, {"updates": [{"q": {"a": 1}, "u": {"$set": {"b": 1}}}]}),
    (Kind.DELETE, {"deletes": [{"q": {"a": 1}, "limit": 1}]}),
    (Kind.FIND_AND_MODIFY, {"query": {"a": 1}, "update": {"$set": {"b": 1}}}),
)
STATEMENTS: Final = {Kind.UPDATE: "updates", Kind.DELETE: "deletes"}
LEFT_OUT: Final = frozenset({"batchSize", "cursor", "explain", "ntoreturn", "readOnce"})
"""The tests themselves give the first two, the third has another answer, and of the others a server may die."""
NAMES: Final = {Kind.FIND_AND_MODIFY: "findAndModify"}


def _fields(kind: Kind) -> Iterator[str]:
    fields = FIELDS[NAMES.get(kind, kind.value)]
    yield from (name for name, check in fields.items() if check is not anything)
    yield "nobody knows it"


def _asked(kind: Kind, command: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give the command with each value in each field."""
    for name in _fields(kind):
        if name not in LEFT_OUT:
            for value in VALUES:
                yield {**command, name: value}
    if kind in STATEMENTS:
        [statement] = command[STATEMENTS[kind]]
        for name in [*FIELDS[kind.value + STATEMENT], "nobody knows it", "comment"]:
            for value in VALUES:
                yield {STATEMENTS[kind]: [statement, {**statement, name: value}]}


@pytest.mark.parametrize(("kind", "command"), COMMANDS)
async def test_both_sides_refuse_the_same(
    twins: Twins, kind: Kind, command: Mapping[str, Any]
) -> None:
    documents = [{"_id": 1, "a": 1}, {"_id": 2, "a": 1}, {"_id": 3}]
    differing, refused, changed = [], 0, True

    for arguments in _asked(kind, command):
        if changed:
            await twins.run(Kind.DELETE, deletes=[{"q": {}, "limit": 0}])
            await twins.run(Kind.INSERT, documents=documents)
        legacy, gateway = await twins.run(kind, **arguments)
        refused += isinstance(legacy, Failure)
        changed = kind in WRITES and not isinstance(legacy, Failure)
        if isinstance(gateway, str):
            # Nobody looks into the fields that are for servers among themselves.
            assert gateway.startswith("option "), gateway
        elif not same(kind, arguments, legacy, gateway):
            differing.append(f"{arguments}\n  legacy  {legacy}\n  gateway {gateway}")

    assert not differing, "\n".join(differing)
    assert refused > len(VALUES)
