"""`parallax doctor`: will it work here, what will not, and why."""

import asyncio

import typer
from rich.console import Console
from rich.table import Table

from proxy.cli import options
from proxy.cli.checks.finding import Checked, Health
from proxy.cli.checks.gateway import check_gateway
from proxy.cli.checks.legacy import check_legacy
from proxy.cli.checks.local import check_here
from proxy.settings import Settings

_COLOURS = {Health.GOOD: "green", Health.DOUBTFUL: "yellow", Health.BAD: "red"}


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
    problems = sum(found.health is Health.BAD for found in findings)
    typer.echo(f"{problems} problems, {_count(findings, Health.DOUBTFUL)} warnings")
    return 1 if problems else 0


async def examine(settings: Settings) -> list[Checked]:
    """Return everything the doctor finds, both databases first."""
    findings = [found async for found in check_legacy(settings.demand("legacy.uri"))]
    concurrency = settings.verifier.concurrency
    gateway = settings.demand("gateway.uri")
    findings += [found async for found in check_gateway(gateway, connections=concurrency)]
    findings += [found async for found in check_here(settings)]
    return findings


def _table(findings: list[Checked]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("", "what", "found", "what to do"):
        table.add_column(column)
    for found in findings:
        colour = _COLOURS[found.health]
        label = f"[{colour}]{found.health.value}[/{colour}]"
        table.add_row(label, found.subject, found.found, found.remedy)
    return table


def _count(findings: list[Checked], health: Health) -> int:
    return sum(found.health is health for found in findings)
