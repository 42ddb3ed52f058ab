"""What drivers may send besides the usual, on a raw connection to a real mongod."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from proxy.embedded import EmbeddedMongo
from tests.peers.messages import HEADER, document_of, op_msg, op_query
from tests.peers.misbehaving import Reader, Writer, next_message
from tests.peers.relaying import Relaying, relaying


class Raw(NamedTuple):
    """A relay and a bare connection to it."""

    relay: Relaying
    reader: Reader
    writer: Writer

    async def ask(self, request: bytes) -> dict[str, Any]:
        self.writer.write(request)
        return document_of(await next_message(self.reader))


@pytest.fixture
async def raw(mongo: EmbeddedMongo) -> AsyncIterator[Raw]:
    async with relaying(mongo.uri) as relay:
        reader, writer = await asyncio.open_connection(*relay.address)
        yield Raw(relay, reader, writer)
        writer.close()


def assert_only_the_relay_is_seen(hello: dict[str, Any], relay: Relaying) -> None:
    assert hello["hosts"] == [str(relay.address)]
    assert hello["me"] == hello["primary"] == str(relay.address)
    assert hello["setName"] == "rs0"
    assert not hello.keys() & {"compression", "topologyVersion"}


async def test_an_old_driver_s_hello_is_rewritten(raw: Raw) -> None:
    command = {"isMaster": 1, "helloOk": True, "compression": ["zlib", "snappy"]}

    hello = await raw.ask(op_query("admin.$cmd", command))

    assert_only_the_relay_is_seen(hello, raw.relay)
    assert hello["ismaster"] is True


async def test_a_new_driver_s_hello_is_rewritten(raw: Raw) -> None:
    hello = await raw.ask(op_msg({"hello": 1, "compression": ["zlib"], "$db": "admin"}))

    assert_only_the_relay_is_seen(hello, raw.relay)


async def test_every_reply_of_a_streaming_hello_is_rewritten(
    raw: Raw, mongo: EmbeddedMongo
) -> None:
    # A driver that never saw topologyVersion does not ask for this; one that got it elsewhere might.
    version = (await mongo.members[0].hello())["topologyVersion"]
    raw.writer.write(
        op_msg(
            {"hello": 1, "topologyVersion": version, "maxAwaitTimeMS": 50, "$db": "admin"},
            flags=1 << 16,
        )
    )

    for _ in range(3):
        reply = await next_message(raw.reader)
        assert_only_the_relay_is_seen(document_of(reply), raw.relay)
        assert reply[16] == 2

    assert raw.relay.listener.snapshot().replies_unpaired == 0


async def test_requests_sent_ahead_of_replies_are_answered_in_order(raw: Raw) -> None:
    commands: list[dict[str, Any]] = [
        {"ping": 1, "$db": "admin"},
        {"hello": 1, "$db": "admin"},
        {"find": "nothing", "$db": "wire"},
        {"hello": 1, "$db": "admin"},
        {"buildInfo": 1, "$db": "admin"},
    ]
    raw.writer.write(
        b"".join(op_msg(command, request_id=10 + n) for n, command in enumerate(commands))
    )

    replies = [await next_message(raw.reader) for _ in commands]

    assert [HEADER.unpack_from(reply)[2] for reply in replies] == [10, 11, 12, 13, 14]
    for hello in (replies[1], replies[3]):
        assert_only_the_relay_is_seen(document_of(hello), raw.relay)
    assert document_of(replies[2])["cursor"]["firstBatch"] == []
    assert [noted.collection for noted in raw.relay.capture.noted] == ["wire.nothing"]


async def test_document_sequences_before_the_command_are_understood(raw: Raw) -> None:
    reply = await raw.ask(
        op_msg(
            {"insert": "sequences", "ordered": True, "$db": "wire"},
            sequences={"documents": [{"_id": 1}, {"_id": 2}]},
            sequences_first=True,
        )
    )
    await raw.ask(op_msg({"drop": "sequences", "$db": "wire"}))

    assert reply["n"] == 2
    assert [noted.collection for noted in raw.relay.capture.of("intent")] == ["wire.sequences"] * 2


async def test_a_request_byte_by_byte_is_forwarded_once_whole(raw: Raw) -> None:
    request = op_msg({"ping": 1, "$db": "admin"}, request_id=5)
    for byte in request:
        raw.writer.write(bytes([byte]))
        await raw.writer.drain()

    assert HEADER.unpack_from(await next_message(raw.reader))[2] == 5


async def test_a_compressed_request_ends_its_connection(raw: Raw) -> None:
    raw.writer.write(HEADER.pack(25, 1, 0, 2012) + bytes(9))

    assert await raw.reader.read() == b""
    assert raw.relay.listener.snapshot().refused == {"client_broke_protocol": 1}
