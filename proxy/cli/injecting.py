"""The gateway that is verified: the real one, or in a demonstration one that is damaged on purpose."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.entities.entity import EntityMap
from adapters.gateway import Gateway
from adapters.injection import DefectRecord, Injection, Injector
from adapters.registry import gateway_for


@asynccontextmanager
async def gateway_under_test(
    url: str,
    *,
    connections: int,
    entities: Mapping[str, EntityMap],
    explain_beyond_s: float,
    injection: Path | None,
) -> AsyncIterator[Gateway]:
    """Give the gateway at `url`, which makes collections by their maps; with a plan of injected defects, damaged as it says."""
    async with gateway_for(
        url, connections=connections, entities=entities, explain_beyond_s=explain_beyond_s
    ) as gateway:
        if injection is None:
            yield gateway
            return
        plan = Injection.load(injection)
        async with gateway_for(plan.twin, connections=connections, entities=entities) as twin:
            with DefectRecord(plan.record) as record:
                yield Injector(gateway, twin, plan, record)
