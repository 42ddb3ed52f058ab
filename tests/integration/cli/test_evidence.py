"""`parallax report` and `parallax status`: what they say of a ledger, and their exit codes."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from comparators.verdict import Verdict
from proxy.ledger.entries import Finding
from proxy.ledger.write import Ledger
from tests.integration.cli.command import assert_three_lines, parallax
from tests.integration.ledger.findings import NO_LAG, checkpoint, finding, mismatch

WIDTH = 80


async def a_ledger(directory: Path, findings: Sequence[Finding]) -> str:
    url = f"sqlite:///{directory / 'ledger.db'}"
    ledger = await Ledger.open(url)
    await ledger.record(findings, checkpoint=checkpoint(9, at_ns=time.time_ns()), lag=NO_LAG)
    await ledger.close()
    return url


@pytest.mark.parametrize(
    ("findings", "code", "result"),
    [
        ((finding(1), finding(2)), 0, "pass"),
        ((finding(1), mismatch(2)), 1, "fail"),
        ((), 2, "inconclusive"),
        (
            (finding(1), finding(2, verdict=Verdict.UNSUPPORTED, reason="stage $geoNear")),
            2,
            "inconclusive",
        ),
    ],
    ids=["all equal", "a mismatch", "nothing verified", "something unsupported"],
)
async def test_the_report_ends_with_its_result(
    findings: Sequence[Finding], code: int, result: str, tmp_path: Path
) -> None:
    url = await a_ledger(tmp_path, findings)

    ran = await parallax("report", "--ledger", url, "--out", "out", directory=tmp_path)

    assert ran.code == code, ran.printed
    assert ran.out.startswith(f"{result}: ")
    assert "</html>" in (tmp_path / "out" / "report.html").read_text()
    assert json.loads((tmp_path / "out" / "report.json").read_text())


async def test_the_report_says_where_it_cannot_be_written(tmp_path: Path) -> None:
    url = await a_ledger(tmp_path, [finding(1)])
    (tmp_path / "taken").write_text("a file in place of a folder")

    ran = await parallax("report", "--ledger", url, "--out", "taken", directory=tmp_path)

    assert ran.code == 75
    assert_three_lines(ran, what="the report cannot be written", where="taken")


@pytest.mark.parametrize("command", ["status", "report"])
async def test_without_a_ledger_the_remedy_is_to_start(command: str, tmp_path: Path) -> None:
    ran = await parallax(command, directory=tmp_path)

    assert ran.code == 78
    assert_three_lines(ran, what="there is no ledger yet", where="ledger.db")
    assert list(tmp_path.iterdir()) == [], "reading makes no file"


@pytest.mark.parametrize("command", ["status", "report"])
async def test_something_else_in_place_of_the_ledger_is_told(command: str, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("no database " * 100)

    ran = await parallax(command, "--data", str(tmp_path), directory=tmp_path)

    assert ran.code == 65
    assert_three_lines(ran, what="damaged or no ledger", where="ledger.db")


async def test_status_shows_verdicts_and_reasons_within_80_columns(tmp_path: Path) -> None:
    url = await a_ledger(tmp_path, [finding(1), finding(2), mismatch(3)])

    ran = await parallax("status", "--ledger", url, directory=tmp_path)

    assert ran.code == 0, ran.printed
    lines = ran.out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "relay           has never run with this data directory" in ran.out
    assert "evidence        fail" in ran.out
    assert "1 operation gave another result on the gateway" in ran.out
    assert "verified        3 of 3 operations seen" in ran.out
    assert "mismatch 1" in ran.out
    assert "match 2" in ran.out


async def test_health_is_bad_where_nothing_listens(tmp_path: Path) -> None:
    ran = await parallax("status", "--health", "--listen", "127.0.0.1:1", directory=tmp_path)

    assert ran.code == 69
    assert_three_lines(ran, what="does not answer", where="127.0.0.1:1")
