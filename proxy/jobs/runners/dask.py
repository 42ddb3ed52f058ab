"""Tasks on an existing Dask cluster, whose workers have Parallax installed and reach both databases.

Source: Dask documentation, "Client.submit", "Asynchronous Operation", "Resilience".
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Final, Self
from uuid import uuid4

from comparators.errors import SettingsError, UnreachableError
from proxy.jobs.chunks import R, S, Task

CONNECT_WITHIN_S: Final = 10.0


class DaskRunner:
    """Fulfil `ChunkRunner` with a cluster's workers. Made by `async with DaskRunner(address)`."""

    def __init__(self, address: str, *, within_s: float = CONNECT_WITHIN_S) -> None:
        self._address = address
        self._within_s = within_s
        self._held = AsyncExitStack()
        self._client: Any = None
        self._places = 1

    async def __aenter__(self) -> Self:
        client_class = _client_class()
        try:
            client = client_class(
                self._address, asynchronous=True, timeout=self._within_s, set_as_default=False
            )
            self._client = await self._held.enter_async_context(client)
        except (OSError, TimeoutError) as error:
            raise UnreachableError(
                f"the Dask scheduler does not answer ({type(error).__name__})",
                where=self._address,
                remedy="check that it runs there, and that its version is near this one's",
            ) from error
        threads = await self._client.nthreads()
        self._places = max(1, sum(threads.values()))
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._held.aclose()

    @property
    def places(self) -> int:
        return self._places

    async def run(self, task: Task[S, R], spec: S) -> R:
        """Run a task on some worker; the cluster runs it elsewhere if that one is lost."""
        future = self._client.submit(
            _run_to_end, task, spec, key=f"{task.__name__}-{uuid4().hex}", pure=False
        )
        try:
            result: R = await future
        finally:
            # Nobody else asks for it: what is not done yet need not be.
            await future.cancel(force=True)
        return result


def _run_to_end(task: Task[S, R], spec: S) -> R:
    """Run a task in a thread of a worker."""
    return asyncio.run(task(spec))


def _client_class() -> Any:
    try:
        from distributed import Client  # only where a cluster is used: the extra brings it
    except ImportError as missing:
        raise SettingsError(
            "Dask is not installed",
            where="--dask",
            remedy="install `parallax[cluster]`, here and where the workers run",
        ) from missing
    return Client
