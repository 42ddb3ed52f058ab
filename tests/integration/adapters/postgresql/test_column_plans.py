"""PostgreSQL serves the hot shapes of mapped tables by their indexes, and no name or value gets out of its place."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from bson.objectid import ObjectId
from sqlalchemy.schema import CreateIndex

from adapters.entities.entity import Column, ColumnType, EntityMap, Identity, IdentityType
from adapters.evaluate.match import matcher
from adapters.query.filter import parse_filter
from adapters.query.update import parse_update
from adapters.sql.columns.changes import changes_of
from adapters.sql.columns.narrowing import narrowing_of
from adapters.sql.columns.plan import ColumnPlan, plan_columns
from adapters.sql.columns.read import read, read_to_write
from adapters.sql.columns.write import update, update_shape, update_values
from adapters.sql.dialect import compiled, definition
from tests.differential.tables_of_maps import MappedTable, table_of

ROWS = 5_000
HOSTILE = (
    "it's",
    'quo"te',
    "%(p0)s",
    ":p0",
    "x$1",
    "a'; DROP SCHEMA twin CASCADE; --",
    'b"; DROP SCHEMA twin CASCADE; --',
    "\\",
    "{}",
    "[0]",
    "\U0001f4a5",
)
ENTITY = EntityMap(
    collection="users",
    table="users",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(
        Column(name="email", path=("email",), type=ColumnType.TEXT),
        Column(name="team", path=("team",), type=ColumnType.INTEGER),
        Column(name="at", path=("at",), type=ColumnType.INTEGER),
        Column(name="active", path=("active",), type=ColumnType.BOOLEAN),
        Column(name="tags", path=("tags",), type=ColumnType.TEXT, array=True),
    ),
)


@pytest.fixture
async def users(postgres_dsn: str) -> AsyncIterator[MappedTable]:
    """Give a table that is large enough for its indexes to matter."""
    async with table_of(postgres_dsn, ENTITY) as mapped:
        at = mapped.table.c
        for index in (
            sa.Index("email_1", at.email.asc().nulls_first()),
            sa.Index("team_at", at.team.asc().nulls_first(), at["at"].desc().nulls_last()),
            sa.Index("tags_1", at.tags, postgresql_using="gin"),
            sa.Index(
                "active_at", at["at"].asc().nulls_first(), postgresql_where=at.active.is_(sa.true())
            ),
        ):
            await mapped.connection.execute(definition(CreateIndex(index)))
        await mapped.fill(
            [
                {
                    "_id": ObjectId(f"{n:024x}"),
                    "email": f"user{n}",
                    "team": n % 50,
                    "at": n,
                    "active": n % 100 == 0,
                    "tags": [f"tag{n % 500}"],
                }
                for n in range(ROWS)
            ]
        )
        await mapped.connection.execute('ANALYZE "twin"."users"')
        yield mapped


def plan_of(mapped: MappedTable, query: dict[str, Any], **more: Any) -> ColumnPlan:
    wanted = {"sort": {}, "skip": 0, "limit": None, "projection": False, **more}
    return plan_columns(narrowing_of(parse_filter(query), mapped.columns), mapped.columns, **wanted)


async def explained(mapped: MappedTable, statement: Any, values: dict[str, Any]) -> str:
    made = compiled(statement)
    rows = await mapped.connection.fetch(f"EXPLAIN {made.text}", *made.arguments(values))
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize(
    ("query", "more", "index"),
    [
        ({"_id": ObjectId(f"{7:024x}")}, {}, "~id"),
        ({"email": "user7"}, {"limit": 1}, "email_1"),
        ({"email": {"$in": ["user7", "user8"]}}, {}, "email_1"),
        ({"team": 7}, {"sort": {"at": -1}, "limit": 20}, "team_at"),
        ({"team": 7}, {"sort": {"at": -1}, "skip": 20, "limit": 20}, "team_at"),
        ({"team": 7, "at": {"$gt": 4000}}, {}, "team_at"),
        ({"tags": "tag7"}, {}, "tags_1"),
        ({"active": True}, {"sort": {"at": 1}, "limit": 5}, "active_at"),
        ({}, {"sort": {"_id": 1}, "limit": 20}, "~id"),
        ({}, {"sort": {"_id": -1}, "limit": 20}, "~id"),
    ],
)
async def test_a_hot_read_uses_its_index(
    users: MappedTable, query: dict[str, Any], more: dict[str, Any], index: str
) -> None:
    plan = plan_of(users, query, **more)
    assert plan.residual == ()

    shown = await explained(users, read(users.table, plan.shape, users.table.c.id), {**plan.values})

    assert index in shown, shown
    assert "Sort" not in shown or not more.get("sort"), shown
    assert "Seq Scan" not in shown, shown


async def test_a_plan_for_all_values_goes_by_the_limit(users: MappedTable) -> None:
    """As for a statement that ran often: with a limit that it does not know, it would walk all `_id`s for a hundredth of them."""
    plan = plan_of(users, {"team": 7}, sort={"_id": 1}, limit=ROWS // 50)
    made = compiled(read(users.table, plan.shape, users.table.c.id))
    given = ", ".join(map(str, made.arguments({**plan.values})))
    await users.connection.execute("SET plan_cache_mode = force_generic_plan")
    try:
        await users.connection.execute(f"PREPARE listed AS {made.text}")
        rows = await users.connection.fetch(f"EXPLAIN EXECUTE listed({given})")
        await users.connection.execute("DEALLOCATE listed")
    finally:
        await users.connection.execute("RESET plan_cache_mode")

    shown = "\n".join(row[0] for row in rows)
    assert "team_at" in shown, shown
    assert "~id" not in shown, shown


async def test_rows_to_write_are_found_by_their_index(users: MappedTable) -> None:
    plan = plan_of(users, {"email": "user7"})
    statement = read_to_write(users.table, plan.shape, users.table.c.id).with_for_update()

    shown = await explained(users, statement, {**plan.values})

    assert "email_1" in shown, shown
    assert "Seq Scan" not in shown, shown


async def test_an_update_of_one_row_uses_the_primary_key(users: MappedTable) -> None:
    narrowing = narrowing_of(parse_filter({"_id": ObjectId(f"{7:024x}")}), users.columns)
    changes = changes_of(parse_update({"$set": {"email": "x"}}), users.columns, now_ms=0)
    assert changes is not None
    statement = update(users.table, update_shape(narrowing, changes), users.table.c.id)

    shown = await explained(users, statement, update_values(narrowing, changes, []))

    assert "~id" in shown, shown


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_names_and_values_stay_in_their_place(
    postgres_dsn: str, hostile: str
) -> None:
    entity = EntityMap(
        collection="things",
        table="things",
        identity=Identity(type=IdentityType.TEXT, name=f"{hostile} key"),
        columns=(
            Column(name=hostile, path=(hostile,), type=ColumnType.TEXT),
            Column(
                name=f"{hostile} list", path=("list", hostile), type=ColumnType.TEXT, array=True
            ),
            Column(name=f"{hostile} more", path=("more",), type=ColumnType.JSONB),
        ),
    )
    documents: list[dict[str, Any]] = [
        {
            "_id": hostile,
            hostile: hostile,
            "list": {hostile: [hostile]},
            "more": {hostile: hostile},
        },
        {"_id": "other", hostile: None, "list": {hostile: ["x"]}, "more": {"x": "y"}},
        {"_id": "drifted", hostile: 5, "list": [{hostile: hostile}], "more": hostile},
    ]
    async with table_of(postgres_dsn, entity) as mapped:
        await mapped.fill(documents)
        for query in (
            {"_id": hostile},
            {hostile: hostile},
            {hostile: {"$ne": hostile}},
            {hostile: {"$exists": True}},
            {hostile: {"$in": [hostile, None]}},
            {f"list.{hostile}": hostile},
            {f"more.{hostile}": hostile},
            {"more": hostile},
        ):
            tree = parse_filter(query)
            plan = plan_of(mapped, query, sort={hostile: 1} if "." not in hostile else {})
            identity = mapped.table.c[entity.identity.name]
            rows = await mapped.fetch(read(mapped.table, plan.shape, identity), {**plan.values})

            found = {row[0] for row in rows}
            assert found >= {each["_id"] for each in documents if matcher(tree)(each)}, query
        assert len(await mapped.documents()) == len(documents)
