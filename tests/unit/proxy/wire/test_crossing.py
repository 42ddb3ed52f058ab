import asyncio
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from proxy.wire import crossing as module
from proxy.wire.complaints import Complaints
from proxy.wire.crossing import Crossing
from proxy.wire.gateway import GatewaySide
from proxy.wire.upstream import Upstream
from tests.eventually import eventually

UNUSED = object()


async def test_a_bug_ends_neither_the_relay_nor_the_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.001)
    monkeypatch.setattr(module, "AGAIN_S", 0.001)
    looks = 0

    def wanted() -> bool | None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise RuntimeError
        return None

    crossing = Crossing(
        directory=tmp_path,
        socket=tmp_path / "instead",
        gateway=cast("GatewaySide", UNUSED),
        upstream=cast("Upstream", UNUSED),
        within_s=1,
        wanted=wanted,
        is_whole=lambda: True,
    )

    with capture_logs() as logs:
        async with asyncio.TaskGroup() as tasks:
            complaints = Complaints(asyncio.get_running_loop().time)
            running = tasks.create_task(crossing.run(list, complaints))
            await eventually(lambda: looks > 2, within_s=10)
            running.cancel()

    assert [each["event"] for each in logs] == ["crossing_failed"]
