"""`parallax report`: the evidence as a page for people and as JSON for machines."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from comparators.errors import CapacityError
from dashboards.report.html import render_html
from dashboards.report.json import render_json
from dashboards.report.report import Report, build_report
from proxy.cli import options
from proxy.ledger.conclusion import Result
from proxy.ledger.read import read_report

EXIT_CODES: Final = {Result.PASS: 0, Result.FAIL: 1, Result.INCONCLUSIVE: 2}
_NANOSECONDS: Final = 1_000_000_000


def report(
    config: options.Config = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    *,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for report.html and report.json.")
    ] = Path("parallax-report"),
    since: Annotated[
        datetime | None, typer.Option("--since", help="Begin of the window, local time.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", help="End of the window, local time.")
    ] = None,
) -> int:
    """Write the report; ends with 0 for pass, 1 for fail, 2 for inconclusive."""
    settings = options.settings_of(config, data=data, ledger=ledger)
    evidence = asyncio.run(
        read_report(settings.ledger_uri, since_ns=_nanoseconds(since), until_ns=_nanoseconds(until))
    )
    built = build_report(evidence)
    page = write_report(built, out)
    typer.echo(f"{evidence.conclusion.result.value}: {built.headline}")
    typer.echo(f"report: {page}")
    return EXIT_CODES[evidence.conclusion.result]


def write_report(built: Report, out: Path) -> Path:
    """Write both forms into a folder and return the page's path; CapacityError if that fails."""
    page = out / "report.html"
    try:
        out.mkdir(parents=True, exist_ok=True)
        page.write_text(render_html(built), encoding="utf-8")
        (out / "report.json").write_text(render_json(built), encoding="utf-8")
    except OSError as error:
        raise CapacityError(
            f"the report cannot be written: {error.strerror}",
            where=str(out),
            remedy="name a folder this user may write to with --out",
        ) from error
    return page.resolve()


def _nanoseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * _NANOSECONDS)
