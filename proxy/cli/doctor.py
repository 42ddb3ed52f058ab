"""`parallax doctor`: will it work here, what will not, and why."""

import asyncio
from typing import Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.cli import options
from proxy.cli.checks.before import check_before
from proxy.cli.checks.finding import Checked, Health
from proxy.cli.checks.gateway import check_gateway
from proxy.cli.checks.legacy import check_legacy
from proxy.cli.checks.local import check_here
from proxy.settings import Settings

_COLOURS: Final = {Health.GOOD: "green", Health.DOUBTFUL: "yellow", Health.BAD: "red"}


def doctor(
    config: options.Config = None,
    legacy: options.Legacy = None,
    gateway: options.Gateway = None,
    listen: options.Listen = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    rules: options.Rules = None,
) -> int:
    """Check both databases and this machine; ends with 1 when something keeps Parallax from working."""
    settings = options.settings_of(
        config, legacy=legacy, gateway=gateway, listen=listen, data=data, ledger=ledger, rules=rules
    )
    findings = asyncio.run(examine(settings))
    Console().print(_table(findings))
    problems, warnings = (_count(findings, health) for health in (Health.BAD, Health.DOUBTFUL))
    typer.echo(f"{_n(problems, 'problem')}, {_n(warnings, 'warning')}")
    return 1 if problems else 0


async def examine(settings: Settings) -> list[Checked]:
    """Return everything the doctor finds, both databases first."""
    legacy, gateway = settings.demand("legacy.uri"), settings.demand("gateway.uri")
    # Reads that a flag moves are answered by a process with connections of its own.
    connections = settings.verifier.concurrency + settings.serving.connections
    findings = [found async for found in check_legacy(legacy)]
    is_readable = not _count(findings, Health.BAD)
    findings += [found async for found in check_gateway(gateway, connections=connections)]
    if is_readable:
        findings += [found async for found in check_before(legacy, gateway)]
    return findings + [found async for found in check_here(settings)]


def _table(findings: list[Checked]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for found in findings:
        line = Text.assemble((found.subject, "bold"), f": {found.found}")
        if found.remedy:
            line.append(f"\n→ {found.remedy}")
        table.add_row(Text(found.health.value, style=_COLOURS[found.health]), line)
    return table


def _count(findings: list[Checked], health: Health) -> int:
    return sum(found.health is health for found in findings)


def _n(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
