"""`parallax gateway` as a process on loopback: a MongoDB for drivers that is PostgreSQL alone."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from proxy.embedded.process import ServerProcess, accepts_connections, free_port

READY_WITHIN_S = 60
STOP_WITHIN_S = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedGateway:
    """A running `parallax gateway`."""

    port: int
    process: ServerProcess
    log: Path

    @property
    def uri(self) -> str:
        """The address for applications, without any option."""
        return f"mongodb://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        """Start it and wait until it accepts connections."""
        self.process.start()
        await self.process.ready(lambda: accepts_connections(self.port), within_s=READY_WITHIN_S)

    async def stop(self) -> None:
        """Ask it to end, and wait."""
        await self.process.stop(within_s=STOP_WITHIN_S)

    async def kill(self) -> None:
        """Kill it."""
        await self.process.stop(signal.SIGKILL)


@asynccontextmanager
async def embedded_gateway(
    directory: Path,
    *,
    gateway: str,
    settings: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> AsyncIterator[EmbeddedGateway]:
    """Serve a PostgreSQL database to MongoDB's drivers; `settings` are PARALLAX_ variables."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PARALLAX_")},
        "PARALLAX_GATEWAY_URI": gateway,
        "PARALLAX_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        **(settings or {}),
    }
    log = directory / "gateway.log"
    process = ServerProcess(
        name="parallax gateway",
        command=[sys.executable, "-m", "proxy.cli", "gateway", *arguments],
        directory=directory,
        log_path=log,
        environment=environment,
        death_signal=signal.SIGTERM,
    )
    served = EmbeddedGateway(port=port, process=process, log=log)
    await served.start()
    try:
        yield served
    finally:
        await served.stop()
