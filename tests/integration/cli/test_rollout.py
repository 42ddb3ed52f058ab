"""A rollout on a real ledger and a real flags file; what the verifier would do is done by the test."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from comparators.errors import RefusedError
from proxy.cli.rollout import ROLLED_BACK, Aim, rolled_out
from proxy.flags.document import EMPTY, SHADOW, Said, said, with_flag
from proxy.flags.file import read_flags, write_flags
from proxy.flags.phases import Direction, Phase
from proxy.flags.reversal import set_back
from proxy.ledger.flag_changes import PARALLAX, FlagChange
from proxy.ledger.flag_changes import ROLLED_BACK as SET_BACK
from proxy.ledger.write import Ledger
from proxy.settings import Settings, load
from tests.eventually import eventually
from tests.integration.ledger.findings import NO_LAG, checkpoint, finding

NAME = "app.users"
READS = Direction.READS


@dataclass(kw_only=True)
class Scene:
    """A ledger on which the same operation is verified again and again."""

    settings: Settings
    file: Path
    ledger: Ledger
    told: list[str] = field(default_factory=list)
    positions: "count[int]" = field(default_factory=lambda: count(1))

    def stands(self) -> str:
        return str(said(read_flags(self.file), READS, NAME))

    def says(self, part: str) -> bool:
        return any(part in line for line in self.told)

    async def verify_on(self) -> None:
        """Have traffic until cancelled."""
        while True:
            await self.verify()
            await asyncio.sleep(0.05)

    async def verify(self) -> None:
        position, now_ns = next(self.positions), time.time_ns()
        await self.ledger.record(
            [finding(position, at_ns=now_ns)],
            checkpoint=checkpoint(position, at_ns=now_ns),
            lag=NO_LAG,
        )

    async def set_back(self) -> None:
        """Do what the verifier does at a mismatch."""
        [(standing, reason)] = await asyncio.to_thread(
            set_back, self.file, {NAME: "mismatch of find"}
        )
        await self.ledger.flag_changes.enter(
            FlagChange(
                at_ns=time.time_ns(),
                direction=READS,
                namespace=NAME,
                before=str(standing.said),
                after=str(SHADOW),
                who=PARALLAX,
                why=f"{SET_BACK}{reason}",
            )
        )

    async def roll_out(self, *, once: bool = False) -> int:
        aim = Aim(namespace=NAME, direction=READS, who="ada", why="ticket 17", once=once)
        return await rolled_out(self.settings, aim, self.told.append)


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    file = tmp_path / "flags.json"
    write_flags(file, EMPTY)
    for name, value in {
        "PARALLAX_DATA_DIRECTORY": str(tmp_path),
        "PARALLAX_FLAGS_FILE": str(file),
        "PARALLAX_ROLLOUT_STEPS": "10,100",
        "PARALLAX_ROLLOUT_BAKE_S": "0.3",
        "PARALLAX_ROLLOUT_LOOK_EVERY_S": "0.1",
        "PARALLAX_ROLLOUT_PASSES": "2",
        "PARALLAX_GATES_MIN_SAMPLES": "1",
        "PARALLAX_GATES_MIN_DURATION_S": "0",
        "PARALLAX_GATES_MAX_MISMATCH_RATE": "1",
        "PARALLAX_GATES_MAX_ERROR_RATE": "1",
        "PARALLAX_GATES_MAX_TIMEOUT_RATE": "1",
        "PARALLAX_GATES_MAX_LATENCY_RATIO": "inf",
        "PARALLAX_GATES_MAX_SWEEP_AGE_S": "inf",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load()
    ledger = await Ledger.open(settings.ledger_uri)
    yield Scene(settings=settings, file=file, ledger=ledger)
    await ledger.close()


async def test_a_collection_is_moved_step_by_step_on_evidence(scene: Scene) -> None:
    async with asyncio.TaskGroup() as tasks:
        await scene.verify()
        traffic = tasks.create_task(scene.verify_on())
        code = await scene.roll_out()
        traffic.cancel()
    changes = await scene.ledger.flag_changes.read(namespace=NAME)

    assert code == 0
    assert scene.stands() == "gateway"
    assert [each.after for each in reversed(changes)] == [
        "canary 10 %, else shadow",
        "gateway",
        "gateway",
    ]
    assert {each.who for each in changes} == {"ada"}
    assert "ticket 17" in changes[0].why
    assert changes[0].why.startswith("done: ")
    assert not any(each.forced for each in changes)
    assert all(gate.result == "pass" for each in changes for gate in each.gates)


async def test_without_traffic_a_step_is_not_followed_by_another(scene: Scene) -> None:
    await scene.verify()
    async with asyncio.TaskGroup() as tasks:
        rolling = tasks.create_task(scene.roll_out())
        await eventually(lambda: scene.says("nothing of it was verified"), within_s=10)
        rolling.cancel()

    assert scene.stands() == "canary 10 %, else shadow"


async def test_after_a_roll_back_it_rests_or_ends(scene: Scene) -> None:
    async with asyncio.TaskGroup() as tasks:
        await scene.verify()
        once = tasks.create_task(scene.roll_out(once=True))
        await eventually(lambda: scene.stands() != "shadow", within_s=10)
        await scene.set_back()
        assert await once == ROLLED_BACK
        again = tasks.create_task(scene.roll_out())
        await eventually(lambda: scene.says("rests for 15 min"), within_s=10)
        again.cancel()

    assert scene.says("→ shadow, rolled back: mismatch of find")
    assert scene.stands() == "shadow"


async def test_whoever_changes_the_flag_ends_the_rollout(scene: Scene) -> None:
    await scene.verify()

    async def change() -> None:
        await eventually(lambda: scene.stands() != "shadow", within_s=10)
        await scene.ledger.flag_changes.enter(
            FlagChange(
                at_ns=time.time_ns(),
                direction=READS,
                namespace=NAME,
                before=scene.stands(),
                after="off",
                who="bob",
                why="an export",
            )
        )
        write_flags(scene.file, with_flag(EMPTY, READS, NAME, Said(phase=Phase.OFF)))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(change())
        with pytest.raises(RefusedError, match="changed by bob from canary 10 %"):
            await scene.roll_out()
    with pytest.raises(RefusedError, match="the flag says off"):
        await scene.roll_out()
