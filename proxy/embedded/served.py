"""`parallax gateway` as a process on loopback: a MongoDB for drivers that is PostgreSQL alone."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from proxy.embedded.command import ListeningCommand


class EmbeddedGateway(ListeningCommand):
    """A running `parallax gateway`."""


@asynccontextmanager
async def embedded_gateway(
    directory: Path,
    *,
    gateway: str,
    settings: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> AsyncIterator[EmbeddedGateway]:
    """Serve a PostgreSQL database to MongoDB's drivers; `settings` are PARALLAX_ variables."""
    served = EmbeddedGateway.of(
        "gateway",
        directory,
        settings={"PARALLAX_GATEWAY_URI": gateway, **(settings or {})},
        arguments=arguments,
    )
    await served.start()
    try:
        yield served
    finally:
        await served.stop()
