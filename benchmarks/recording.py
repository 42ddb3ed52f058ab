"""A capture log recorded by the real relay, and a PostgreSQL that has already followed it to a certain place."""

import asyncio
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import asyncpg
from pymongo import AsyncMongoClient

from benchmarks.figure import NotMeasuredError
from benchmarks.traffic import Send, fill, send
from comparators.errors import UnreachableError
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.process import ServerProcess, accepts_connections, free_port
from proxy.ledger.read import status

FILLED: Final = "filled"
_READY_WITHIN_S: Final = 20
_AS_USUAL: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one process took: seconds on the clock, and seconds of processor (user and system)."""

    wall_s: float
    cpu_s: float

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(wall_s=self.wall_s - other.wall_s, cpu_s=self.cpu_s - other.cpu_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A log of `exchanges` exchanges behind the filling, which PostgreSQL has already.

    The database `FILLED` and the ledger at `checkpoint` are of that moment: each verification works on copies.
    """

    data: Path
    checkpoint: Path
    exchanges: int
    legacy: str
    postgres: EmbeddedPostgres

    async def verified(self, settings: Mapping[str, str] = _AS_USUAL) -> Spent:
        """Verify the traffic in a process of its own; starting and ending that process does not count.

        What these two take is measured by a second verification, for which nothing is left to do. `settings` are
        variables of the environment beside the usual ones.
        """
        ledger = self.data / "run.db"
        _copy_ledger(self.checkpoint, ledger)
        database = f"run_{time.time_ns()}"
        await copy_database(self.postgres, database)
        gateway = self.postgres.dsn_of(database)
        try:
            run = partial(verify, self.data, legacy=self.legacy, gateway=gateway, ledger=ledger)
            whole = await run(settings=settings)
            empty = await run(settings=settings)
        finally:
            await drop_database(self.postgres, database)
        await self._demand_verified(ledger)
        return whole - empty

    async def _demand_verified(self, ledger: Path) -> None:
        """Raise NotMeasuredError unless every exchange was compared and none differed."""
        before = await status(f"sqlite:///{self.checkpoint}")
        after = await status(f"sqlite:///{ledger}")
        verified = after.tally.verified - before.tally.verified
        verdicts = {verdict.value: n for verdict, n in after.tally.verdicts.items() if n}
        if verified < self.exchanges or after.tally.mismatched:
            raise NotMeasuredError(f"not everything was verified, and equal: {verdicts}")


async def recorded(
    directory: Path,
    mongo: EmbeddedMongo,
    postgres: EmbeddedPostgres,
    kinds: Mapping[Send, int],
    count: int,
) -> Recording:
    """Fill both sides through one log, then record traffic behind it."""
    data, checkpoint = directory / "data", directory / "checkpoint.db"
    await create_database(postgres, FILLED)
    async with _relay(directory, data, mongo.uri) as uri:
        async with AsyncMongoClient[dict[str, Any]](uri) as client:
            await fill(client)
        await verify(data, legacy=mongo.uri, gateway=postgres.dsn_of(FILLED), ledger=checkpoint)
        async with AsyncMongoClient[dict[str, Any]](uri) as client:
            await send(client, kinds, count)
    return Recording(
        data=data, checkpoint=checkpoint, exchanges=count, legacy=mongo.uri, postgres=postgres
    )


async def verify(
    data: Path,
    *,
    legacy: str,
    gateway: str,
    ledger: Path,
    settings: Mapping[str, str] = _AS_USUAL,
) -> Spent:
    """Run `parallax verify --drain`, at normal priority, and return what it took."""
    environment = {
        **_environment(data, legacy),
        "PARALLAX_GATEWAY_URI": gateway,
        "PARALLAX_LEDGER_URI": f"sqlite:///{ledger}",
        "PARALLAX_VERIFIER_NICE": "0",
        "PARALLAX_CAPTURE_KEEP": "true",
        # What is recorded is old by the time it is verified, and all of it is to be compared.
        "PARALLAX_VERIFIER_SAMPLE_BEYOND_S": "0",
        **settings,
    }
    cpu_s, began_s = _cpu_of_children(), time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.cli", "verify", "--drain"), env=environment
    )
    if await process.wait() != 0:
        raise UnreachableError(
            f"`parallax verify --drain` ended with {process.returncode}",
            where=str(data),
            remedy="see what it printed above",
        )
    return Spent(wall_s=time.perf_counter() - began_s, cpu_s=_cpu_of_children() - cpu_s)


async def create_database(postgres: EmbeddedPostgres, name: str) -> None:
    await _administer(postgres, f'CREATE DATABASE "{name}"')


async def copy_database(postgres: EmbeddedPostgres, name: str) -> None:
    await _administer(postgres, f'CREATE DATABASE "{name}" TEMPLATE "{FILLED}"')
    # Otherwise the copy's dirty pages are written during the measurement.
    await _administer(postgres, "CHECKPOINT")


async def drop_database(postgres: EmbeddedPostgres, name: str) -> None:
    await _administer(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _administer(postgres: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(postgres.dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def _relay(directory: Path, data: Path, legacy: str) -> AsyncIterator[str]:
    """Run `parallax serve --no-verifier` and give the address an application connects to."""
    port = free_port()
    directory.mkdir(parents=True, exist_ok=True)
    process = ServerProcess(
        name="parallax serve",
        command=[sys.executable, "-m", "proxy.cli", "serve", "--no-verifier"],
        directory=directory,
        log_path=directory / "relay.log",
        environment={
            **_environment(data, legacy),
            "PARALLAX_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        },
        death_signal=signal.SIGTERM,
    )
    process.start()
    try:
        await process.ready(lambda: accepts_connections(port), within_s=_READY_WITHIN_S)
        yield f"mongodb://127.0.0.1:{port}/"
    finally:
        await process.stop()


def _environment(data: Path, legacy: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PARALLAX_")}
    return {
        **kept,
        "PARALLAX_LEGACY_URI": legacy,
        "PARALLAX_DATA_DIRECTORY": str(data),
        "PARALLAX_LOG_LEVEL": "warning",
    }


def _copy_ledger(source: Path, target: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
        if Path(f"{source}{suffix}").exists():
            shutil.copyfile(f"{source}{suffix}", f"{target}{suffix}")


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
