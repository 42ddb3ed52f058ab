from typing import Any

import pytest

from adapters.entities.entity import IdentityType
from adapters.postgresql.asking import explained
from comparators.operation import Kind, Operation
from tests.differential.maps import EveryCollection


def operation(kind: Kind, **arguments: Any) -> Operation:
    return Operation(database="shop", collection="things", kind=kind, arguments=arguments)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (Kind.FIND, {"filter": {"a": 1}, "sort": {"n": -1}, "limit": 5}),
        (Kind.COUNT, {"query": {"a": 1}}),
        (Kind.DISTINCT, {"key": "n", "query": {"a": 1}}),
        (Kind.AGGREGATE, {"pipeline": [{"$match": {"a": 1}}, {"$sort": {"n": 1}}]}),
        (Kind.UPDATE, {"updates": [{"q": {"a": 1}, "u": {"$set": {"n": 1}}}]}),
        (Kind.DELETE, {"deletes": [{"q": {"a": 1}, "limit": 1}]}),
        (Kind.FIND_AND_MODIFY, {"query": {"a": 1}, "remove": True}),
    ],
)
def test_an_operation_is_explained_on_columns_and_on_documents(
    kind: Kind, arguments: dict[str, Any]
) -> None:
    entity = EveryCollection(IdentityType.OBJECTID)["things"]

    [mapped] = explained(operation(kind, **arguments), entity)
    [unmapped] = explained(operation(kind, **arguments), None)

    assert "rows by the a" in mapped.plan
    assert '"the a" = $1' in mapped.sql
    assert "index on bodies" in unmapped.plan


def test_what_finds_no_documents_has_no_explanation() -> None:
    assert explained(operation(Kind.CREATE_INDEXES, indexes=[]), None) == ()
