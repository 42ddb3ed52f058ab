"""Drivers with their default options work through the relay, and see nothing behind it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
import trustme
from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.write_concern import WriteConcern

from proxy.embedded import EmbeddedMongo, MongoUser, TlsFiles, embedded_mongo
from tests.eventually import eventually
from tests.peers.relaying import Relaying, relaying

Client = AsyncMongoClient[dict[str, Any]]


@pytest.fixture
async def relay(mongo: EmbeddedMongo) -> AsyncIterator[Relaying]:
    async with relaying(mongo.uri) as running:
        yield running


@pytest.fixture
async def client(relay: Relaying) -> AsyncIterator[Client]:
    """Connect as an application does, through the relay."""
    async with Client(relay.uri) as connected:
        yield connected
        await connected.drop_database("wire")


async def test_insert_and_find_pass_and_are_captured(relay: Relaying, client: Client) -> None:
    await client["wire"]["first"].insert_one({"_id": 1, "text": "hello"})
    found = await client["wire"]["first"].find_one({"_id": 1})

    assert found == {"_id": 1, "text": "hello"}
    intent, reply, exchange = relay.capture.noted[:3]
    assert [intent.kind, reply.kind, exchange.kind] == ["intent", "reply", "exchange"]
    assert intent.collection == exchange.collection == "wire.first"
    assert reply.intent == 1
    assert exchange.command["find"] == "first"
    assert reply.legacy_ns > 0 < reply.overhead_ns


async def test_the_relay_is_all_a_driver_sees(relay: Relaying, client: Client) -> None:
    await client.admin.command("ping")

    assert await client.address == relay.address
    assert client.nodes == {tuple(relay.address)}
    assert await client.primary == relay.address


@pytest.mark.parametrize("option", ["replicaSet=rs0", "directConnection=true", "compressors=zlib"])
async def test_options_of_an_application_s_uri_still_work(relay: Relaying, option: str) -> None:
    async with Client(f"{relay.uri}?{option}") as client:
        assert (await client.admin.command("ping"))["ok"] == 1


async def test_the_advertised_address_is_what_drivers_are_told(mongo: EmbeddedMongo) -> None:
    async with (
        relaying(mongo.uri, advertise="proxy.example:27018") as relay,
        Client(f"{relay.uri}?directConnection=true") as client,
    ):
        hello = await client.admin.command("hello")

    assert hello["hosts"] == ["proxy.example:27018"]
    assert hello["me"] == hello["primary"] == "proxy.example:27018"


async def test_a_synchronous_driver_works_too(relay: Relaying) -> None:
    def use() -> int:
        with MongoClient[dict[str, Any]](relay.uri) as client:
            client["wire"]["sync"].insert_many([{"n": number} for number in range(10)])
            count = client["wire"]["sync"].count_documents({"n": {"$gte": 5}})
            client.drop_database("wire")
            return count

    assert await asyncio.to_thread(use) == 5


async def test_a_cursor_is_read_to_its_end(relay: Relaying, client: Client) -> None:
    await client["wire"]["many"].insert_many([{"_id": number} for number in range(250)])

    found = [doc["_id"] async for doc in client["wire"]["many"].find(batch_size=100)]

    assert found == list(range(250))
    exchanges = relay.capture.of("exchange")
    assert [next(iter(noted.command)) for noted in exchanges] == ["find", "getMore", "getMore"]
    assert {noted.collection for noted in exchanges} == {"wire.many"}


async def test_an_exhaust_cursor_gives_an_exchange_for_each_reply(
    relay: Relaying, client: Client
) -> None:
    await client["wire"]["many"].insert_many([{"_id": number} for number in range(50)])

    cursor = client["wire"]["many"].find(
        cursor_type=pymongo.CursorType.EXHAUST, batch_size=10, sort=[("_id", 1)]
    )
    found = [doc["_id"] async for doc in cursor]

    assert found == list(range(50))
    assert len(relay.capture.of("exchange")) >= 5
    assert relay.listener.snapshot().replies_unpaired == 0


async def test_a_transaction_commits_and_another_aborts(relay: Relaying, client: Client) -> None:
    async def transfer(session: AsyncClientSession) -> None:
        await client["wire"]["accounts"].insert_one({"_id": 1}, session=session)
        await client["wire"]["accounts"].insert_one({"_id": 2}, session=session)

    async with client.start_session() as session:
        await session.with_transaction(transfer)
        await session.start_transaction()
        await client["wire"]["accounts"].insert_one({"_id": 3}, session=session)
        await session.abort_transaction()

    assert await client["wire"]["accounts"].count_documents({}) == 2
    commands = [next(iter(noted.command)) for noted in relay.capture.of("intent")]
    assert commands == ["insert", "insert", "commitTransaction", "insert", "abortTransaction"]


async def test_a_retryable_write_is_forwarded_with_its_number(
    relay: Relaying, client: Client
) -> None:
    await client["wire"]["retry"].insert_one({"_id": 1})

    command = relay.capture.of("intent")[0].command
    assert {"lsid", "txnNumber", "$clusterTime"} <= command.keys() | {"$clusterTime"}
    assert "txnNumber" in command


async def test_an_error_arrives_as_it_was_sent(client: Client) -> None:
    await client["wire"]["errors"].insert_one({"_id": 1})

    with pytest.raises(DuplicateKeyError) as duplicate:
        await client["wire"]["errors"].insert_one({"_id": 1})

    assert duplicate.value.code == 11000


async def test_a_change_stream_follows(client: Client) -> None:
    async with await client["wire"]["watched"].watch() as changes:
        await client["wire"]["watched"].insert_one({"_id": 1})
        change = await changes.next()

    assert change["operationType"] == "insert"


async def test_an_unacknowledged_write_is_captured_without_waiting(
    relay: Relaying, client: Client
) -> None:
    silent = client["wire"].get_collection("silent", write_concern=WriteConcern(w=0))

    await silent.insert_one({"_id": 1})

    await eventually(lambda: client["wire"]["silent"].find_one({"_id": 1}))
    assert relay.listener.snapshot().writes_unacknowledged == 1
    assert relay.capture.of("reply")[0].reply == b""
    assert relay.listener.snapshot().writes_unanswered == 0


async def test_a_large_document_passes_both_ways(relay: Relaying, client: Client) -> None:
    text = "x" * 15_000_000

    await client["wire"]["large"].insert_one({"_id": 1, "text": text})
    found = await client["wire"]["large"].find_one({"_id": 1})

    assert found == {"_id": 1, "text": text}
    assert len(relay.capture.of("intent")[0].request) > 15_000_000
    assert len(relay.capture.of("exchange")[0].reply) > 15_000_000


async def test_an_aggregation_that_stores_is_written_ahead(relay: Relaying, client: Client) -> None:
    await client["wire"]["source"].insert_one({"_id": 1})

    await (await client["wire"]["source"].aggregate([{"$out": "copy"}])).to_list()

    assert [next(iter(noted.command)) for noted in relay.capture.of("intent")] == [
        "insert",
        "aggregate",
    ]


async def test_a_client_that_leaves_is_noted_if_anything_of_it_was_captured(
    relay: Relaying,
) -> None:
    async with Client(relay.uri) as client:
        await client["wire"]["left"].find_one({})

    closed = await eventually(lambda: relay.capture.of("closed"))
    assert [noted.connection for noted in closed] == [
        noted.connection for noted in relay.capture.of("exchange")
    ]


async def test_a_login_passes_and_nothing_of_it_is_captured(server_directory: Path) -> None:
    user = MongoUser(name="root", password="very-secret-word")
    async with (
        embedded_mongo(server_directory / "login", user=user) as mongo,
        relaying(mongo.uri) as relay,
    ):
        login = f"mongodb://root:very-secret-word@{relay.address}/?authSource=admin"
        async with Client(login) as client:
            await client["wire"]["mine"].insert_one({"_id": 1})
            await client["wire"].command(
                "createUser", "other", pwd="another-secret", roles=["readWrite"]
            )
            assert await client["wire"]["mine"].find_one() == {"_id": 1}
        async with Client(relay.uri) as stranger:
            with pytest.raises(OperationFailure, match="requires authentication"):
                await stranger["wire"]["mine"].find_one()
        wrong = f"mongodb://root:wrong@{relay.address}/?authSource=admin"
        async with Client(wrong) as stranger:
            with pytest.raises(OperationFailure, match="Authentication failed"):
                await stranger["wire"]["mine"].find_one()

        names = [next(iter(noted.command)) for noted in relay.capture.noted if noted.request]
        kept = b"".join(noted.request + noted.reply for noted in relay.capture.noted)
        assert names == ["insert", "find", "find"]
        assert b"secret" not in kept
        assert b"payload" not in kept


async def test_tls_to_mongod_is_used_when_the_uri_asks_for_it(server_directory: Path) -> None:
    authority = trustme.CA()
    files = TlsFiles(
        certificate_key=server_directory / "server.pem", authority=server_directory / "ca.pem"
    )
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(files.certificate_key)
    )
    authority.cert_pem.write_to_path(str(files.authority))
    async with (
        embedded_mongo(server_directory / "tls", tls=files) as mongo,
        relaying(mongo.uri) as relay,
        Client(relay.uri) as client,
    ):
        await client["wire"]["safe"].insert_one({"_id": 1})

        assert await client["wire"]["safe"].find_one() == {"_id": 1}


async def test_a_standalone_server_is_relayed(mongo_standalone: EmbeddedMongo) -> None:
    async with relaying(mongo_standalone.uri) as relay, Client(relay.uri) as client:
        await client["wire"]["alone"].insert_one({"_id": 1})

        assert await client["wire"]["alone"].find_one() == {"_id": 1}
        await client.drop_database("wire")
