"""Parallax itself as a process on loopback, with its data in a folder of its own."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from comparators.errors import ParallaxError
from proxy.embedded.command import ListeningCommand
from proxy.embedded.waiting import until
from proxy.ledger.evidence import Evidence, Status
from proxy.ledger.read import DEFAULTS, Gates, read_report, status

DATA: Final = "data"


class EmbeddedSidecar(ListeningCommand):
    """A running `parallax serve`."""

    @property
    def data(self) -> Path:
        """Where it keeps its logs and its ledger."""
        return self.process.directory / DATA

    @property
    def ledger(self) -> str:
        """The address of its ledger."""
        return f"sqlite:///{self.data / 'ledger.db'}"

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
    sidecar = EmbeddedSidecar.of(
        "serve",
        directory,
        settings={
            "PARALLAX_LEGACY_URI": legacy,
            "PARALLAX_GATEWAY_URI": gateway,
            "PARALLAX_DATA_DIRECTORY": str(directory / DATA),
            **(settings or {}),
        },
        arguments=arguments,
    )
    await sidecar.start()
    try:
        yield sidecar
    finally:
        await sidecar.stop()
