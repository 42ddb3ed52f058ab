"""Documents move to another table while they are written, and every write is there afterwards."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import asyncpg
import pytest

from adapters.entities.entity import EntityMap, Identity, IdentityType
from adapters.postgresql.gateway import PostgresGateway
from adapters.postgresql.schema.moving import Mover, move_of
from adapters.postgresql.schema.schema import Schema
from comparators.canonical import decode, encode
from comparators.errors import RefusedError
from comparators.operation import Kind
from comparators.outcome import Acknowledgement, Count, Documents, Result
from tests.eventually import eventually
from tests.integration.adapters.postgresql.schema.shop import (
    TAGS,
    USERS,
    WIDER,
    Writer,
    ask,
    stored,
)

FILLED = 700
ONE: Final = {"_id": "a", "email": "a"}
ANY: Final = replace(USERS, identity=Identity(type=IdentityType.KEY))
TAGGED: Final = replace(USERS, table="people")
Work = Callable[[Schema], Awaitable[object]]


async def while_written(writer: Writer, schema: Schema, work: Work) -> None:
    """Do something while a writer writes, before, meanwhile and after."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        await eventually(lambda: writer.writes > 10, within_s=10)
        await work(schema)
        writes = writer.writes
        await eventually(lambda: writer.writes > writes + 30, within_s=20)
        writer.is_stopped = True


async def check_uniqueness(writer: Writer) -> None:
    """Check that each address is taken by the document that has it, and by no other."""
    for document in list(writer.documents.values())[:20]:
        rival = {"_id": "rival", "email": document["email"]}
        result = await ask(writer.gateway, writer.collection, Kind.INSERT, documents=[rival])
        assert isinstance(result, Acknowledgement)
        assert [error.code for error in result.errors] == [11000]
    for _ in range(50):
        await writer.write()
    assert await stored(writer.gateway, writer.collection) == writer.expected


@pytest.mark.parametrize("entity", [USERS, TAGS], ids=["same name", "other name"])
async def test_a_collection_is_promoted_and_demoted_under_traffic(
    entity: EntityMap, postgres_dsn: str
) -> None:
    name = entity.collection
    async with (
        PostgresGateway(postgres_dsn, connections=2) as gateway,
        Schema(postgres_dsn, {name: entity}) as schema,
    ):
        writer = Writer(gateway=gateway, collection=name)
        await writer.begin(FILLED)

        await while_written(writer, schema, lambda schema: schema.promote("shop", name))

        assert await stored(gateway, name) == writer.expected
        connection = await asyncpg.connect(postgres_dsn)
        table = f"shop.{entity.table}"
        mails = await connection.fetchval(f"SELECT count(email) FROM {table}")  # noqa: S608
        await connection.close()
        assert mails == len(writer.documents)
        await check_uniqueness(writer)

        writer.is_stopped = False
        await while_written(writer, schema, lambda schema: schema.demote("shop", name))

        assert await stored(gateway, name) == writer.expected
        await check_uniqueness(writer)
        assert await _left_behind(postgres_dsn) == []


async def test_a_table_is_made_anew_for_another_map_under_traffic(postgres_dsn: str) -> None:
    async with (
        PostgresGateway(postgres_dsn, connections=2, entities={"users": USERS}) as gateway,
        Schema(postgres_dsn, {"users": WIDER}) as schema,
    ):
        writer = Writer(gateway=gateway, collection="users")
        await writer.begin(FILLED)

        await while_written(writer, schema, lambda schema: schema.apply(allow_destructive=False))

        assert await stored(gateway, "users") == writer.expected
        assert (await schema.plan()).is_empty
        connection = await asyncpg.connect(postgres_dsn)
        named = await connection.fetchval("SELECT count(*) FROM shop.users WHERE name = 'somebody'")
        await connection.close()
        named_documents = [
            each for each in writer.documents.values() if each.get("name") == "somebody"
        ]
        assert named == len(named_documents) > 0
        await check_uniqueness(writer)


async def test_rows_of_elements_that_sql_adds_are_moved_too(postgres_dsn: str) -> None:
    documents = [{"_id": f"{at}", "lines": [{"n": 0}]} for at in range(FILLED)]
    added = 0

    async def add(is_over: asyncio.Event) -> None:
        nonlocal added
        connection = await asyncpg.connect(postgres_dsn)
        while not is_over.is_set():
            added += 1
            await connection.execute(
                "INSERT INTO shop.user_lines (user_id, _position, n) VALUES ('3', $1, 1)", added
            )
        await connection.close()

    async with (
        PostgresGateway(postgres_dsn, connections=2, entities={"users": WIDER}) as gateway,
        Schema(postgres_dsn, {"users": replace(WIDER, table="people")}) as schema,
    ):
        await ask(gateway, "users", Kind.INSERT, documents=documents)
        is_over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(add(is_over))
            await eventually(lambda: added > 10, within_s=10)
            await schema.apply(allow_destructive=True)
            is_over.set()

        found = await ask(gateway, "users", Kind.FIND, filter={"_id": "3"})
        assert isinstance(found, Documents)
        [document] = found.documents
        assert decode(document)["lines"] == [{"n": 0}, *([{"n": 1}] * added)]
        assert await _left_behind(postgres_dsn) == []


