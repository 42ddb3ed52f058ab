"""Names and values of every kind are data or quoted identifiers, never SQL."""

from typing import Any

import pytest

from adapters.gateway import Generated
from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import encode
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Documents

GENERATED = Generated(now_ms=0)
HOSTILE = (
    'quote"inside',
    "quote'inside; DROP TABLE users; --",
    "users_ordinal_seq",
    "users~unique",
    "dollar$1 %(name)s %s :name",
    "\u00fcml\u00e4ut\U0001f600",
    "l" * 240,
    "l" * 239 + "m",
    "pg_class",
    "user",
    " ",
    "system.buckets.x",
)
LITERALS = (
    "'; DROP TABLE users; --",
    'a"b',
    "a\\b",
    "$1",
    "nul\0inside",
    "\U0001f600\u2028",
    "x" * 5000,
)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_collection_may_have_any_name(gateway: PostgresGateway, name: str) -> None:
    async def run(kind: Kind, collection: str, **arguments: Any) -> Any:
        operation = Operation(
            database='my "db"', collection=collection, kind=kind, arguments=arguments
        )
        return (await gateway.run(operation, generated=GENERATED)).result

    await run(Kind.INSERT, "users", documents=[{"_id": "users"}])
    index = {"key": {"a": 1}, "name": name, "unique": True}
    await run(Kind.CREATE_INDEXES, name, indexes=[index])

    assert await run(Kind.INSERT, name, documents=[{"_id": name, "a": 1}]) == Acknowledgement(n=1)
    assert await run(Kind.FIND, name, filter={"_id": name}) == Documents(
        documents=(encode({"_id": name, "a": 1}),)
    )
    assert await run(Kind.FIND, "users", filter={"_id": name}) == Documents(documents=())


@pytest.mark.parametrize("literal", LITERALS)
async def test_fields_and_values_are_data(gateway: PostgresGateway, literal: str) -> None:
    field = literal.replace("\0", "").replace(".", "").lstrip("$")
    document = {"_id": literal, field: literal, "deep": [{field: literal}]}
    await gateway.run(
        Operation(
            database="d", collection="c", kind=Kind.INSERT, arguments={"documents": [document]}
        ),
        generated=GENERATED,
    )

    for query in ({"_id": literal}, {field: literal}, {f"deep.{field}": {"$in": [literal]}}):
        found = await gateway.run(
            Operation(database="d", collection="c", kind=Kind.FIND, arguments={"filter": query}),
            generated=GENERATED,
        )
        assert found.result == Documents(documents=(encode(document),))
