"""A `parallax` command that listens, as a process on loopback."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from proxy.embedded.process import ServerProcess, accepts_connections, free_port

READY_WITHIN_S = 60
STOP_WITHIN_S = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningCommand:
    """A running `parallax serve` or `parallax gateway`. `uri` is what an application connects to."""

    port: int
    process: ServerProcess

    @classmethod
    def of(
        cls,
        name: str,
        directory: Path,
        *,
        settings: Mapping[str, str],
        arguments: Sequence[str],
    ) -> Self:
        """Return the command, not started yet, on a free port and with its output in `<name>.log`.

        `settings` are PARALLAX_ variables; those of this process are not passed on.
        """
        directory.mkdir(parents=True, exist_ok=True)
        port = free_port()
        ours = {
            name: value for name, value in os.environ.items() if not name.startswith("PARALLAX_")
        }
        process = ServerProcess(
            name=f"parallax {name}",
            command=[sys.executable, "-m", "proxy.cli", name, *arguments],
            directory=directory,
            log_path=directory / f"{name}.log",
            environment={
                **ours,
                "PARALLAX_LISTEN_ADDRESS": f"127.0.0.1:{port}",
                **settings,
            },
            death_signal=signal.SIGTERM,
        )
        return cls(port=port, process=process)

    @property
    def uri(self) -> str:
        """The address for applications, without any option."""
        return f"mongodb://127.0.0.1:{self.port}/"

    @property
    def log(self) -> Path:
        """What the process printed."""
        return self.process.log_path

    async def start(self) -> None:
        """Start it and wait until it accepts connections."""
        self.process.start()
        await self.process.ready(lambda: accepts_connections(self.port), within_s=READY_WITHIN_S)

    async def stop(self) -> None:
        """Ask it to end, and wait."""
        await self.process.stop(within_s=STOP_WITHIN_S)

    async def kill(self) -> None:
        """Kill it; what it started notices by itself."""
        await self.process.stop(signal.SIGKILL)
