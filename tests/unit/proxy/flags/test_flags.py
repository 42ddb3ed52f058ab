import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from proxy.flags.asking import Asking
from proxy.flags.document import EMPTY, Said, with_flag
from proxy.flags.file import read_flags, write_flags
from proxy.flags.flags import Flags
from proxy.flags.phases import Direction, Phase
from proxy.flags.provider import FileProvider
from tests.eventually import eventually

READS = Direction.READS


def asking(connection: int = 1, **changes: Any) -> Asking:
    return Asking("app.users", "find", connection, "127.0.0.1:5000", "")._replace(**changes)


def off(percent: int = 100) -> Said:
    return Said(phase=Phase.OFF, percent=percent)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flags.json"
    write_flags(path, with_flag(EMPTY, READS, "app.users", off()))
    return path


@pytest.fixture
def provider(file: Path) -> FileProvider:
    return FileProvider(file)


@pytest.fixture
async def flags(provider: FileProvider) -> AsyncIterator[Flags]:
    with Flags(provider) as entered:
        yield entered


def test_a_flag_speaks_of_its_collection_alone(flags: Flags) -> None:
    assert flags.phase(READS, asking()) is Phase.OFF
    assert flags.phase(READS, asking(namespace="app.posts")) is Phase.SHADOW
    assert flags.phase(Direction.WRITES, asking()) is Phase.SHADOW


async def test_a_change_holds_from_the_next_look_on_and_is_told_in_the_loop(
    flags: Flags, provider: FileProvider, file: Path
) -> None:
    told: list[threading.Thread] = []
    flags.on_change(lambda: told.append(threading.current_thread()))
    write_flags(file, with_flag(read_flags(file), READS, "", off()))

    provider.look()
    provider.look()

    assert flags.phase(READS, asking(namespace="app.posts")) is Phase.OFF
    await eventually(lambda: told == [threading.current_thread()], within_s=5)


@pytest.mark.parametrize("broken", ["{", '{"flags": {"reads": {}}}', None])
def test_a_broken_file_leaves_in_force_what_was_read_last_and_is_told_of_once(
    flags: Flags, provider: FileProvider, file: Path, broken: str | None
) -> None:
    if broken is None:
        file.unlink()
    else:
        file.write_text(broken)

    with capture_logs() as logs:
        provider.look()
        provider.look()

    assert flags.phase(READS, asking()) is Phase.OFF
    assert [(line["event"], line["log_level"]) for line in logs] == [("flags_broken", "error")]


async def test_without_any_file_everything_is_in_shadow(tmp_path: Path) -> None:
    with capture_logs() as logs, Flags(FileProvider(tmp_path / "none.json")) as flags:
        assert flags.phase(READS, asking()) is Phase.SHADOW

    assert [line["event"] for line in logs] == ["flags_broken"]


def test_a_percentage_is_of_connections_and_each_keeps_its_side(
    flags: Flags, provider: FileProvider, file: Path
) -> None:
    write_flags(file, with_flag(EMPTY, READS, "app.users", off(percent=20)))
    provider.look()

    phases = {n: flags.phase(READS, asking(n)) for n in range(1000)}
    again = {n: flags.phase(READS, asking(n, kind="count")) for n in range(1000)}

    assert 150 < sum(phase is Phase.OFF for phase in phases.values()) < 250
    assert again == phases


def test_more_per_cent_never_send_a_connection_back(
    flags: Flags, provider: FileProvider, file: Path
) -> None:
    before: set[int] = set()
    for percent in (1, 5, 25, 50):
        write_flags(file, with_flag(EMPTY, READS, "app.users", off(percent=percent)))
        provider.look()
        now = {n for n in range(300) if flags.phase(READS, asking(n)) is Phase.OFF}
        assert before <= now
        before = now


@pytest.mark.parametrize(
    ("variable", "value", "who"),
    [
        ("application", "export", asking(application="export")),
        ("kind", "aggregate", asking(kind="aggregate")),
        ("client", "10.0.0.1:99", asking(client="10.0.0.1:99")),
        ("collection", "app.x", asking(namespace="app.x")),
        ("targetingKey", "7", asking(7)),
    ],
)
def test_targeting_knows_who_asks(
    flags: Flags, provider: FileProvider, file: Path, variable: str, value: str, who: Asking
) -> None:
    flag = with_flag(EMPTY, READS, "", Said(phase=Phase.SHADOW))
    flag["flags"]["reads"]["targeting"] = {
        "if": [{"==": [{"var": variable}, value]}, "off", "shadow"]
    }
    write_flags(file, flag)
    provider.look()

    assert flags.phase(READS, who) is Phase.OFF
    assert flags.phase(READS, asking()) is Phase.SHADOW


@pytest.mark.parametrize(
    ("targeting", "error"),
    [
        ({"no_such_operator": [1]}, "no_such_operator"),
        ({"if": [True, "nope"]}, "nope"),
        ({"if": [True, "cutover"]}, "the phase `cutover` of reads is not built yet"),
    ],
)
def test_a_flag_that_cannot_be_followed_means_shadow_and_is_told_of_once(
    flags: Flags, provider: FileProvider, file: Path, targeting: Any, error: str
) -> None:
    flag = with_flag(EMPTY, READS, "app.users", off())
    flag["flags"]["reads:app.users"]["targeting"] = targeting
    file.write_text(json.dumps(flag))
    provider.look()

    with capture_logs() as logs:
        phases = [flags.phase(READS, asking(n)) for n in range(3)]

    assert phases == [Phase.SHADOW] * 3
    assert [line["event"] for line in logs] == ["flag_failed"]
    assert error in logs[0]["error"]