async def test_a_collection_that_is_not_there_or_lives_where_it_should_is_refused(
    postgres_dsn: str,
) -> None:
    async with (
        PostgresGateway(postgres_dsn, connections=2, entities={"users": USERS}) as gateway,
        Schema(postgres_dsn, {"users": USERS}) as schema,
    ):
        with pytest.raises(RefusedError, match="no collection"):
            await schema.promote("shop", "users")
        await Writer(gateway=gateway, collection="users").begin(3)
        with pytest.raises(RefusedError, match="mapped table already"):
            await schema.promote("shop", "users")
        with pytest.raises(RefusedError, match="no map"):
            await schema.promote("shop", "others")


async def _left_behind(dsn: str) -> list[str]:
    """Return what a move must not leave in the database."""
    connection = await asyncpg.connect(dsn)
    found = await connection.fetch(
        "SELECT tgname::text FROM pg_trigger WHERE tgname = 'parallax~touched' "
        "UNION ALL SELECT relname FROM pg_class JOIN pg_namespace ON relnamespace = pg_namespace.oid "
        "WHERE nspname LIKE 'shopnext%' UNION ALL SELECT 'touched' FROM parallax.touched"
    )
    await connection.close()
    return [row[0] for row in found]


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        (Kind.FIND, {"filter": {"_id": "a"}}, Documents(documents=(encode(ONE),))),
        (Kind.FIND, {"filter": {"email": "a"}}, Documents(documents=(encode(ONE),))),
        (Kind.FIND, {"filter": {}}, Documents(documents=(encode(ONE),))),
        (Kind.COUNT, {"query": {}}, Count(n=1)),
        (Kind.COUNT, {"query": {"_id": "a"}}, Count(n=1)),
        (Kind.DELETE, {"deletes": [{"q": {"_id": "a"}, "limit": 1}]}, Acknowledgement(n=1)),
        (Kind.INSERT, {"documents": [{"_id": "b", "email": "b"}]}, Acknowledgement(n=1)),
    ],
)
@pytest.mark.parametrize(
    "moves",
    [(None, USERS), (USERS, None), (USERS, WIDER), (None, ANY), (None, TAGGED)],
    ids=["promotion", "demotion", "another map", "keys alike", "other name"],
)
async def test_a_process_that_does_not_know_of_a_move_answers_from_the_new_table(
    moves: tuple[EntityMap | None, EntityMap | None],
    kind: Kind,
    arguments: dict[str, Any],
    expected: Result,
    postgres_dsn: str,
) -> None:
    before, after = moves
    entities = {} if before is None else {"users": before}
    async with PostgresGateway(postgres_dsn, connections=1, entities=entities) as gateway:
        await ask(gateway, "users", Kind.INSERT, documents=[ONE])
        async with Schema(postgres_dsn, {} if after is None else {"users": after}) as schema:
            if before is None:
                await schema.promote("shop", "users")
            elif after is None:
                await schema.demote("shop", "users")
            else:
                await schema.apply(allow_destructive=False)

        assert await ask(gateway, "users", kind, **arguments) == expected


async def test_somebody_who_holds_the_table_is_waited_for(postgres_dsn: str) -> None:
    async with (
        PostgresGateway(postgres_dsn, connections=1) as gateway,
        Schema(postgres_dsn, {"users": USERS}) as schema,
    ):
        await ask(gateway, "users", Kind.INSERT, documents=[ONE])
        holder = await asyncpg.connect(postgres_dsn)
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("LOCK TABLE shop.users IN ROW EXCLUSIVE MODE")

        async with asyncio.TaskGroup() as tasks:
            promoting = tasks.create_task(schema.promote("shop", "users"))
            asked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'shop.users'::regclass"
            await eventually(lambda: holder.fetchval(asked), within_s=10)
            assert not promoting.done()
            await transaction.rollback()
        await holder.close()

        assert await stored(gateway, "users") == [encode(ONE)]


async def _killed_move(dsn: str, schema: Schema) -> None:
    """Begin a move by a command that is killed then."""
    connection = await asyncpg.connect(dsn)
    catalog = schema._catalog
    await catalog.load(connection)
    killed = Mover(connection, catalog, move_of(catalog, "shop", "users", USERS))
    await killed.begin()
    await connection.close()


async def test_what_a_killed_move_has_left_is_replaced_by_the_next(postgres_dsn: str) -> None:
    async with (
        PostgresGateway(postgres_dsn, connections=1) as gateway,
        Schema(postgres_dsn, {"users": USERS}) as schema,
    ):
        await ask(gateway, "users", Kind.INSERT, documents=[ONE])
        await _killed_move(postgres_dsn, schema)
        other = {"_id": "b", "email": "b"}
        await ask(gateway, "users", Kind.INSERT, documents=[other])

        await schema.promote("shop", "users")

        assert await stored(gateway, "users") == [encode(ONE), encode(other)]
        assert await _left_behind(postgres_dsn) == []


