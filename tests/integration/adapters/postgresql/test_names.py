"""Names and values of every kind are data or quoted identifiers, never SQL."""

from typing import Any

from adapters.gateway import Generated
from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import encode
from comparators.operation import Kind, Operation
from comparators.outcome import Documents, Failure

GENERATED = Generated(now_ms=0)
HOSTILE = (
    'quote"inside',
    "quote'inside; DROP TABLE users; --",
    "users_ordinal_seq",
    "users~unique",
    "percent %(name)s %s :name {x}",
    "\u00fcml\u00e4ut\U0001f600",
    "l" * 240,
    "l" * 239 + "m",
    "pg_class",
    "user",
    " ",
    "system.views",
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


async def test_a_collection_may_have_any_name(gateway: PostgresGateway) -> None:
    async def run(kind: Kind, collection: str, **arguments: Any) -> Any:
        operation = Operation(
            database='my "db"', collection=collection, kind=kind, arguments=arguments
        )
        return (await gateway.run(operation, generated=GENERATED)).result

    await run(Kind.INSERT, "users", documents=[{"_id": "users"}])
    for name in HOSTILE:
        index = {"key": {"a": 1}, "name": name, "unique": True}
        await run(Kind.CREATE_INDEXES, name, indexes=[index])
        await run(Kind.INSERT, name, documents=[{"_id": name, "a": 1}])

    for name in ("users", *HOSTILE):
        kept = {"_id": name} if name == "users" else {"_id": name, "a": 1}
        assert await run(Kind.FIND, name) == Documents(documents=(encode(kept),))


async def test_names_that_mongodb_refuses_are_refused(gateway: PostgresGateway) -> None:
    for name in ("", ".x", "a$b", "nul\0", "system.foo", "l" * 255):
        operation = Operation(
            database="d", collection=name, kind=Kind.INSERT, arguments={"documents": [{"_id": 1}]}
        )
        outcome = await gateway.run(operation, generated=GENERATED)
        assert outcome.result == Failure(code=73, code_name="InvalidNamespace")


async def test_fields_and_values_are_data(gateway: PostgresGateway) -> None:
    async def run(kind: Kind, **arguments: Any) -> Any:
        operation = Operation(database="d", collection="c", kind=kind, arguments=arguments)
        return (await gateway.run(operation, generated=GENERATED)).result

    for literal in LITERALS:
        field = literal.replace("\0", "").replace(".", "").lstrip("$")
        document = {"_id": literal, field: literal, "deep": [{field: literal}]}
        await run(Kind.INSERT, documents=[document])

        for query in ({"_id": literal}, {field: literal}, {f"deep.{field}": {"$in": [literal]}}):
            found = await run(Kind.FIND, filter=query)
            assert found == Documents(documents=(encode(document),))
