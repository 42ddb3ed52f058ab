"""`parallax report` and `parallax status`: what they say of a ledger, and their exit codes."""

import json
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import pytest

from comparators.verdict import Verdict
from proxy.ledger.entries import Finding
from proxy.ledger.write import Ledger
from tests.integration.cli.command import assert_three_lines, parallax
from tests.integration.ledger.findings import NO_LAG, checkpoint, finding, mismatch

WIDTH = 80
LENIENT = """
[gates]
min_samples = 1
min_duration_s = 0
max_mismatch_rate = 1
max_error_rate = 1
max_timeout_rate = 1
max_latency_ratio = inf # latency
max_sweep_age_s = inf
"""
STRICTER_FOR_USERS = """
[gates.collections."app.users"]
min_samples = 3
"""


async def a_ledger(directory: Path, findings: Sequence[Finding]) -> str:
    url = f"sqlite:///{directory / 'ledger.db'}"
    ledger = await Ledger.open(url)
    await ledger.record(findings, checkpoint=checkpoint(9, at_ns=time.time_ns()), lag=NO_LAG)
    await ledger.close()
    return url


@pytest.mark.parametrize(
    ("findings", "settings", "code", "result"),
    [
        ((finding(1), finding(2)), LENIENT, 0, "pass"),
        ((finding(1), finding(2)), "", 2, "inconclusive"),
        ((finding(1), mismatch(2)), LENIENT, 1, "fail"),
        ((), LENIENT, 2, "inconclusive"),
        (
            (finding(1), finding(2, verdict=Verdict.UNSUPPORTED, reason="stage $geoNear")),
            LENIENT,
            2,
            "inconclusive",
        ),
        ((finding(1), finding(2)), LENIENT + STRICTER_FOR_USERS, 2, "inconclusive"),
        ((finding(1), finding(2)), LENIENT.replace("= inf # latency", "= 1.05"), 2, "inconclusive"),
    ],
    ids=[
        "all equal",
        "too little for the defaults",
        "a mismatch",
        "nothing verified",
        "something unsupported",
        "too little for one collection",
        "no interval of latency",
    ],
)
async def test_the_report_ends_with_its_result(
    findings: Sequence[Finding], settings: str, code: int, result: str, tmp_path: Path
) -> None:
    url = await a_ledger(tmp_path, findings)
    (tmp_path / "gates.toml").write_text(settings)

    ran = await parallax(
        *("report", "--config", "gates.toml", "--ledger", url, "--out", "out"),
        *("--junit", "ci/gates.xml"),
        directory=tmp_path,
    )

    assert ran.code == code, ran.printed
    assert ran.out.startswith(f"{result}: ")
    assert "</html>" in (tmp_path / "out" / "report.html").read_text()
    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert told["evidence"]["conclusion"]["result"] == result
    assert (tmp_path / "out" / "report.md").read_text().startswith(f"# Parallax: {result}\n")
    suites = ET.fromstring((tmp_path / "ci" / "gates.xml").read_text())  # noqa: S314 - our own
    assert bool(suites.findall(".//failure")) is (code == 1)
    assert bool(suites.findall(".//failure") + suites.findall(".//error")) is (code != 0)


async def test_the_report_is_of_the_collections_asked_for_and_can_be_checked_later(
    tmp_path: Path,
) -> None:
    url = await a_ledger(tmp_path, [finding(1), mismatch(2, namespace="app.other")])
    (tmp_path / "gates.toml").write_text(LENIENT)

    wrote = await parallax(
        *("report", "--config", "gates.toml", "--ledger", url, "--out", "out"),
        *("--collection", "app.users", "--sign", "Ada, engineering"),
        directory=tmp_path,
    )
    checked = await parallax("report", "--check", "out/report.json", directory=tmp_path)
    page = tmp_path / "out" / "report.html"
    page.write_text(page.read_text().replace("Ada", "Bob"))
    altered = await parallax("report", "--check", "out/report.json", directory=tmp_path)

    assert wrote.code == 0, wrote.printed
    assert "app.other" not in (tmp_path / "out" / "report.json").read_text()
    assert (checked.code, altered.code) == (0, 1)
    assert checked.out.startswith("as it was written: sha256:")
    assert "altered: report.html" in altered.out


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
    assert "gates           app.users fail: mismatches, " in ran.out
    assert "verified        3 of 3 operations seen" in ran.out
    assert "mismatch 1" in ran.out
    assert "match 2" in ran.out


async def test_health_is_bad_where_nothing_listens(tmp_path: Path) -> None:
    ran = await parallax("status", "--health", "--listen", "127.0.0.1:1", directory=tmp_path)

    assert ran.code == 69
    assert_three_lines(ran, what="does not answer", where="127.0.0.1:1")


async def test_a_wrong_bound_of_a_collection_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "gates.toml").write_text(STRICTER_FOR_USERS.replace("3", "0"))

    ran = await parallax("report", "--config", "gates.toml", directory=tmp_path)

    assert ran.code == 78
    assert_three_lines(ran, what="gates.collections.app.users.min_samples", where="gates.toml:3")
