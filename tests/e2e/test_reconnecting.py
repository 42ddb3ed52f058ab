"""A sidecar that dies and comes back is to the application a mongod that dies and comes back."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.embedded import EmbeddedMongo, embedded_mongo
from proxy.embedded.sidecar import embedded_sidecar
from tests.e2e.both_sides import both_sides_become_equal
from tests.e2e.ledger import Expected, assert_verified
from tests.e2e.node_runs import NODE

STEP_WITHIN_S = 60


class Steps:
    """A program that goes on when it is told to, and answers each time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def answer(self) -> Any:
        assert self._process.stdout is not None
        async with asyncio.timeout(STEP_WITHIN_S):
            line = await self._process.stdout.readline()
        assert line, "the program ended"
        return json.loads(line)

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")


@pytest.mark.parametrize("version", ["8", "9"])
async def test_mongoose_reconnects_as_to_mongod(
    version: str, mongo: EmbeddedMongo, postgres_dsn: str, server_directory: Path
) -> None:
    name = f"reconnecting_{version}"
    directory = server_directory / name
    async with embedded_mongo(directory / "mongod") as own:
        member = own.members[0]
        direct = await _seen(
            version, f"mongodb://{member.address}/{name}", member.kill, own_start(own)
        )
    async with embedded_sidecar(
        directory / "sidecar", legacy=mongo.uri, gateway=postgres_dsn
    ) as sidecar:
        through = await _seen(version, f"{sidecar.uri}{name}", sidecar.kill, sidecar.start)
        await sidecar.drained()
        await both_sides_become_equal(mongo.uri, postgres_dsn, name)
        # What was answered in the last moment before the kill may be without an answer on the log.
        in_doubt = Expected(maybe={"no answer was seen"})
        assert_verified(await sidecar.evidence(), name, in_doubt)

    assert through == direct


def own_start(servers: EmbeddedMongo) -> Callable[[], Awaitable[None]]:
    """Return what starts the server and waits until it leads again."""

    async def start() -> None:
        await servers.members[0].start()

    return start


async def _seen(
    version: str,
    uri: str,
    kill: Callable[[], Awaitable[None]],
    start: Callable[[], Awaitable[None]],
) -> list[Any]:
    async with _program(version, uri) as steps:
        connected = await steps.answer()
        await kill()
        steps.go_on()
        cut_off = await steps.answer()
        await start()
        steps.go_on()
        return [connected, cut_off, await steps.answer()]


@asynccontextmanager
async def _program(version: str, uri: str) -> AsyncIterator[Steps]:
    node = shutil.which("node")
    assert node is not None, "the end-to-end tests need Node"
    process = await asyncio.create_subprocess_exec(
        node,
        "reconnect.mjs",
        version,
        uri,
        cwd=NODE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Steps(process)
        await process.communicate()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
