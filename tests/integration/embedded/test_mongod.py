"""The embedded MongoDB is a real one, in each of the forms the tests need."""

from pathlib import Path
from typing import Any

import pytest
import trustme
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from comparators.errors import SettingsError
from proxy.embedded import EmbeddedMongo, MongoUser, TlsFiles, embedded_mongo
from proxy.embedded.ask import ask
from proxy.embedded.mongod import mongod_binary
from tests.eventually import eventually


async def test_replica_set_has_a_primary_that_commits_transactions(mongo: EmbeddedMongo) -> None:
    async with _client(mongo.uri) as client:
        collection = client["embedded"]["transactions"]
        async with client.start_session() as session, await session.start_transaction():
            await collection.insert_one({"_id": 1}, session=session)

        assert await collection.count_documents({}) == 1
        await client.drop_database("embedded")


async def test_standalone_belongs_to_no_set(mongo_standalone: EmbeddedMongo) -> None:
    reply = await mongo_standalone.members[0].hello()

    assert reply["isWritablePrimary"]
    assert "setName" not in reply


async def test_three_members_elect_another_primary_when_the_first_is_stopped(
    tmp_path: Path,
) -> None:
    async with embedded_mongo(tmp_path, member_count=3) as servers:
        first = await servers.primary()
        assert first is not None

        await first.stop()
        second = await eventually(servers.primary, within_s=30)

        assert second.port != first.port

        await first.start()
        assert await eventually(first.hello)


async def test_login_is_asked_for_and_the_user_of_the_uri_may_do_everything(
    tmp_path: Path,
) -> None:
    user = MongoUser(name="root", password="p w/@")
    async with embedded_mongo(tmp_path, user=user) as servers:
        async with _client(servers.uri) as client:
            assert await client["any"]["thing"].count_documents({}) == 0

        async with _client(servers.members[0].uri) as stranger:
            with pytest.raises(OperationFailure, match="requires authentication"):
                await stranger["any"]["thing"].count_documents({})


async def test_tls_is_demanded_and_trusted(tmp_path: Path) -> None:
    authority = trustme.CA()
    files = TlsFiles(certificate_key=tmp_path / "server.pem", authority=tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(str(files.authority))
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(str(files.certificate_key))

    async with embedded_mongo(tmp_path / "data", tls=files) as servers:
        async with _client(servers.uri) as client:
            assert (await client.admin.command("ping"))["ok"] == 1

        with pytest.raises(ConnectionError):
            await ask(servers.members[0].port, {"ping": 1}, trust=None)


async def test_the_servers_are_gone_at_the_end(tmp_path: Path) -> None:
    async with embedded_mongo(tmp_path, replica_set=None) as servers:
        member = servers.members[0]
        assert member.process.alive

    assert member.process.pid is None
    assert await member.hello() == {}


async def test_each_test_has_a_database_of_its_own(
    mongo_database: object, request: pytest.FixtureRequest
) -> None:
    assert request.node.name[:20] in str(mongo_database)


def test_a_wrong_override_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGOD_BIN", "/nowhere/mongod")

    with pytest.raises(SettingsError) as refused:
        mongod_binary()

    assert refused.value.where == "MONGOD_BIN"


def _client(uri: str, **options: Any) -> AsyncMongoClient[dict[str, Any]]:
    # Polling: a monitor that streams opens connections of its own, and closing the client then drops one unclosed.
    return AsyncMongoClient[dict[str, Any]](uri, serverMonitoringMode="poll", **options)
