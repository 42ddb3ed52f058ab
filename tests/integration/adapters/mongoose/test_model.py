"""Models of LibreChat on both databases."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from adapters.database import Database
from adapters.gateway import Generated
from adapters.mongodb.database import MongoDatabase
from adapters.mongoose.errors import CastError, DuplicateKeyError, ValidationError, VersionError
from adapters.mongoose.models import LIBRECHAT, Models, models_of
from adapters.postgresql.gateway import PostgresGateway
from comparators.errors import UnsupportedError
from comparators.operation import Kind, Operation
from proxy.embedded import EmbeddedMongo

NOW_MS = 1_760_000_000_000
ALICE = {"email": " ALICE@example.org", "name": 7, "provider": "local", "password": "12345678"}


@pytest.fixture(params=["postgresql", "mongodb"])
async def database(
    request: pytest.FixtureRequest,
    mongo: EmbeddedMongo,
    mongo_database: AsyncDatabase[dict[str, Any]],
    postgres_dsn: str,
) -> AsyncIterator[tuple[Database, str]]:
    if request.param == "mongodb":
        async with MongoDatabase(mongo.uri) as legacy:
            yield legacy, mongo_database.name
    else:
        async with PostgresGateway(postgres_dsn, connections=2) as gateway:
            yield gateway, mongo_database.name


@pytest.fixture
async def models(database: tuple[Database, str]) -> Models:
    run, name = database
    key = {"key": {"email": 1}, "name": "email_1", "unique": True}
    operation = Operation(
        database=name,
        collection="users",
        kind=Kind.CREATE_INDEXES,
        arguments={"indexes": [key]},
    )
    await run.run(operation, generated=Generated(now_ms=NOW_MS))
    return models_of(LIBRECHAT, run, name=name, clock=lambda: NOW_MS)


async def test_a_document_is_stored_as_its_schema_says(models: Models) -> None:
    (made,) = await models["User"].create({**ALICE, "unknown": 1})

    found = await models["User"].find_by_id(str(made["_id"]), projection="+password")

    assert found is not None
    assert list(found)[:3] == ["_id", "name", "username"]
    assert (found["name"], found["email"]) == ("7", " alice@example.org")
    assert "unknown" not in found
    assert found["password"] == "12345678"
    assert found["createdAt"] == found["updatedAt"] == DatetimeMS(NOW_MS)
    assert found["__v"] == 0


async def test_what_the_schema_hides_is_not_read(models: Models) -> None:
    await models["User"].create(ALICE)

    found = await models["User"].find_one({"name": 7})

    assert found is not None
    assert "password" not in found


async def test_errors_tell_path_and_kind(models: Models) -> None:
    with pytest.raises(ValidationError) as wrong:
        await models["User"].create({"password": "short", "termsAcceptedAt": "never"})

    kinds = {path: error.kind for path, error in wrong.value.errors.items()}
    assert kinds == {"email": "required", "password": "minlength", "termsAcceptedAt": "date"}


async def test_a_value_twice_in_a_unique_index_is_a_duplicate(models: Models) -> None:
    await models["User"].create(ALICE)

    with pytest.raises(DuplicateKeyError) as wrong:
        await models["User"].create(ALICE)

    assert wrong.value.key_pattern == {"email": 1}


async def test_an_update_is_cast_and_stamped(models: Models) -> None:
    user = ObjectId()
    change = {"$inc": {"tokenCredits": "5"}, "unknown": 1}

    found = await models["Balance"].find_one_and_update({"user": str(user)}, change, upsert=True)

    assert found is not None
    assert found["user"] == user
    assert found["tokenCredits"] == 5
    assert found["autoRefillEnabled"] is False
    with pytest.raises(CastError):
        await models["Balance"].update_one({"user": "nobody"}, change)


async def test_the_second_of_two_writers_of_an_array_is_refused(models: Models) -> None:
    (made,) = await models["User"].create(ALICE)
    first = await models["User"].save({**made, "plugins": ["a"]})

    with pytest.raises(VersionError):
        await models["User"].save({**made, "plugins": ["b"]})

    assert first["__v"] == 1


async def test_references_are_replaced_by_what_they_point_at(models: Models) -> None:
    (user,) = await models["User"].create(ALICE)
    await models["Action"].create(
        {"user": user["_id"], "action_id": "a", "metadata": {"domain": "d"}}
    )

    found = await models["Action"].find({}, populate=["user"])

    assert found[0]["user"]["_id"] == user["_id"]
    assert await models["User"].delete_many({"email": ALICE["email"]}) == 1


async def test_calls_take_part_in_a_transaction(
    models: Models, database: tuple[Database, str]
) -> None:
    async with database[0].transaction() as session:
        (made,) = await models["User"].create(ALICE, session=session)
        await models["User"].update_one({"_id": made["_id"]}, {"name": "In"}, session=session)

        outside = await models["User"].find_by_id(made["_id"])

    found = await models["User"].find_by_id(made["_id"])
    assert outside is None
    assert found is not None
    assert found["name"] == "In"


async def test_a_function_without_a_counterpart_is_refused(models: Models) -> None:
    index = {"version": 1, "entries": [], "providedEntryCount": 1}
    actor = {"compactionSemanticIndex": index}

    with pytest.raises(UnsupportedError, match="compactionSemanticIndex"):
        await models["Conversation"].create(
            {"conversationId": "c", "endpoint": "e", "agentEventActor": actor}
        )
