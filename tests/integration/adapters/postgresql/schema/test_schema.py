"""Tables of mapped collections are compared with their maps, and made alike while they are used."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from bson.objectid import ObjectId

from adapters.entities.entity import (
    Column,
    ColumnType,
    EntityIndex,
    EntityMap,
    Identity,
    IdentityType,
    Reference,
)
from adapters.postgresql.gateway import PostgresGateway
from adapters.postgresql.schema.schema import Schema
from adapters.postgresql.schema.steps import SchemaPlan, StepKind
from comparators.canonical import encode
from comparators.errors import RefusedError
from comparators.operation import Kind
from tests.integration.adapters.postgresql.schema.shop import LINES, USERS, WIDER, ask, stored

BOSSES = EntityMap(
    collection="bosses",
    table="bosses",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(
        Column(
            name="boss_id",
            path=("boss",),
            type=ColumnType.OBJECTID,
            reference=Reference(collection="bosses", column="id"),
        ),
    ),
)
DOCUMENTS: list[dict[str, Any]] = [
    {"_id": "a", "email": "a@example", "age": 5, "name": "somebody"},
    {"_id": "b", "name": None, "age": "old", "tags": ["x"]},
]


async def filled(dsn: str, *entities: EntityMap) -> PostgresGateway:
    gateway = PostgresGateway(
        dsn, connections=1, entities={each.collection: each for each in entities}
    )
    await ask(gateway, "users", Kind.INSERT, documents=DOCUMENTS)
    return gateway


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


def whats(plan: SchemaPlan) -> list[str]:
    return [step.what for step in plan.steps]


async def test_a_table_as_its_map_wants_it_needs_nothing_but_its_indexes(postgres_dsn: str) -> None:
    async with (
        await filled(postgres_dsn, USERS),
        Schema(postgres_dsn, {"users": USERS}) as schema,
    ):
        plan = await schema.plan()
        assert whats(plan) == ["index users~by_age is missing"]
        assert plan.steps[0].kind is StepKind.ALONE
        assert plan.steps[0].statements == (
            'CREATE INDEX CONCURRENTLY "users~by_age" ON shop.users (age ASC NULLS FIRST)',
        )

        await schema.apply(allow_destructive=False)

        assert (await schema.plan()).is_empty
        assert (await schema.plan(["elsewhere"])).is_empty


async def test_a_column_that_is_added_is_filled_and_one_that_is_dropped_is_refused(
    postgres_dsn: str,
) -> None:
    async with await filled(postgres_dsn, USERS) as gateway:
        async with Schema(postgres_dsn, {"users": WIDER}) as schema:
            plan = await schema.plan()
            await schema.apply(allow_destructive=False)
        async with connected(postgres_dsn) as connection:
            rows = await connection.fetch("SELECT name, tags FROM shop.users ORDER BY id")
            versions = await connection.fetch(
                "SELECT applied_by, database, what, statements, maps FROM parallax.schema_versions"
            )
        narrower = Schema(
            postgres_dsn, {"users": replace(USERS, columns=USERS.columns[:1], indexes=())}
        )
        async with narrower as schema:
            with pytest.raises(RefusedError, match="age is dropped") as refused:
                await schema.apply(allow_destructive=False)
            await schema.apply(allow_destructive=True)

        assert "column name text is added" in whats(plan)
        assert any("CREATE TABLE" in each for step in plan.steps for each in step.statements)
        assert [tuple(row) for row in rows] == [("somebody", None), (None, ["x"])]
        assert all(version["statements"] and version["maps"] for version in versions)
        assert refused.value.where == "shop.users"
        assert await stored(gateway, "users") == [encode(each) for each in DOCUMENTS]


async def test_what_concerns_no_row_is_done_in_place(postgres_dsn: str) -> None:
    described = replace(
        USERS,
        about="People's accounts.",
        columns=(USERS.columns[0], replace(USERS.columns[1], default=18)),
        indexes=(EntityIndex(name="age_-1", specification={"key": {"age": -1}}),),
    )
    async with await filled(postgres_dsn, USERS):
        async with Schema(postgres_dsn, {"users": USERS}) as schema:
            await schema.apply(allow_destructive=False)
        async with Schema(postgres_dsn, {"users": described}) as schema:
            plan = await schema.plan()
            await schema.apply(allow_destructive=False)
            after = await schema.plan()

        assert StepKind.ANEW not in {step.kind for step in plan.steps}
        assert plan.stale == (("shop", "users"),)
        assert "index users~by_age is asked for no more" in whats(plan)
        assert "column age has another default" in whats(plan)
        assert after.is_empty
        async with connected(postgres_dsn) as connection:
            await connection.execute("INSERT INTO shop.users (id) VALUES ('by hand')")
            age = await connection.fetchval("SELECT age FROM shop.users WHERE id = 'by hand'")
        assert age == 18


async def test_a_half_made_index_is_made_again(postgres_dsn: str) -> None:
    async with (
        await filled(postgres_dsn, USERS),
        Schema(postgres_dsn, {"users": USERS}) as schema,
        connected(postgres_dsn) as connection,
    ):
        await schema.apply(allow_destructive=False)
        await connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shop.\"users~by_age\"'::regclass"
        )

        plan = await schema.plan()
        await schema.apply(allow_destructive=False)

        assert whats(plan) == ["index users~by_age is half-made"]
        assert (await schema.plan()).is_empty


async def test_references_are_known_and_not_enforced(postgres_dsn: str) -> None:
    async with PostgresGateway(postgres_dsn, connections=1, entities={"bosses": BOSSES}) as gateway:
        document = {"_id": ObjectId(), "boss": ObjectId()}
        await ask(gateway, "bosses", Kind.INSERT, documents=[document])
        async with Schema(postgres_dsn, {"bosses": BOSSES}) as schema:
            plan = await schema.plan()
            await schema.apply(allow_destructive=False)
            after = await schema.plan()

        assert whats(plan) == ["foreign key bosses~boss_id~key is missing"]
        assert "NOT ENFORCED" in plan.steps[0].statements[0]
        assert after.is_empty
        orphan = {"_id": ObjectId(), "boss": ObjectId()}
        await ask(gateway, "bosses", Kind.INSERT, documents=[orphan])
        assert await stored(gateway, "bosses") == [encode(document), encode(orphan)]


async def test_what_others_have_added_is_told_and_left_alone(postgres_dsn: str) -> None:
    async with (
        await filled(postgres_dsn, USERS),
        Schema(postgres_dsn, {"users": USERS}) as schema,
        connected(postgres_dsn) as connection,
    ):
        await schema.apply(allow_destructive=False)
        await connection.execute("ALTER TABLE shop.users ADD COLUMN note text")
        await connection.execute("CREATE INDEX mine ON shop.users (note)")

        plan = await schema.plan()

        assert plan.is_empty
        assert any("shop.users.note is no map's" in note for note in plan.notes)
        assert any("index mine is no map's" in note for note in plan.notes)


async def test_a_column_that_somebody_has_dropped_comes_back(postgres_dsn: str) -> None:
    async with (
        await filled(postgres_dsn, USERS) as gateway,
        Schema(postgres_dsn, {"users": USERS}) as schema,
        connected(postgres_dsn) as connection,
    ):
        await schema.apply(allow_destructive=False)
        await connection.execute("ALTER TABLE shop.users DROP COLUMN email")

        plan = await schema.plan()
        await schema.apply(allow_destructive=False)

        assert whats(plan) == ["column email is missing: somebody has dropped it"]
        without = {name: value for name, value in DOCUMENTS[0].items() if name != "email"}
        assert await stored(gateway, "users") == [encode(without), encode(DOCUMENTS[1])]


async def test_documents_without_a_mapped_table_are_told(postgres_dsn: str) -> None:
    async with await filled(postgres_dsn), Schema(postgres_dsn, {"users": USERS}) as schema:
        plan = await schema.plan()

        assert plan.is_empty
        assert plan.notes == (
            "shop.users: has a map and lives in a document table; `parallax schema promote shop.users` moves it",
        )


async def test_a_text_that_is_too_long_for_an_index_drifts(postgres_dsn: str) -> None:
    by_email = EntityIndex(name="email_1", specification={"key": {"email": 1}})
    # Incompressible, so that the index would have to hold it all.
    long = "".join(chr(number * 7919 % 55_000 + 100) for number in range(4000))
    document = {"_id": "long", "email": long}
    async with (
        await filled(postgres_dsn, USERS) as gateway,
        Schema(postgres_dsn, {"users": replace(USERS, indexes=(by_email,))}) as schema,
    ):
        await ask(gateway, "users", Kind.INSERT, documents=[document])

        await schema.apply(allow_destructive=False)

        assert (await schema.plan()).is_empty
        again = {**document, "_id": "again"}
        await ask(gateway, "users", Kind.INSERT, documents=[again])
        everything = [*DOCUMENTS, document, again]
        assert await stored(gateway, "users") == [encode(each) for each in everything]


async def test_a_child_table_is_added_compared_and_dropped(postgres_dsn: str) -> None:
    document = {"_id": "c", "lines": [{"n": 1, "text": "x"}, {"n": "odd"}]}
    async with await filled(postgres_dsn, USERS) as gateway:
        await ask(gateway, "users", Kind.INSERT, documents=[document])
        async with Schema(postgres_dsn, {"users": WIDER}) as schema:
            plan = await schema.plan()
            assert "the child table user_lines is added" in whats(plan)
            await schema.apply(allow_destructive=False)
            assert (await schema.plan()).is_empty
            async with connected(postgres_dsn) as connection:
                rows = await connection.fetch("SELECT user_id, _position, n FROM shop.user_lines")
                assert [tuple(row) for row in rows] == [("c", 0, 1), ("c", 1, None)]
                await connection.execute(
                    'DROP INDEX shop."user_lines~by_n"; ALTER TABLE shop.user_lines DROP COLUMN n,'
                    ' DROP CONSTRAINT "user_lines~parent"'
                )
            assert sorted(whats(await schema.plan())) == [
                "column n is missing: somebody has dropped it",
                "foreign key user_lines~parent is missing",
                "foreign key user_lines~parent is missing: its rows",
                "index user_lines~by_n is missing",
            ]
            await schema.apply(allow_destructive=False)
            assert (await schema.plan()).is_empty
        [*_others, whole] = await stored(gateway, "users")
        assert whole == encode({"_id": "c", "lines": [{"text": "x"}, {"n": "odd"}]})
        renamed = replace(LINES, table="lines", columns=LINES.columns[:1])
        async with Schema(postgres_dsn, {"users": replace(WIDER, children=(renamed,))}) as schema:
            with pytest.raises(RefusedError, match=r"user_lines becomes lines; .*text is dropped"):
                await schema.apply(allow_destructive=False)
            await schema.apply(allow_destructive=True)
            assert (await schema.plan()).is_empty
        async with connected(postgres_dsn) as connection:
            assert await connection.fetchval("SELECT to_regclass('shop.user_lines')") is None
            assert await connection.fetchval("SELECT count(*) FROM shop.lines") == 2
        assert (await stored(gateway, "users"))[-1] == whole


async def test_a_child_table_that_somebody_has_dropped_comes_back(postgres_dsn: str) -> None:
    async with await filled(postgres_dsn, WIDER), Schema(postgres_dsn, {"users": WIDER}) as schema:
        await schema.apply(allow_destructive=False)
        async with connected(postgres_dsn) as connection:
            await connection.execute("DROP TABLE shop.user_lines")
        assert len(whats(await schema.plan())) > 0
        await schema.apply(allow_destructive=False)
        assert (await schema.plan()).is_empty
