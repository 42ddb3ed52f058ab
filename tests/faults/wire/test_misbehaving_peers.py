"""Whatever one peer does costs its own connection, within a bound, and is said in the log and the counts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from tests.eventually import eventually
from tests.peers.messages import HEADER, document_of, op_msg
from tests.peers.misbehaving import (
    ANSWER,
    BREAKS_PROTOCOL,
    ENDS_BY_ITSELF,
    Misbehaviour,
    Reader,
    Writer,
    a_read,
    a_write,
    an_old_hello,
    answering,
    legacy_that,
    misbehave,
    next_message,
)
from tests.peers.relaying import Relaying, relaying

REQUESTS = {"read": a_read, "write": a_write, "hello": an_old_hello}


@asynccontextmanager
async def connected(relay: Relaying) -> AsyncIterator[tuple[Reader, Writer]]:
    """Connect a client to the relay."""
    reader, writer = await asyncio.open_connection(relay.address.host, relay.address.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def assert_others_are_served(relay: Relaying) -> None:
    async with connected(relay) as (reader, writer):
        writer.write(a_read())
        assert document_of(await next_message(reader)) == ANSWER


async def assert_closed(reader: Reader) -> None:
    """Read to the end; a reset is an end too."""
    async with asyncio.timeout(10):
        try:
            while await reader.read(65536):
                pass
        except ConnectionError:
            return


@pytest.mark.parametrize("how", list(Misbehaviour))
async def test_a_client_that_misbehaves_costs_its_own_connection(how: Misbehaviour) -> None:
    async with legacy_that(answering) as uri, relaying(uri) as relay:
        async with connected(relay) as (reader, writer):
            writer.write(a_read(7))
            assert HEADER.unpack_from(await next_message(reader))[2] == 7

            await misbehave(writer, how, a_write(8))

            await assert_others_are_served(relay)
            if how is Misbehaviour.SLOW:
                assert HEADER.unpack_from(await next_message(reader))[2] == 8
            elif how in BREAKS_PROTOCOL:
                await assert_closed(reader)
            elif how in ENDS_BY_ITSELF:
                await eventually(lambda: relay.listener.snapshot().connections_open == 0)
        await eventually(lambda: relay.listener.snapshot().connections_open == 0)

        refused = relay.listener.snapshot().refused
        assert refused == ({"client_broke_protocol": 1} if how in BREAKS_PROTOCOL else {})
        # What was not whole was not forwarded, and so is no intent.
        assert len(relay.capture.of("intent")) == (1 if how is Misbehaviour.SLOW else 0)


@pytest.mark.parametrize("kind", list(REQUESTS))
@pytest.mark.parametrize("how", list(Misbehaviour))
async def test_a_server_that_misbehaves_costs_the_connection_it_misbehaves_on(
    how: Misbehaviour, kind: str
) -> None:
    request = REQUESTS[kind](8)
    is_first = True

    async def once(reader: Reader, writer: Writer) -> None:
        nonlocal is_first
        if not is_first:
            await answering(reader, writer)
        is_first = False
        asked = await next_message(reader)
        await misbehave(writer, how, whole_answer(asked))

    async with legacy_that(once) as uri, relaying(uri) as relay:
        async with connected(relay) as (reader, writer):
            writer.write(request)
            await eventually(lambda: not is_first)

            await assert_others_are_served(relay)
            if how is Misbehaviour.SLOW:
                assert document_of(await next_message(reader)) == ANSWER
            elif how is not Misbehaviour.SILENT:
                await assert_closed(reader)
        await eventually(lambda: relay.listener.snapshot().connections_open == 0)

        broke = how in BREAKS_PROTOCOL
        assert relay.listener.snapshot().refused == ({"legacy_broke_protocol": 1} if broke else {})
        answers = [noted.reply for noted in relay.capture.of("reply")]
        if kind == "write":
            # In doubt unless the reply was whole.
            assert len(answers) == 1
            assert bool(answers[0]) is (how is Misbehaviour.SLOW)


def whole_answer(request: bytes) -> bytes:
    return op_msg(ANSWER, response_to=HEADER.unpack_from(request)[1])


async def test_requests_before_a_broken_one_are_answered() -> None:
    async with (
        legacy_that(answering) as uri,
        relaying(uri) as relay,
        connected(relay) as (reader, writer),
    ):
        writer.write(a_read(1) + a_write(2) + HEADER.pack(3, 3, 0, 2013))

        answered = [HEADER.unpack_from(await next_message(reader))[2] for _ in range(2)]

        assert answered == [1, 2]
        await assert_closed(reader)


async def test_an_unreachable_server_closes_the_client_at_once_and_is_counted() -> None:
    async with relaying("mongodb://127.0.0.1:1/?directConnection=true") as relay:
        async with connected(relay) as (reader, _):
            await assert_closed(reader)

        assert relay.listener.snapshot().refused == {"legacy_unreachable": 1}


async def test_no_primary_closes_the_client_within_seconds() -> None:
    async with relaying("mongodb://127.0.0.1:1/?replicaSet=rs0") as relay:
        async with connected(relay) as (reader, _):
            await assert_closed(reader)

        assert relay.listener.snapshot().refused == {"no_primary": 1}
        assert relay.listener.snapshot().primary is None


async def test_more_clients_than_allowed_are_closed_and_counted() -> None:
    async with legacy_that(answering) as uri, relaying(uri, max_connections=1) as relay:
        async with connected(relay) as (reader, writer):
            writer.write(a_read())
            await next_message(reader)
            async with connected(relay) as (refused, _):
                await assert_closed(refused)
            writer.write(a_read())
            await next_message(reader)
        await eventually(lambda: relay.listener.snapshot().connections_open == 0)

        await assert_others_are_served(relay)
        assert relay.listener.snapshot().refused == {"too_many_connections": 1}


async def test_a_client_that_does_not_read_stops_the_server_not_memory() -> None:
    sent = 0

    async def flooding(reader: Reader, writer: Writer) -> None:
        nonlocal sent
        asked = HEADER.unpack_from(await next_message(reader))[1]
        # Replies without end to one request, as of an exhaust cursor; each is the request of the next.
        block = op_msg({"ok": 1.0}, flags=2, request_id=asked, response_to=asked) * 1000
        while True:
            writer.write(block)
            await writer.drain()
            sent += len(block)

    async with (
        legacy_that(flooding) as uri,
        relaying(uri) as relay,
        connected(relay) as (reader, writer),
    ):
        both_ways(writer).pause_reading()
        writer.write(a_read())

        await stands_still(lambda: sent)

        passed = relay.listener.snapshot().reply_bytes
        assert 0 < passed < 20_000_000
        both_ways(writer).resume_reading()
        await reader.readexactly(passed)
        writer.transport.abort()


async def test_a_server_that_does_not_read_stops_the_client_not_memory() -> None:
    async def deaf(reader: Reader, writer: Writer) -> None:
        both_ways(writer).pause_reading()

    async with (
        legacy_that(deaf) as uri,
        relaying(uri) as relay,
        connected(relay) as (_, writer),
    ):
        writer.transport.set_write_buffer_limits(high=1)
        sent = 0

        async def flood() -> None:
            nonlocal sent
            block = a_read() * 1000
            while True:
                writer.write(block)
                await writer.drain()
                sent += len(block)

        async with asyncio.TaskGroup() as tasks:
            flooding = tasks.create_task(flood())
            await stands_still(lambda: sent)
            flooding.cancel()

        assert 0 < relay.listener.snapshot().request_bytes < 20_000_000
        writer.transport.abort()


def both_ways(writer: Writer) -> asyncio.Transport:
    """Return the transport of a stream, which reads as well."""
    return cast("asyncio.Transport", writer.transport)


async def stands_still(count: Callable[[], int]) -> None:
    """Wait until a count that grew grows no more."""
    before = -1

    async def still() -> bool:
        nonlocal before
        last, before = before, count()
        await asyncio.sleep(0.2)
        return bool(before == last == count() and before > 0)

    await eventually(still, within_s=30)
