import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from distributed import Client

from comparators.errors import SettingsError, UnreachableError
from proxy.embedded.process import ServerProcess, accepts_connections, free_port
from proxy.jobs.chunks import ChunkRunner, attempted, for_each
from proxy.jobs.runners.dask import DaskRunner
from proxy.jobs.runners.local import LocalRunner
from tests.integration.jobs.chunk_tasks import Sum, add


async def _sums(runner: ChunkRunner, specs: list[Sum]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []

    async def work(spec: Sum) -> None:
        found.append((spec.number, await attempted(runner, add, spec)))

    await for_each(runner, specs, work)
    return sorted(found)


async def test_a_chunk_that_fails_is_run_again_and_counts_once(tmp_path: Path) -> None:
    specs = [Sum(number=n, notes=tmp_path, fails=2 * (n == 3)) for n in range(8)]

    assert await _sums(LocalRunner(places=3), specs) == [(n, n * 2) for n in range(8)]


async def test_a_chunk_that_keeps_failing_ends_with_its_error(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="not yet"):
        await attempted(
            LocalRunner(places=1), add, Sum(number=1, notes=tmp_path, fails=9), attempts=2
        )

    assert (tmp_path / "1").read_text() == "xx"


async def test_what_cannot_get_better_is_not_tried_again() -> None:
    tries = []

    async def wrong(spec: int) -> int:
        tries.append(spec)
        raise SettingsError("wrong", where="here", remedy="correct it")

    with pytest.raises(SettingsError):
        await attempted(LocalRunner(places=1), wrong, 1)

    assert tries == [1]


async def test_a_cluster_runs_chunks_and_outlives_a_worker(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    specs = [
        Sum(number=n, notes=tmp_path / "notes", fails=2 * (n == 3), dies=n == 5) for n in range(8)
    ]

    async with dask_cluster(tmp_path) as address, DaskRunner(address) as runner:
        assert runner.places == 2
        assert await _sums(runner, specs) == [(n, n * 2) for n in range(8)]


async def test_a_scheduler_that_is_away_is_named() -> None:
    with pytest.raises(UnreachableError, match="Dask scheduler"):
        async with DaskRunner("tcp://127.0.0.1:1", within_s=0.5):
            pass


@asynccontextmanager
async def dask_cluster(directory: Path) -> AsyncIterator[str]:
    """Run a scheduler and two workers of one thread each on loopback; give the scheduler's address."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    loopback = ["--host", "127.0.0.1", "--no-dashboard"]
    commands = {"scheduler": ["scheduler", *loopback, "--port", str(port)]}
    for name in ("worker one", "worker two"):
        options = [*loopback, "--nthreads", "1", "--no-nanny", "--memory-limit", "0"]
        commands[name] = ["worker", address, *options, "--local-directory", str(directory / name)]
    async with AsyncExitStack() as held:
        for name, command in commands.items():
            process = ServerProcess(
                name=name,
                command=[sys.executable, "-m", "distributed.cli.dask_" + command[0], *command[1:]],
                directory=directory,
                log_path=directory / f"{name}.log",
            )
            process.start()
            held.push_async_callback(process.stop, within_s=10)
            if name == "scheduler":
                await process.ready(lambda: accepts_connections(port), within_s=30)
        async with Client(address, asynchronous=True, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            await client.wait_for_workers(2, timeout=60)
        yield address
