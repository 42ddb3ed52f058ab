"""An update in one statement gives way where SQL alone does not know enough."""

from typing import Any

import pytest
from bson.objectid import ObjectId

from adapters.gateway import Generated
from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import decode
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Documents

ID = ObjectId(b"twelve bytes")
NOW = Generated(now_ms=0)


def operation(kind: Kind, **arguments: Any) -> Operation:
    return Operation(database="shop", collection="users", kind=kind, arguments=arguments)


async def updated(gateway: PostgresGateway, query: dict[str, Any], **more: Any) -> Acknowledgement:
    """Set `a` to 5 and return the acknowledgement."""
    statement = {"q": query, "u": {"$set": {"a": 5}}, **more}
    outcome = await gateway.run(operation(Kind.UPDATE, updates=[statement]), generated=NOW)
    assert isinstance(outcome.result, Acknowledgement)
    return outcome.result


async def stored(gateway: PostgresGateway) -> dict[str, Any]:
    outcome = await gateway.run(operation(Kind.FIND, filter={}), generated=NOW)
    assert isinstance(outcome.result, Documents)
    [raw] = outcome.result.documents
    return decode(raw)


@pytest.mark.parametrize("gateway", ["mapped by objectid"], indirect=True)
async def test_a_validator_sees_the_document(gateway: PostgresGateway) -> None:
    await gateway.run(operation(Kind.CREATE, validator={"a": {"$lt": 5}}), generated=NOW)
    await gateway.run(operation(Kind.INSERT, documents=[{"_id": ID, "a": 1}]), generated=NOW)

    result = await updated(gateway, {"_id": ID})

    assert [error.code for error in result.errors] == [121]
    assert (await stored(gateway))["a"] == 1


@pytest.mark.parametrize("gateway", ["mapped by objectid"], indirect=True)
async def test_a_string_under_a_collation_is_not_left_out(gateway: PostgresGateway) -> None:
    document = {"_id": ID, "a": 1, "b": "x"}
    await gateway.run(operation(Kind.INSERT, documents=[document]), generated=NOW)
    collation = {"locale": "en", "strength": 2}

    other = await updated(gateway, {"_id": ID, "b": "y"}, collation=collation)
    same = await updated(gateway, {"_id": ID, "b": "X"}, collation=collation)

    assert (other.n, same.n) == (0, 1)
    assert (await stored(gateway))["a"] == 5
