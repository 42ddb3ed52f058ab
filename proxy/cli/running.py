"""Where the chunk tasks of a command run, and which collections it is about."""

from contextlib import AsyncExitStack
from typing import Annotated

import typer

from proxy.jobs.chunks import ChunkRunner
from proxy.jobs.runners.dask import DaskRunner
from proxy.jobs.runners.local import LocalRunner

Collections = Annotated[
    list[str] | None,
    typer.Argument(
        help="Collections, as `database.collection`; without any, all.",
        metavar="COLLECTION",
        show_default=False,
    ),
]
Dask = Annotated[
    str | None,
    typer.Option("--dask", help="Let the workers of a Dask cluster do it.", metavar="ADDRESS"),
]


async def runner_of(held: AsyncExitStack, dask: str | None, *, places: int) -> ChunkRunner:
    """Return the runner on a cluster, or in this process with so many chunks at once; `held` ends it."""
    if dask is None:
        return LocalRunner(places=places)
    return await held.enter_async_context(DaskRunner(dask))
