"""A real Redis for tests, that can be stopped, hung and started again."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.redis.adapter import check
from comparators.errors import UnreachableError
from proxy.embedded.process import ServerProcess, free_port

READY_WITHIN_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRedis:
    """A Redis on a port of its own."""

    url: str
    process: ServerProcess

    async def start(self) -> None:
        self.process.start()
        await self.process.ready(self.answers, within_s=READY_WITHIN_S)

    async def answers(self) -> bool:
        try:
            await check(self.url)
        except UnreachableError:
            return False
        return True


def installed() -> str:
    """Return the place of Redis's server."""
    found = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
    if found is None:
        pytest.skip("no redis-server: install the package, or name it with REDIS_SERVER")
    return found


@asynccontextmanager
async def running_redis(directory: Path) -> AsyncIterator[RunningRedis]:
    """Run a Redis that keeps nothing on disk."""
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = ServerProcess(
        name="redis-server",
        command=[installed(), *options],
        directory=directory,
        log_path=directory / "redis.log",
    )
    redis = RunningRedis(url=f"redis://127.0.0.1:{port}/0", process=process)
    try:
        await redis.start()
        yield redis
    finally:
        await process.stop()
