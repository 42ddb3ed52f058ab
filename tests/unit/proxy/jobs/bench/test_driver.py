"""Coordinated omission, shown by a server that stalls: who asks at a set rate sees all that it delays."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.jobs.bench.driver import Driven, drive
from proxy.jobs.bench.loads import Load

STALL_S = 0.5
STALLS_AT = 60
PER_S = 200.0
COUNT = 200
CONNECTIONS = 2
SLOW_S = STALL_S / 2


@asynccontextmanager
async def stalling_server() -> AsyncIterator[int]:
    """Run a server that answers each byte with a byte, and once nobody for a while; give its port."""
    asked = 0
    free_at = 0.0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked, free_at
        while await reader.read(1):
            asked += 1
            if asked == STALLS_AT:
                free_at = time.monotonic() + STALL_S
            if (wait := free_at - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            writer.write(b"!")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def driven(load: Load, *, warm_up: int = 0) -> Driven:
    async with stalling_server() as port:
        free = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]

        async def run(number: int) -> str | None:
            reader, writer = free.pop()
            writer.write(b"?")
            await reader.readexactly(1)
            free.append((reader, writer))
            return None if number % 10 else "every tenth"

        found = await drive(run, load, warm_up=warm_up, count=COUNT - warm_up)
        for _, writer in free:
            writer.close()
            await writer.wait_closed()
    return found


def slow(found: Driven) -> int:
    return sum(latency >= SLOW_S for latency in found.latencies_s)


async def test_a_stall_is_seen_by_all_operations_that_were_due_meanwhile() -> None:
    open_loop = await driven(Load(connections=CONNECTIONS, per_s=PER_S))

    # Those due in the first half of the stall wait for the other half at least.
    assert slow(open_loop) >= 0.9 * (STALL_S - SLOW_S) * PER_S


async def test_those_who_wait_for_their_answers_hide_a_stall() -> None:
    closed_loop = await driven(Load(connections=CONNECTIONS))

    assert CONNECTIONS <= slow(closed_loop) <= 0.2 * (STALL_S - SLOW_S) * PER_S


async def test_operations_are_due_at_the_set_rate_and_the_warm_up_does_not_count() -> None:
    found = await driven(Load(connections=CONNECTIONS, per_s=PER_S), warm_up=100)

    assert len(found.latencies_s) == COUNT - 100
    # From when the first was due until the last was answered, which was due 99 steps later.
    assert found.elapsed_s >= 99 / PER_S
    assert found.failures == {"every tenth": 10}
    assert all(late >= -0.001 for late in found.late_s)


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (Load(connections=32, per_s=200.0), "200/s over 32"),
        (Load(connections=32, per_s=0.5), "0.5/s over 32"),
        (Load(connections=8), "8 at once"),
    ],
)
def test_a_load_has_a_name_to_be_found_by(load: Load, name: str) -> None:
    assert load.name == name
