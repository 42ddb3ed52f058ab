"""What the documentation names exists: commands, options, variables, settings, verdicts, events, exit codes, pages.

Settings, metrics, events, tables of the ledger and keys of rules have references of their own, with tests of their own.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from comparators.errors import ParallaxError
from comparators.verdict import Verdict
from proxy import settings
from proxy.cli.commands import COMMANDS
from proxy.cli.entry import EX_SOFTWARE, EX_USAGE, INTERRUPTED, application
from proxy.cli.report import EXIT_CODES
from proxy.measures import METRICS
from proxy.telemetry import EVENTS

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()

SECTIONS = {name.partition(".")[0] for name in settings.names()}
OTHER_PROGRAMS = re.compile(r"^\s*(?:docker|openssl|git|uv|npm|pip|make|python3?|\.venv/bin/\w+)\b")
"""Lines of code blocks whose options are not ours."""


def options_of(command: str) -> set[str]:
    """Return the options that a command shows in its help."""
    found = typer.main.get_command(application([command])).commands[command]  # type: ignore[attr-defined]
    return {
        name
        for member in members_of(found)
        for parameter in member.params
        if parameter.param_type_name == "option"
        if not getattr(parameter, "hidden", False)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


def members_of(command: Any) -> Iterator[Any]:
    """Yield a command and, of a group, all commands below it."""
    yield command
    for member in getattr(command, "commands", {}).values():
        yield from members_of(member)


ALL_OPTIONS = set().union(*(options_of(command) for command in COMMANDS)) | {"--help", "--version"}


def ours(page: Path) -> str:
    """Return a page without the command lines of other programs."""
    lines = page.read_text().splitlines()
    return "\n".join(line for line in lines if not OTHER_PROGRAMS.match(line))


def rows(page: str, heading: str) -> dict[str, str]:
    """Return the first table below a heading: its first column, and the rest of each row."""
    table = page.split(f"## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    found = re.findall(r"^\| (.+?) \| (.+) \|$", table, re.MULTILINE)
    return dict(found[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page: Path) -> None:
    text = ours(page)

    commands = set(re.findall(r"(?:`|^|\$ )parallax ([a-z]+)", text, re.MULTILINE))
    variables = set(re.findall(r"\bPARALLAX_[A-Z_]+[A-Z]\b", text))
    named = {
        name
        for name in re.findall(r"`([a-z]+\.[a-z_]+)`", text)
        if name.partition(".")[0] in SECTIONS and not name.endswith((".db", ".py"))
    }

    assert commands - COMMANDS.keys() == set()
    assert variables - {settings.variable_of(name) for name in settings.names()} <= {
        settings.FILE_VARIABLE,
        "PARALLAX_ADVERTISE",  # compose.yaml's own, as the next one
        "PARALLAX_TRACES",
    }
    labels = {label for metric in METRICS for label in metric.labels}
    assert named - set(settings.names()) - labels == set()


@pytest.mark.parametrize("page", ["README.md", "docs/commands.md", "docs/operations.md"])
def test_options_that_a_page_names_exist(page: str) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", ours(ROOT / page)))

    assert named - ALL_OPTIONS == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_command_and_every_option_is_described() -> None:
    described = set(re.findall(r"^\| `parallax ([a-z]+)` \|", COMMANDS_PAGE, re.MULTILINE))

    assert described == COMMANDS.keys()
    for option in ALL_OPTIONS - {"--help", "--version", "--verifier"}:
        assert re.search(rf"`{option}[` ]", COMMANDS_PAGE), option


def test_every_exit_code_is_described() -> None:
    codes = {
        *EXIT_CODES.values(),
        *(kind.exit_code for kind in ParallaxError.__subclasses__()),
        *(EX_USAGE, EX_SOFTWARE, INTERRUPTED),
    }

    assert {int(code) for code in rows(COMMANDS_PAGE, "Exit codes")} == codes


def test_every_verdict_has_an_action() -> None:
    table = rows(OPERATIONS, "Read a report and act")

    assert set(table) == {f"`{verdict.value}`" for verdict in Verdict}


def test_events_and_metrics_that_operations_name_exist() -> None:
    happens = OPERATIONS.split("## What happens when\n")[1].split("\n## ")[0]
    parallax_does = [line.split(" | ")[2] for line in happens.splitlines() if line.startswith("| ")]
    events = set(re.findall(r"`([a-z]+_[a-z_]+)`", "\n".join(parallax_does)))
    metrics = set(re.findall(r"`(parallax\.[a-z.]+)`", OPERATIONS))

    assert len(events) > 5
    assert events - EVENTS.keys() - {verdict.value for verdict in Verdict} == set()
    assert metrics
    assert metrics <= {metric.name for metric in METRICS}
