import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from proxy.flags import rollback, slowness
from proxy.flags.document import EMPTY, Said, said, with_flag
from proxy.flags.file import read_flags, write_flags
from proxy.flags.phases import Direction, Phase
from proxy.flags.reversal import ALL, FileReversal, set_back
from proxy.flags.rollback import RollBack
from proxy.ledger.flag_changes import FlagChange, GateThen
from proxy.ledger.gates import Result
from tests.eventually import eventually

READS = Direction.READS
CANARY = Said(phase=Phase.CANARY, percent=5)
GATEWAY = Said(phase=Phase.GATEWAY)
OFF = Said(phase=Phase.OFF)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "flags.json"


def flagged(file: Path, flags: Mapping[str, Said]) -> None:
    document = EMPTY
    for namespace, what in flags.items():
        document = with_flag(document, READS, namespace, what)
    write_flags(file, document)


def what_stands(file: Path, *namespaces: str) -> list[str]:
    document = read_flags(file)
    return [str(said(document, READS, namespace)) for namespace in namespaces]


def test_only_what_the_gateway_answers_is_set_back(file: Path) -> None:
    flagged(file, {"app.a": CANARY, "app.b": GATEWAY, "app.c": OFF})

    changed = set_back(file, {"app.a": "x", "app.c": "y", "app.d": "z"})

    assert [(each.namespace, str(each.said), reason) for each, reason in changed] == [
        ("app.a", "canary 5 %, else shadow", "x")
    ]
    assert what_stands(file, "app.a", "app.b", "app.c") == ["shadow", "gateway", "off"]


@pytest.mark.parametrize("phase", [Phase.DUAL, Phase.CANARY, Phase.GATEWAY])
def test_writes_are_set_back_with_reads_and_without_them(file: Path, phase: Phase) -> None:
    document = with_flag(EMPTY, Direction.WRITES, "app.a", Said(phase=phase))
    document = with_flag(document, Direction.WRITES, "app.b", Said(phase=phase))
    write_flags(file, with_flag(document, READS, "app.b", GATEWAY))

    changed = set_back(file, {"app.a": "x", "app.b": "y"})

    assert [(each.namespace, each.direction) for each, _ in changed] == [
        ("app.a", Direction.WRITES),
        ("app.b", READS),
        ("app.b", Direction.WRITES),
    ]
    stands = read_flags(file)
    assert {str(said(stands, way, name)) for way in Direction for name in ("app.a", "app.b")} == {
        "shadow"
    }


def test_what_the_default_lets_answer_gets_a_flag_of_its_own(file: Path) -> None:
    flagged(file, {"": GATEWAY})

    set_back(file, {"app.a": "x"})

    assert what_stands(file, "app.a", "app.b") == ["shadow", "gateway"]


def test_what_may_concern_everything_sets_everything_back(file: Path) -> None:
    flagged(file, {"": GATEWAY, "app.a": CANARY, "app.c": OFF})

    changed = set_back(file, {ALL: "a hole"})

    assert [each.namespace for each, _ in changed] == ["", "app.a"]
    assert what_stands(file, "", "app.a", "app.c") == ["shadow", "shadow", "off"]


def test_targeting_of_somebodys_own_is_set_back_if_it_may_let_the_gateway_answer(
    file: Path,
) -> None:
    flagged(file, {"app.a": Said(phase=Phase.SHADOW)})
    document: Any = read_flags(file)
    document["flags"]["reads:app.a"]["targeting"] = {"if": [True, "gateway", "shadow"]}
    write_flags(file, document)

    assert len(set_back(file, {"app.a": "x"})) == 1
    assert what_stands(file, "app.a") == ["shadow"]


class Surroundings:
    """What a roll-back is given: gates that a test sets, and a memory of what it did."""

    def __init__(self, file: Path) -> None:
        self.now: tuple[GateThen, ...] = ()
        self.before: tuple[GateThen, ...] = ()
        self.entered: list[FlagChange] = []
        self.flushed = 0
        self.withheld = 0
        self.roll_back = RollBack(
            FileReversal(file),
            gates_of=self.gates_of,
            gates_before=self.gates_before,
            enter=self.enter,
            max_ratio=lambda _: 2.0,
        )

    async def gates_of(self, namespace: str) -> tuple[GateThen, ...]:
        return self.now

    async def gates_before(self, namespace: str) -> tuple[GateThen, ...]:
        return self.before

    async def enter(self, change: FlagChange) -> None:
        self.entered.append(change)

    async def flush(self) -> None:
        self.flushed += 1

    def withhold(self) -> None:
        self.withheld += 1

    def start(self) -> asyncio.Task[None]:
        loop = asyncio.get_running_loop()
        return loop.create_task(self.roll_back.run(flush=self.flush, withhold=self.withhold))


