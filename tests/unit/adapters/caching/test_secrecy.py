from typing import Any

import pytest

from adapters.caching.secrecy import shows
from comparators.operation import Kind, Operation

HIDDEN = frozenset({"password", "keys.value"})


def read(kind: Kind, **arguments: Any) -> Operation:
    return Operation(database="d", collection="users", kind=kind, arguments=arguments)


@pytest.mark.parametrize(
    ("projection", "may_hold"),
    [
        (None, True),
        ({"password": 0, "keys.value": 0}, False),
        ({"password": 0}, True),
        ({"name": 1}, False),
        ({"name": 1, "_id": 0}, False),
        ({"password": 1}, True),
        ({"keys": 1}, True),
        ({"keys.value.first": 1}, True),
        ({"name": "$password"}, True),
        ({"_id": 0}, True),
    ],
)
def test_a_find_is_kept_only_where_it_leaves_out_what_is_hidden(
    projection: dict[str, Any] | None, *, may_hold: bool
) -> None:
    assert shows(read(Kind.FIND, filter={}, projection=projection), HIDDEN) is may_hold


def test_values_of_a_hidden_path_are_not_kept_and_counts_are() -> None:
    assert shows(read(Kind.DISTINCT, key="keys"), HIDDEN)
    assert not shows(read(Kind.DISTINCT, key="name"), HIDDEN)
    assert not shows(read(Kind.COUNT, query={"password": "x"}), HIDDEN)
    assert not shows(read(Kind.FIND, filter={}), frozenset())
