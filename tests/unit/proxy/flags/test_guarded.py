import json
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from comparators.errors import SettingsError
from proxy.flags import guarded
from proxy.flags.asking import Asking
from proxy.flags.brake import Brake
from proxy.flags.flags import Flags
from proxy.flags.guarded import GuardedProvider
from proxy.flags.named import factory_of
from proxy.flags.phases import Direction, Phase
from tests.eventually import eventually
from tests.peers import provider

READS = Direction.READS
WHO = Asking("app.users", "find", 1, "127.0.0.1:5000", "")
Say = Callable[..., None]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    file = tmp_path / "provided.json"
    monkeypatch.setenv(provider.VARIABLE, str(file))

    def write(**flags: Any) -> None:
        file.write_text(json.dumps({key.replace("__", ":app."): flags[key] for key in flags}))

    write()
    return write


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bear a busy machine, where nothing is said of time."""
    monkeypatch.setattr(guarded, "ANSWERS_WITHIN_S", 30)
    monkeypatch.setattr(guarded, "STARTS_WITHIN_S", 30)
    monkeypatch.setattr(guarded, "WAITS_AT_MOST_S", 300)


@pytest.fixture
def brake(tmp_path: Path) -> Brake:
    return Brake(tmp_path)


@pytest.fixture
async def held() -> AsyncIterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def flags_of(held: ExitStack, factory: Callable[[], Any], brake: Brake) -> Flags:
    return held.enter_context(Flags(GuardedProvider("peer", factory), brake))


@pytest.mark.usefixtures("unhurried")
async def test_what_another_provider_says_holds(say: Say, held: ExitStack, brake: Brake) -> None:
    flags = flags_of(held, provider.in_memory, brake)
    assert flags.phase(READS, WHO) is Phase.SHADOW
    say(reads="canary")
    assert flags.phase(READS, WHO) is Phase.CANARY
    say(reads__users="off", reads="gateway")
    assert flags.phase(READS, WHO) is Phase.OFF
    assert flags.phase(READS, WHO._replace(namespace="app.posts")) is Phase.GATEWAY
    assert flags.cut_over() is None


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("sideways", "'sideways' is no phase"),
        ("", "'' is no phase"),
        ("cutover", "the phase `cutover` of reads is not built yet"),
        (3, "int"),
        (None, "None"),
        (provider.RAISE, "out of order"),
    ],
)
@pytest.mark.usefixtures("unhurried")
async def test_what_is_nonsense_means_shadow_and_is_told_of_once(
    say: Say, held: ExitStack, brake: Brake, value: Any, error: str
) -> None:
    flags = flags_of(held, provider.in_memory, brake)
    say(reads=value)

    with capture_logs() as logs:
        phases = [flags.phase(READS, WHO) for _ in range(3)]

    assert phases == [Phase.SHADOW] * 3
    assert [line["event"] for line in logs] == ["flag_failed"]
    assert error in logs[0]["error"]


async def test_one_that_hangs_is_waited_for_once_and_then_left_alone(
    say: Say, held: ExitStack, brake: Brake
) -> None:
    flags = flags_of(held, provider.in_memory, brake)
    say(reads=provider.HANG)

    with capture_logs() as logs:
        # Waited for each time this would take longer than any test may.
        phases = [flags.phase(READS, WHO._replace(connection=n)) for n in range(1_000)]

    assert set(phases) == {Phase.SHADOW}
    assert [line["event"] for line in logs] == ["flags_provider_failed"]
    assert "no answer within 0.25 s" in logs[0]["error"]


@pytest.mark.usefixtures("unhurried")
async def test_one_that_takes_too_long_in_all_rests_and_is_asked_again(
    say: Say, held: ExitStack, brake: Brake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "WAITS_AT_MOST_S", 0)
    guard = GuardedProvider("peer", provider.in_memory)
    flags = held.enter_context(Flags(guard, brake))
    say(reads__users="gateway")

    with capture_logs() as logs:
        phases = [flags.phase(READS, WHO) for _ in range(3)]
        guard._rests_until_s = 0.0
        phases.append(flags.phase(READS, WHO))

    assert phases == [Phase.GATEWAY, Phase.SHADOW, Phase.SHADOW, Phase.GATEWAY]
    assert [line["event"] for line in logs] == ["flags_provider_failed"]


@pytest.mark.parametrize(
    ("factory", "error"),
    [
        (provider.raising, "ConnectionError: the service of the flags is away"),
        (provider.nothing, "TypeError: object is no OpenFeature provider"),
    ],
)
@pytest.mark.usefixtures("unhurried")
async def test_one_that_cannot_be_had_means_shadow_and_is_told_of_once(
    held: ExitStack, brake: Brake, factory: Callable[[], Any], error: str
) -> None:
    with capture_logs() as logs:
        flags = flags_of(held, factory, brake)
        assert [flags.phase(READS, WHO) for _ in range(2)] == [Phase.SHADOW] * 2

    assert [line["event"] for line in logs] == ["flags_provider_failed"]
    assert logs[0]["error"] == error


@pytest.mark.usefixtures("unhurried")
async def test_one_that_comes_late_holds_from_then_on(
    say: Say, held: ExitStack, brake: Brake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "AGAIN_S", 0.01)
    is_away = True
    told: list[None] = []

    def factory() -> Any:
        return provider.raising() if is_away else provider.in_memory()

    say(reads="gateway")
    flags = flags_of(held, factory, brake)
    flags.on_change(lambda: told.append(None))
    assert flags.phase(READS, WHO) is Phase.SHADOW
    is_away = False

    await eventually(lambda: bool(told), within_s=5)
    assert flags.phase(READS, WHO) is Phase.GATEWAY


async def test_one_that_never_comes_to_be_keeps_nobody_waiting(
    held: ExitStack, brake: Brake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "STARTS_WITHIN_S", 0.01)
    assert flags_of(held, provider.hanging, brake).phase(READS, WHO) is Phase.SHADOW


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("launched", "no entry point 'launched' in the group `parallax.flags`"),
        ("no.such.module:made", "ModuleNotFoundError"),
        ("tests.peers.provider:no_such", "AttributeError"),
        ("tests.peers.provider:NO_FACTORY", "cannot be called"),
        (":x", "cannot be loaded"),
    ],
)
def test_a_name_of_nothing_is_a_wrong_setting(name: str, what: str) -> None:
    with pytest.raises(SettingsError, match=what) as error:
        factory_of(name)
    assert error.value.where == "flags.provider"


def test_a_name_is_that_of_a_factory() -> None:
    assert factory_of("tests.peers.provider:in_memory") is provider.in_memory
