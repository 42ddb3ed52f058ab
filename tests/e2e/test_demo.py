"""`parallax demo` as a user runs it: a process of its own, judged by its exit code and what it prints."""

import asyncio
import json
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.eventually import eventually

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that is over."""

    code: int
    text: str


@asynccontextmanager
async def _demo(folder: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "proxy.cli", "demo", "--out", str(folder / "out"), *options),
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder), "COLUMNS": "160"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _ended(process: asyncio.subprocess.Process) -> Ended:
    output, _ = await process.communicate()
    assert process.returncode is not None
    return Ended(code=process.returncode, text=output.decode())


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that the unprivileged PostgreSQL may enter."""
    with tempfile.TemporaryDirectory(prefix="parallax-demo-test-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        yield directory


async def test_a_run_without_defects_passes_and_leaves_the_report_alone(folder: Path) -> None:
    async with _demo(folder, "--seconds", "4", "--users", "3") as process:
        ended = await _ended(process)

    assert ended.code == 0, ended.text
    assert {path.name for path in folder.iterdir()} == {"out"}
    report = json.loads((folder / "out" / "report.json").read_text())
    assert report
    assert "<html" in (folder / "out" / "report.html").read_text()
    figures = re.search(r"verified\s*│\s*([\d,]+)", ended.text)
    assert figures is not None, ended.text
    assert int(figures[1].replace(",", "")) > 50
    assert re.search(r"mismatched\s*│\s*0 ", ended.text), ended.text
    assert "driving traffic through the sidecar" in ended.text


async def test_people_may_use_the_http_api(folder: Path) -> None:
    async with _demo(folder, "--http", "--seconds", "3", "--users", "2") as process:
        ended = await _ended(process)

    assert ended.code == 0, ended.text
    figures = re.search(r"verified\s*│\s*([\d,]+)", ended.text)
    assert figures is not None, ended.text
    assert int(figures[1].replace(",", "")) > 30
    assert re.search(r"mismatched\s*│\s*0 ", ended.text), ended.text


async def test_injected_defects_are_found_and_nothing_else(folder: Path) -> None:
    options = ("--seconds", "6", "--users", "3", "--inject", "0.05", "--seed", "5")
    async with _demo(folder, *options) as process:
        ended = await _ended(process)

    figures = re.search(r"recall ([\d.]+)% \((\d+) of (\d+).*\n?.*false alarms (\d+)", ended.text)
    assert figures is not None, ended.text
    recall, found, observable, false_alarms = figures.groups()
    assert int(found) > 0
    assert found == observable, ended.text
    assert (recall, false_alarms) == ("100.0", "0"), ended.text
    assert ended.code == 0


async def test_one_collection_is_rolled_out_and_a_damaged_one_is_set_back(folder: Path) -> None:
    async with _demo(folder, "--seconds", "1", "--users", "4", "--rollout") as process:
        ended = await _ended(process)

    assert ended.code == 0, ended.text
    assert "chat.messages: canary 50 %, else shadow → gateway" in ended.text
    assert "chat.messages arrived at 100 %" in ended.text
    took = re.search(r"chat.conversations was set back (\d+) ms after the verdict", ended.text)
    assert took is not None, ended.text
    evidence = json.loads((folder / "out" / "report.json").read_text())["evidence"]
    sent_back = [change for change in evidence["flags"] if change["is_roll_back"]]
    assert [change["namespace"] for change in sent_back] == ["chat.conversations"]
    assert ["mismatches", "fail"] in [
        [gate["gate"], gate["result"]] for gate in sent_back[0]["gates"]
    ]
    steps = [change for change in evidence["flags"] if change["namespace"] == "chat.messages"]
    assert [change["after"] for change in reversed(steps)] == [
        *(f"canary {percent} %, else shadow" for percent in (1, 5, 25, 50)),
        "gateway",
        "gateway",
    ]
    assert {gate["result"] for change in steps for gate in change["gates"]} == {"pass"}
    page = (folder / "out" / "report.html").read_text()
    assert "rolled back: " in page


async def test_an_interrupted_run_leaves_nothing_behind(folder: Path) -> None:
    async with _demo(folder, "--seconds", "60") as process:
        await eventually(lambda: any(folder.glob("*/sidecar/data/ledger.db")), within_s=60)
        process.send_signal(signal.SIGINT)
        ended = await _ended(process)

    assert ended.code == 130, ended.text
    assert list(folder.iterdir()) == []