async def test_the_first_reason_goes_on_the_ledger_with_the_gates(file: Path) -> None:
    flagged(file, {"app.a": CANARY})
    around = Surroundings(file)
    around.now = (GateThen(gate="mismatches", result=Result.FAIL, found="1 of 9"),)
    task = around.start()

    around.roll_back.hear("app.a", "mismatch of find")
    around.roll_back.hear("app.a", "mismatch of count")
    await eventually(lambda: bool(around.entered), within_s=5)
    task.cancel()

    [change] = around.entered
    assert (change.before, change.after) == ("canary 5 %, else shadow", "shadow")
    assert (change.who, change.why) == ("parallax", "rolled back: mismatch of find")
    assert change.gates == around.now
    assert around.flushed == 1


async def test_a_file_that_cannot_be_changed_ends_all_reads_from_the_gateway(file: Path) -> None:
    file.write_text("{")
    around = Surroundings(file)
    task = around.start()

    with capture_logs() as logs:
        around.roll_back.hear("app.a", "mismatch of find")
        await eventually(lambda: around.withheld == 1, within_s=5)
    task.cancel()

    assert [line["event"] for line in logs] == ["roll_back_failed"]


@pytest.mark.parametrize("failed_before", [True, False])
async def test_a_gate_that_has_come_to_fail_is_heard_of(
    file: Path, monkeypatch: pytest.MonkeyPatch, *, failed_before: bool
) -> None:
    monkeypatch.setattr(rollback, "GATES_EVERY_S", 0.05)
    monkeypatch.setattr(rollback, "PAUSE_S", 0.01)
    flagged(file, {"app.a": GATEWAY})
    around = Surroundings(file)
    slow = GateThen(gate="latency_p95", result=Result.FAIL, found="2.0 times")
    fine = GateThen(gate="samples", result=Result.PASS, found="9,000")
    around.now = (slow, fine)
    around.before = (slow,) if failed_before else ()
    looked = 0
    original = around.gates_before

    async def counted(namespace: str) -> tuple[GateThen, ...]:
        nonlocal looked
        looked += 1
        return await original(namespace)

    around.roll_back._gates_before = counted
    task = around.start()

    await eventually(lambda: looked >= 2 or bool(around.entered), within_s=5)
    task.cancel()

    assert [change.why for change in around.entered] == (
        [] if failed_before else ["rolled back: gate latency_p95 fails: 2.0 times"]
    )


@pytest.mark.parametrize("passed_before", [True, False])
async def test_a_gateway_that_has_come_to_be_slow_is_heard_of_where_it_was_fast_enough(
    file: Path, monkeypatch: pytest.MonkeyPatch, *, passed_before: bool
) -> None:
    monkeypatch.setattr(rollback, "PACE_EVERY_S", 0.01)
    monkeypatch.setattr(slowness, "STRETCH_S", 0.01)
    flagged(file, {"app.a": CANARY})
    around = Surroundings(file)
    result = Result.PASS if passed_before else Result.INCONCLUSIVE
    around.before = (GateThen(gate="latency_p50", result=result, found="1.0 times"),)
    looks = 0
    breaches = slowness.Slowness.breaches

    def counted(*arguments: Any) -> Any:
        nonlocal looks
        found = breaches(*arguments)
        looks += bool(found)
        return found

    monkeypatch.setattr(slowness.Slowness, "breaches", counted)
    task = around.start()

    async def is_enough() -> bool:
        for _ in range(20):
            around.roll_back.timed("app.a", 0.001, 0.009)
            around.roll_back.timed("app.b", 0.001, 0.009)
        return bool(around.entered) or looks > 1

    await eventually(is_enough, within_s=20)
    task.cancel()

    told = [change.why for change in around.entered]
    assert bool(told) is passed_before
    assert all("gate latency_p50 fails of late: 9.0" in why for why in told)
    assert {change.namespace for change in around.entered} <= {"app.a"}


async def test_a_collection_is_doubted_until_the_relay_must_know_that_its_flag_was_set_back(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollback, "DOUBTED_S", 0.2)
    flagged(file, {"app.a": GATEWAY})
    around = Surroundings(file)
    around.roll_back.hear("app.a", "mismatch")

    assert around.roll_back.doubted() == ["app.a"]

    acting = around.start()

    async def is_set_back() -> bool:
        return what_stands(file, "app.a") == ["shadow"]

    async def is_believed() -> bool:
        return around.roll_back.doubted() == []

    await eventually(is_set_back, within_s=10)
    assert around.roll_back.doubted() == ["app.a"]
    await eventually(is_believed, within_s=10)
    acting.cancel()
