"""The check that no test leaves anything behind: it guards every test."""

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.eventually import eventually

LEFT_BEHIND_WITHIN_S = 1.0


@pytest.fixture(autouse=True)
async def leaves_nothing_behind(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Fail a test that leaves a task, a listening socket, an unclosed connection or an error that nobody fetched."""
    loop = asyncio.get_running_loop()
    tasks_before = _other_tasks()
    listeners_before = _listeners()
    sockets_before = _socket_count()
    swallowed: list[dict[str, Any]] = []
    handler_before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _loop, context: swallowed.append(context))

    yield

    if request.node.get_closest_marker("leaves_behind") is None:
        await _gone(lambda: _other_tasks() - tasks_before, "tasks left running")
        await _gone(lambda: _listeners() - listeners_before, "ports left listening")
    if _socket_count() > sockets_before:
        # Whoever dropped a connection without closing it is told by its ResourceWarning, in this test.
        gc.collect()
    loop.set_exception_handler(handler_before)
    assert not swallowed, f"errors that nobody fetched: {swallowed}"


async def _gone(left: Any, what: str) -> None:
    """Wait for `left` to return nothing: what was told to end needs a few turns of the loop to do so."""
    try:
        await eventually(lambda: not left(), within_s=LEFT_BEHIND_WITHIN_S)
    except AssertionError:
        pytest.fail(f"{what}: {left()}")


def _other_tasks() -> set[asyncio.Task[Any]]:
    """Return the unfinished tasks besides the one that runs this fixture."""
    current = asyncio.current_task()
    return {task for task in asyncio.all_tasks() if task is not current}


def _listeners() -> set[str]:
    """Return the local addresses this process listens on.

    Each socket is asked: /proc/net/tcp holds those of the whole machine, and takes ten times as long to read.
    """
    addresses = set()
    for descriptor in _sockets():
        try:
            with socket.socket(fileno=os.dup(descriptor)) as duplicate:
                if duplicate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    addresses.add(str(duplicate.getsockname()))
        except OSError:
            continue
    return addresses


def _socket_count() -> int:
    return len(_sockets())


def _sockets() -> list[int]:
    """Return the descriptors of the sockets this process holds."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):  # noqa: PTH208 - a descriptor may be gone when looked at
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
        except OSError:
            continue
        if target.startswith("socket:["):
            found.append(int(descriptor))
    return found
