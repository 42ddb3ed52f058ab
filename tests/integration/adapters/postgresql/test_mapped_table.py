"""The table of a map as PostgreSQL takes it."""

from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable

from adapters.entities.entity import (
    Column,
    ColumnType,
    EntityMap,
    FullText,
    Identity,
    IdentityType,
    Reference,
)
from adapters.entities.profile import load_profile
from adapters.postgresql.connections import Connection
from adapters.postgresql.gateway import PostgresGateway
from adapters.sql.dialect import definition
from adapters.sql.mapped_table import mapped_tables


def column(name: str, kind: ColumnType, **more: Any) -> Column:
    return Column(name=name, path=(name,), type=kind, **more)


USERS = EntityMap(
    collection="users",
    table="users",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(
        *(column(f"a_{kind}", kind) for kind in ColumnType),
        *(
            column(f"some_{kind}", kind, array=True)
            for kind in ColumnType
            if kind is not ColumnType.JSONB
        ),
        column('quote"d', ColumnType.VARCHAR, length=20, default="it's"),
        column("role", ColumnType.TEXT, allowed=("USER", "it's"), default="USER"),
        column("roles", ColumnType.TEXT, array=True, allowed=("USER", "ADMIN")),
        column("active", ColumnType.BOOLEAN, default=True),
        column("boss", ColumnType.OBJECTID, reference=Reference(collection="users", column="id")),
    ),
    full_text=(FullText(name="words", language="english", weights={"a_text": "A", "role": "B"}),),
    about="People's accounts.",
)
MESSAGES = EntityMap(
    collection="messages",
    table="messages",
    identity=Identity(type=IdentityType.TEXT),
    columns=(
        column(
            "owner",
            ColumnType.OBJECTID,
            reference=Reference(collection="users", column="id", enforced=True),
        ),
    ),
)


async def made(dsn: str, *tables: sa.Table) -> Connection:
    connection = await asyncpg.connect(dsn)
    await connection.execute('CREATE SCHEMA IF NOT EXISTS "my ""shop."')
    for table in tables:
        await connection.execute(definition(CreateTable(table)))
        for index in table.indexes:
            await connection.execute(definition(CreateIndex(index)))
    return connection


async def test_every_kind_of_column_is_made_and_those_who_insert_by_sql_get_defaults(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    tables = mapped_tables(
        {"users": USERS, "messages": MESSAGES}, schema='my "shop.', space=sa.MetaData()
    )
    connection = await made(postgres_dsn, tables["users"], tables["messages"])
    try:
        row = await connection.fetchrow(
            'INSERT INTO "my ""shop.".users (id, a_text, boss) VALUES ($1, $2, $1) RETURNING *',
            b"twelve bytes",
            "words " * 300_000,
        )
        keys = await connection.fetch(
            "SELECT conname, conenforced FROM pg_constraint WHERE contype = 'f' ORDER BY conname"
        )
    finally:
        await connection.close()

    assert row is not None
    assert (row['quote"d'], row["role"], row["active"]) == ("it's", "USER", True)
    assert row["_layout"] is None
    assert [tuple(key) for key in keys] == [
        ("messages~owner~key", True),
        ("users~boss~key", False),
    ]


async def test_postgresql_takes_every_table_of_the_librechat_profile(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    await gateway.ready()
    tables = mapped_tables(load_profile("librechat"), schema="public", space=sa.MetaData())
    connection: Connection = await asyncpg.connect(postgres_dsn)
    try:
        for table in tables.values():
            alone = CreateTable(table, include_foreign_key_constraints=[])
            await connection.execute(definition(alone))
        for table in tables.values():
            # Some refer to each other, so no order of making them would do.
            for key in table.foreign_key_constraints:
                await connection.execute(definition(AddConstraint(key)))
        keys = await connection.fetchval("SELECT count(*) FROM pg_constraint WHERE contype = 'f'")
    finally:
        await connection.close()

    assert len(tables) == 47
    assert keys == sum(len(table.foreign_key_constraints) for table in tables.values()) > 30
