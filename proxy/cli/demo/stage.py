"""Everything a demonstration needs, running in a folder of its own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import asyncpg

from adapters.injection import Injection
from proxy.embedded import EmbeddedPostgres, embedded_mongo, embedded_postgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar

_TWIN: Final = "undamaged"
_READY_WITHIN_S: Final = 30
_MAPPED: Final = "SELECT count(*) FROM parallax.collections WHERE map IS NOT NULL"
_SETTINGS: Final = {
    # Nobody else needs the processor: the verifier is what people came to see.
    "PARALLAX_VERIFIER_NICE": "5",
    "PARALLAX_LOG_FORMAT": "json",
}
_NO_FLAGS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A sidecar between both databases; `injection` is None where nothing is damaged."""

    sidecar: EmbeddedSidecar
    gateway: str
    injection: Injection | None

    async def mapped(self) -> int:
        """Return how many collections live in relational tables."""
        connection = await asyncpg.connect(self.gateway)
        try:
            return int(await connection.fetchval(_MAPPED))
        finally:
            await connection.close()


@asynccontextmanager
async def staged(
    directory: Path,
    *,
    rate: float,
    seed: int,
    entities: str,
    flags: Mapping[str, str] = _NO_FLAGS,
) -> AsyncIterator[Stage]:
    """Start MongoDB, PostgreSQL and Parallax below a folder, and stop them at the end.

    `rate` is the share of documents and answers to damage on purpose, `entities` the profile of maps by which
    collections become relational tables; empty: none does. `flags` are settings, where collections are to be rolled out.
    """
    async with AsyncExitStack() as running:
        mongo = await running.enter_async_context(embedded_mongo(directory / "mongodb"))
        postgres = await running.enter_async_context(embedded_postgres(directory / "postgresql"))
        injection = None
        settings, arguments = {**_SETTINGS, "PARALLAX_GATEWAY_ENTITIES": entities, **flags}, []
        if rate:
            injection = await _plan(directory, postgres, rate=rate, seed=seed)
            plan = directory / "injection.json"
            injection.save(plan)
            arguments = ["--injection", str(plan)]
            # The exchanges are read again to tell which of them a defect explains.
            settings["PARALLAX_CAPTURE_KEEP"] = "true"
        sidecar = await running.enter_async_context(
            embedded_sidecar(
                directory / "sidecar",
                legacy=mongo.uri,
                gateway=postgres.dsn,
                settings=settings,
                arguments=arguments,
            )
        )
        # Traffic before the verifier runs would only be a backlog.
        await sidecar.drained(within_s=_READY_WITHIN_S)
        yield Stage(sidecar=sidecar, gateway=postgres.dsn, injection=injection)


async def _plan(
    directory: Path, postgres: EmbeddedPostgres, *, rate: float, seed: int
) -> Injection:
    connection = await asyncpg.connect(postgres.dsn)
    try:
        await connection.execute(f'CREATE DATABASE "{_TWIN}"')
    finally:
        await connection.close()
    return Injection(
        rate=rate, seed=seed, twin=postgres.dsn_of(_TWIN), record=directory / "defects.jsonl"
    )
