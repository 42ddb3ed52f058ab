import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from comparators.errors import SettingsError
from proxy.flags import brake as brakes
from proxy.flags.brake import BRAKE, SERVED, Brake
from proxy.flags.phases import Direction, Phase
from proxy.flags.reversal import ALL

READS, WRITES = Direction.READS, Direction.WRITES


@pytest.fixture
def relay(tmp_path: Path) -> Brake:
    return Brake(tmp_path)


@pytest.fixture
def verifier(tmp_path: Path) -> Brake:
    return Brake(tmp_path)


def test_only_for_whom_the_gateway_answers_is_held_back_and_seen_at_the_next_look(
    relay: Brake, verifier: Brake
) -> None:
    assert relay.lets(READS, "app.a", Phase.GATEWAY)
    assert relay.lets(WRITES, "app.a", Phase.SHADOW)
    assert relay.lets(READS, "app.b", Phase.OFF)
    relay.look()

    assert verifier.answering().names == {"app.a"}
    changed = verifier.set_back({"app.a": "a mismatch", "app.b": "another"})

    assert [(each.direction, each.namespace, str(each.said), why) for each, why in changed] == [
        (READS, "app.a", "gateway", "a mismatch")
    ]
    assert not relay.is_on(READS, "app.a")
    assert relay.look()
    assert not relay.look()
    assert relay.is_on(READS, "app.a")
    assert not relay.is_on(WRITES, "app.a")
    assert not verifier.answering().names
    assert verifier.set_back({"app.a": "once more"}) == []


async def test_what_was_released_may_be_held_back_again(relay: Brake, verifier: Brake) -> None:
    relay.lets(READS, "app.a", Phase.CANARY)
    verifier.set_back({"app.a": "a mismatch"})

    async with verifier.releasing("app.a") as on:
        assert [braked.why for braked in on.values()] == ["a mismatch"]

    relay.look()
    assert not relay.is_on(READS, "app.a")
    assert len(verifier.set_back({"app.a": "again"})) == 1


async def test_one_that_fails_to_be_entered_releases_nothing(relay: Brake, verifier: Brake) -> None:
    relay.lets(READS, "app.a", Phase.CANARY)
    verifier.set_back({"app.a": "a mismatch"})

    with pytest.raises(RuntimeError):
        async with verifier.releasing("app.a"):
            raise RuntimeError

    assert list(verifier.read()) == ["reads:app.a"]


def test_what_may_concern_everything_holds_everything_back(relay: Brake, verifier: Brake) -> None:
    relay.lets(WRITES, "app.a", Phase.DUAL)

    changed = verifier.set_back({ALL: "a hole"})

    relay.look()
    assert [(each.direction, each.namespace) for each, _ in changed] == [(WRITES, "")]
    assert relay.is_on(WRITES, "app.b")
    assert not relay.is_on(READS, "app.b")


@pytest.mark.parametrize("broken", ["{", "[]", '{"reads": 3}', '{"reads": {"at_ns": "x"}}'])
def test_a_brake_that_cannot_be_read_is_on_everything(
    relay: Brake, verifier: Brake, tmp_path: Path, broken: str
) -> None:
    relay.lets(READS, "app.a", Phase.GATEWAY)
    (tmp_path / BRAKE).write_text(broken)

    with capture_logs() as logs:
        relay.look()

    assert relay.is_on(READS, "app.a")
    assert relay.is_on(WRITES, "app.z")
    assert [line["event"] for line in logs] == ["brake_broken"]
    with pytest.raises(SettingsError):
        verifier.set_back({"app.a": "a mismatch"})


def test_what_cannot_be_noted_is_not_answered_by_the_gateway(tmp_path: Path) -> None:
    relay = Brake(tmp_path / "gone")
    with capture_logs() as logs:
        assert not relay.lets(READS, "app.a", Phase.GATEWAY)
    assert [line["event"] for line in logs] == ["brake_broken"]


def test_what_an_earlier_relay_has_noted_stays_until_it_is_old(
    relay: Brake, verifier: Brake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay.lets(READS, "app.a", Phase.GATEWAY)
    Brake(tmp_path).lets(READS, "app.b", Phase.GATEWAY)
    assert set(json.loads((tmp_path / SERVED).read_text())) == {"reads:app.a", "reads:app.b"}

    monkeypatch.setattr(brakes, "FORGOTTEN_AFTER_NS", 0)

    assert verifier.served() == {}
