"""Note on the ledger which versions of both databases were compared: a report without them proves little a year later."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from adapters.registry import adapter_of
from comparators.errors import CapacityError, UnreachableError
from proxy.ledger.write import Ledger
from proxy.shadow.legacy import Legacy

AGAIN_S: Final = 5.0
EVERY_S: Final = 3_600.0
"""A server may be upgraded while the verifier runs."""


async def keep_versions(ledger: Ledger, legacy: Legacy, gateway: str) -> None:
    """Note the versions now and then until cancelled; `gateway` is the address of the other database."""

    async def of_gateway() -> str:
        return (await adapter_of(gateway).check(gateway)).version

    while True:
        await _note(ledger, "mongodb", legacy.version)
        await _note(ledger, "postgresql", of_gateway)
        await asyncio.sleep(EVERY_S)


async def _note(ledger: Ledger, name: str, ask: Callable[[], Awaitable[str]]) -> None:
    while True:
        try:
            await ledger.note(name, await ask())
        except (UnreachableError, CapacityError):
            # The verifier tells of whoever is away.
            await asyncio.sleep(AGAIN_S)
        else:
            return
