"""The gateway that is verified: the real one, or in a demonstration one that is damaged on purpose."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.gateway import Gateway
from adapters.injection import DefectRecord, Injection, Injector
from adapters.registry import gateway_for


@asynccontextmanager
async def gateway_under_test(
    url: str, *, connections: int, injection: Path | None
) -> AsyncIterator[Gateway]:
    """Give the gateway at `url`; with a plan of injected defects, damaged as it says."""
    async with gateway_for(url, connections=connections) as gateway:
        if injection is None:
            yield gateway
            return
        plan = Injection.load(injection)
        async with gateway_for(plan.twin, connections=connections) as twin:
            with DefectRecord(plan.record) as record:
                yield Injector(gateway, twin, plan, record)