async def test_what_a_killed_move_has_left_is_removed_by_a_command_for_others(
    postgres_dsn: str,
) -> None:
    async with (
        PostgresGateway(postgres_dsn, connections=1) as gateway,
        Schema(postgres_dsn, {"users": USERS}) as schema,
    ):
        await ask(gateway, "users", Kind.INSERT, documents=[ONE])
        await _killed_move(postgres_dsn, schema)
        await ask(gateway, "users", Kind.INSERT, documents=[{"_id": "b", "email": "b"}])
        assert {"parallax~touched", "touched", "users"} <= set(await _left_behind(postgres_dsn))

        await schema.apply(["another"], allow_destructive=False)

        assert await _left_behind(postgres_dsn) == []


async def test_what_a_move_under_way_needs_is_left_alone(postgres_dsn: str) -> None:
    async with (
        PostgresGateway(postgres_dsn, connections=1) as gateway,
        Schema(postgres_dsn, {"users": USERS}) as schema,
        Schema(postgres_dsn, {"users": USERS}) as other,
    ):
        await ask(gateway, "users", Kind.INSERT, documents=[ONE])
        await schema._catalog.load(schema._connection)
        move = move_of(schema._catalog, "shop", "users", USERS)
        await Mover(schema._connection, schema._catalog, move).begin()

        await other.apply(allow_destructive=False)

        assert "parallax~touched" in await _left_behind(postgres_dsn)


async def test_what_others_were_given_goes_over_to_the_new_table(postgres_dsn: str) -> None:
    async with (
        PostgresGateway(postgres_dsn, connections=1) as gateway,
        Schema(postgres_dsn, {"users": USERS}) as schema,
    ):
        await ask(gateway, "users", Kind.INSERT, documents=[ONE])
        connection = await asyncpg.connect(postgres_dsn)
        roles = [f'{word} "of shop" {secrets.token_hex(4)}' for word in ("reader", "owner", "all")]
        reader, owner, everything = ('"' + role.replace('"', '""') + '"' for role in roles)
        await connection.execute(
            f"CREATE ROLE {reader}; CREATE ROLE {owner}; CREATE ROLE {everything};"
            f"GRANT SELECT, UPDATE ON shop.users TO {reader} WITH GRANT OPTION;"
            f"GRANT INSERT ON shop.users TO PUBLIC; GRANT SELECT (id, ordinal) ON shop.users TO {everything};"
            f"ALTER TABLE shop.users OWNER TO {owner};"
            f"ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO {everything}"
        )

        await schema.promote("shop", "users")

        rows = await connection.fetch(
            "SELECT CASE grantee WHEN 0 THEN '' ELSE grantee::regrole::text END, privilege_type, is_grantable "
            "FROM pg_class, aclexplode(relacl) WHERE oid = 'shop.users'::regclass AND grantee <> relowner"
        )
        columns = await connection.fetch(
            "SELECT attname::text, grantee::regrole::text, privilege_type FROM pg_attribute, aclexplode(attacl) "
            "WHERE attrelid = 'shop.users'::regclass"
        )
        owned_by = await connection.fetchval(
            "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'shop.users'::regclass"
        )
        await connection.execute(
            f"REASSIGN OWNED BY {owner} TO CURRENT_USER; DROP OWNED BY {reader}, {owner}, {everything};"
            f"DROP ROLE {reader}, {owner}, {everything}"
        )
        await connection.close()
        assert {tuple(row) for row in rows} == {
            (reader, "SELECT", True),
            (reader, "UPDATE", True),
            ("", "INSERT", False),
        }
        assert [tuple(row) for row in columns] == [("id", everything, "SELECT")]
        assert owned_by == owner
        assert (await schema.plan()).is_empty


async def test_an_index_that_is_made_meanwhile_ends_the_move_and_nothing_else(
    postgres_dsn: str,
) -> None:
    index = {"key": {"email": 1}, "name": "email_1", "unique": True}
    async with (
        PostgresGateway(postgres_dsn, connections=1) as gateway,
        Schema(postgres_dsn, {"users": USERS}) as schema,
    ):
        await ask(gateway, "users", Kind.INSERT, documents=[ONE])
        await schema._catalog.load(schema._connection)
        move = move_of(schema._catalog, "shop", "users", USERS)
        await ask(gateway, "users", Kind.CREATE_INDEXES, indexes=[index])

        with pytest.raises(RefusedError, match="indexes were changed"):
            await Mover(schema._connection, schema._catalog, move).run()

        assert await stored(gateway, "users") == [encode(ONE)]
        assert await _left_behind(postgres_dsn) == []
