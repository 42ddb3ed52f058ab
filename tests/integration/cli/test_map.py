"""`parallax map` against a live collection."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from adapters.entities.files import toml_of
from adapters.entities.profile import load_profile
from adapters.postgresql.gateway import PostgresGateway
from comparators.operation import Kind, Operation
from proxy.cli.entry import run
from proxy.embedded import EmbeddedMongo
from tests.integration.adapters.postgresql.schema.shop import GENERATED, USERS, WIDER
from tests.integration.cli.command import parallax

DOCUMENTS: list[dict[str, Any]] = [
    {"buyer": f"customer {number}", "total": number, "address": {"city": "somewhere"}}
    for number in range(50)
]


async def test_a_map_is_proposed_from_a_live_collection_and_fits_it(
    mongo: EmbeddedMongo, mongo_database: AsyncDatabase[dict[str, Any]], tmp_path: Path
) -> None:
    await mongo_database.orders.insert_many(DOCUMENTS)
    await mongo_database.orders.create_index({"buyer": 1}, unique=True)
    namespace = f"{mongo_database.name}.orders"

    inferred = await parallax(
        "map", "infer", namespace, "--legacy", mongo.uri, "--out", str(tmp_path), directory=tmp_path
    )
    checked = await parallax(
        "map",
        "check",
        namespace,
        "--legacy",
        mongo.uri,
        "--entities",
        str(tmp_path),
        directory=tmp_path,
    )

    assert inferred.code == 0
    entity = load_profile(tmp_path)["orders"]
    assert [column.name for column in entity.columns] == ["buyer", "total", "address_city"]
    assert entity.indexes[0].specification["unique"] is True
    assert "somewhere" not in (tmp_path / "orders.toml").read_text()
    assert checked.code == 0
    assert "50 documents looked at, 0.0 % would drift, 100.0 % just as mapped" in checked.out


async def test_documents_that_would_drift_end_the_check_with_one(
    mongo: EmbeddedMongo, mongo_database: AsyncDatabase[dict[str, Any]], tmp_path: Path
) -> None:
    await mongo_database.orders.insert_many([{"total": 1}, {"total": "two", "extra": 1}])
    (tmp_path / "orders.toml").write_text(
        'collection = "orders"\ntable = "orders"\n[id]\ntype = "objectid"\n'
        '[columns]\ntotal = { path = "total", type = "integer" }\n'
    )

    checked = await parallax(
        "map",
        "check",
        f"{mongo_database.name}.orders",
        "--legacy",
        mongo.uri,
        "--entities",
        str(tmp_path),
        directory=tmp_path,
    )

    assert checked.code == 1
    assert "drifts from total: 50.0 %" in checked.out
    assert "no column for extra: 50.0 %" in checked.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["infer", "orders"], 78),
        (["check", "shop.nothing", "--entities", "librechat"], 78),
        (["infer", "shop.orders", "--legacy", "mongodb://127.0.0.1:1/"], 69),
    ],
)
async def test_what_cannot_be_looked_at_is_told(
    arguments: list[str], code: int, tmp_path: Path
) -> None:
    legacy = [] if "--legacy" in arguments else ["--legacy", "mongodb://127.0.0.1:1/"]

    ended = await parallax("map", *arguments, *legacy, directory=tmp_path)

    assert ended.code == code
    assert "remedy:" in ended.err


async def test_a_table_that_differs_from_its_map_ends_the_check_with_one(
    mongo: EmbeddedMongo,
    mongo_database: AsyncDatabase[dict[str, Any]],
    postgres_dsn: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await mongo_database.users.insert_one({"_id": "a", "email": "a"})
    (tmp_path / "users.toml").write_text(toml_of(WIDER))
    async with PostgresGateway(postgres_dsn, connections=1, entities={"users": USERS}) as gateway:
        insert = Operation(
            database=mongo_database.name,
            collection="users",
            kind=Kind.INSERT,
            arguments={"documents": [{"_id": "a", "email": "a"}]},
        )
        await gateway.run(insert, generated=GENERATED)
    flags = ["--legacy", mongo.uri, "--gateway", postgres_dsn, "--entities", str(tmp_path)]

    code = await asyncio.to_thread(run, ["map", "check", f"{mongo_database.name}.users", *flags])

    assert code == 1
    assert "column name text is added" in capsys.readouterr().out
