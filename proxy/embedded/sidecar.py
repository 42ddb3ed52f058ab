"""Parallax itself as a process on loopback, with its data in a folder of its own."""

import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from comparators.errors import ParallaxError
from proxy.embedded.process import ServerProcess, accepts_connections, free_port
from proxy.embedded.waiting import until
from proxy.ledger.evidence import Evidence, Status
from proxy.ledger.read import DEFAULTS, Gates, read_report, status

READY_WITHIN_S = 20
STOP_WITHIN_S = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedSidecar:
    """A running `parallax serve`. `uri` is what an application connects to."""

    port: int
    data: Path
    process: ServerProcess
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """The address for applications, without any option."""
        return f"mongodb://127.0.0.1:{self.port}/"

    @property
    def ledger(self) -> str:
        """The address of its ledger."""
        return f"sqlite:///{self.data / 'ledger.db'}"

    async def start(self) -> None:
        """Start it and wait until it accepts connections."""
        self.process.start()
        await self.process.ready(lambda: accepts_connections(self.port), within_s=READY_WITHIN_S)

    async def stop(self) -> None:
        """Ask it to end, and wait."""
        await self.process.stop(within_s=STOP_WITHIN_S)

    async def kill(self) -> None:
        """Kill the relay; its verifier notices by itself."""
        await self.process.stop(signal.SIGKILL)

    async def drained(self, *, within_s: float = 60) -> Status:
        """Wait until everything captured so far has its verdict, and return where it stands."""
        asked_ns = time.time_ns()

        async def is_drained() -> Status | None:
            found = await self.status()
            if found is None:
                return None
            done = [
                beat
                for beat in found.heartbeats
                if beat.at_ns > asked_ns and beat.lag_operations == 0 and beat.lag_bytes == 0
            ]
            return found if done else None

        return await until(is_drained, within_s=within_s, what="the verifier has not caught up")

    async def status(self) -> Status | None:
        """Return the state of the ledger, None while there is none."""
        try:
            return await status(self.ledger)
        except ParallaxError:
            return None

    async def evidence(self, gates: Gates = DEFAULTS) -> Evidence:
        """Return what the ledger holds."""
        return await read_report(self.ledger, gates=gates)


@asynccontextmanager
async def embedded_sidecar(
    directory: Path,
    *,
    legacy: str,
    gateway: str,
    settings: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> AsyncIterator[EmbeddedSidecar]:
    """Run Parallax between an application and these databases.

    `settings` are PARALLAX_ variables, `arguments` further options of `parallax serve`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PARALLAX_")},
        "PARALLAX_LEGACY_URI": legacy,
        "PARALLAX_GATEWAY_URI": gateway,
        "PARALLAX_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "PARALLAX_DATA_DIRECTORY": str(directory / "data"),
        **(settings or {}),
    }
    process = ServerProcess(
        name="parallax serve",
        command=[sys.executable, "-m", "proxy.cli", "serve", *arguments],
        directory=directory,
        log_path=directory / "sidecar.log",
        environment=environment,
        death_signal=signal.SIGTERM,
    )
    sidecar = EmbeddedSidecar(port=port, data=directory / "data", process=process)
    await sidecar.start()
    try:
        yield sidecar
    finally:
        await sidecar.stop()
