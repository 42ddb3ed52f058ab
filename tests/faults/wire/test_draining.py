"""On its way down the relay lets open requests be answered, within a limit, and takes no more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from comparators.errors import SettingsError
from proxy.embedded import embedded_mongo
from proxy.wire.legacy import legacy_servers
from proxy.wire.listener import Listener
from tests.eventually import eventually
from tests.peers.memory_capture import MemoryCapture
from tests.peers.messages import HEADER, op_msg
from tests.peers.misbehaving import (
    ANSWER,
    Reader,
    Writer,
    a_read,
    a_write,
    answering,
    legacy_that,
    next_message,
)
from tests.peers.relaying import relaying


@asynccontextmanager
async def ending_relay(
    uri: str, *, drain_s: float
) -> AsyncIterator[tuple[Listener, MemoryCapture, Reader, Writer, asyncio.Task[None]]]:
    """Run a relay with one client; the test cancels its task."""
    capture = MemoryCapture()
    listener = Listener(
        servers=legacy_servers(uri), capture=capture, host="127.0.0.1", port=0, drain_s=drain_s
    )
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(listener.run())
        reader, writer = await asyncio.open_connection(*await listener.listening())
        try:
            yield listener, capture, reader, writer, task
        finally:
            task.cancel()
            writer.close()


async def test_an_open_request_is_answered_before_the_end() -> None:
    may_answer = asyncio.Event()
    asked = asyncio.Event()

    async def slow(reader: Reader, writer: Writer) -> None:
        request = await next_message(reader)
        asked.set()
        await may_answer.wait()
        writer.write(op_msg(ANSWER, response_to=HEADER.unpack_from(request)[1]))

    async with (
        legacy_that(slow) as uri,
        ending_relay(uri, drain_s=30) as (listener, capture, reader, writer, task),
    ):
        writer.write(a_write(5))
        await asked.wait()
        task.cancel()
        await eventually(listener.refusal)
        may_answer.set()

        assert HEADER.unpack_from(await next_message(reader))[2] == 5
        assert await reader.read() == b""
        await eventually(task.done)
        assert capture.of("reply")[0].reply
        assert capture.noted[-1].kind == "closed"


async def test_a_request_that_is_never_answered_ends_with_the_limit_and_stays_in_doubt() -> None:
    asked = asyncio.Event()

    async def silent(reader: Reader, writer: Writer) -> None:
        await next_message(reader)
        asked.set()

    async with (
        legacy_that(silent) as uri,
        ending_relay(uri, drain_s=0.1) as (listener, capture, _, writer, task),
    ):
        writer.write(a_write(5))
        await asked.wait()
        task.cancel()
        await eventually(task.done)

        assert [noted.reply for noted in capture.of("reply")] == [b""]
        assert listener.snapshot().writes_unanswered == 1
        assert listener.snapshot().connections_open == 0


async def test_idle_clients_are_closed_at_once() -> None:
    async with (
        legacy_that(answering) as uri,
        ending_relay(uri, drain_s=1000) as (_, _, reader, writer, task),
    ):
        writer.write(a_read())
        await next_message(reader)
        task.cancel()

        assert await reader.read() == b""
        await eventually(task.done)


async def test_a_server_that_is_down_at_the_start_is_found_when_it_comes(
    server_directory: Path,
) -> None:
    async with embedded_mongo(server_directory / "late") as mongo:
        member = mongo.members[0]
        await member.stop()
        async with relaying(mongo.uri) as relay:
            reader, writer = await asyncio.open_connection(*relay.address)
            assert await reader.read() == b""
            writer.close()
            assert relay.listener.snapshot().refused == {"no_primary": 1}

            await member.start()

            await eventually(lambda: relay.listener.snapshot().primary, within_s=20)


async def test_an_address_in_use_says_so() -> None:
    async with legacy_that(answering) as uri, relaying(uri) as relay:
        second = Listener(
            servers=legacy_servers(uri),
            capture=MemoryCapture(),
            host=relay.address.host,
            port=relay.address.port,
        )

        with pytest.raises(SettingsError, match="in use") as refusal:
            await second.run()

    assert refusal.value.where == "[listen] address"


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_an_address_of_another_machine_says_so(host: str) -> None:
    listener = Listener(
        servers=legacy_servers("mongodb://127.0.0.1:1"),
        capture=MemoryCapture(),
        host=host,
        port=27018,
    )

    with pytest.raises(SettingsError, match=host) as refusal:
        await listener.run()

    assert "address of this machine" in refusal.value.remedy
