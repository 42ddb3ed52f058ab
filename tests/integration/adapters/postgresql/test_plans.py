"""PostgreSQL serves the hot shapes by their indexes."""

from typing import Any

import asyncpg
import pytest

from adapters.gateway import Generated
from adapters.postgresql import statements
from adapters.postgresql.document_storage import document_storage
from adapters.postgresql.gateway import PostgresGateway
from adapters.query.filter import parse_filter
from adapters.sql.keys import key_of
from comparators.operation import Kind, Operation

pytestmark = pytest.mark.parametrize("gateway", ["documents"], indirect=True)
DOCUMENTS = 5_000
STORAGE = document_storage("shop", "users")


async def explained(gateway: PostgresGateway, dsn: str, text: str, values: list[Any]) -> str:
    """Return the plan of a statement over a collection that is large enough to matter."""
    documents = [{"_id": n, "email": f"user{n}", "n": n % 7} for n in range(DOCUMENTS)]
    insert = Operation(
        database="shop", collection="users", kind=Kind.INSERT, arguments={"documents": documents}
    )
    await gateway.run(insert, generated=Generated(now_ms=0))
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute('ANALYZE "shop"."users"')
        rows = await connection.fetch(f"EXPLAIN {text}", *values)
    finally:
        await connection.close()
    return "\n".join(row[0] for row in rows)


async def explained_find(
    gateway: PostgresGateway, dsn: str, query: dict[str, Any], limit: int | None
) -> str:
    """Return the plan of a `find`."""
    read = STORAGE.find(STORAGE.selection_of(parse_filter(query), {}), sort={}, portion=limit)
    return await explained(gateway, dsn, read.statement.text, read.arguments)


async def test_find_by_identifier_uses_the_primary_key(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    text = statements.find_by_id(STORAGE.tables)

    plan = await explained(gateway, postgres_dsn, text, [key_of(5)])

    assert "Index Scan" in plan
    assert "~id" in plan


async def test_an_equality_uses_the_index_on_bodies_even_with_a_limit(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    plan = await explained_find(gateway, postgres_dsn, {"email": "user5"}, 1)

    assert "Bitmap Index Scan" in plan
    assert "~body" in plan


async def test_the_first_documents_are_read_without_a_sort(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    plan = await explained_find(gateway, postgres_dsn, {}, 1)

    assert "~ordinal" in plan
    assert "Sort" not in plan


async def test_a_range_does_not_read_the_index_on_bodies_as_a_whole(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    plan = await explained_find(gateway, postgres_dsn, {"n": {"$gt": 5}}, None)

    assert "~body" not in plan
