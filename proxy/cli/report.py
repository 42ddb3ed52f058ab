"""`parallax report`: the evidence for people, as a page and as Markdown, and for machines, as JSON and JUnit."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from comparators.errors import CapacityError
from dashboards.report.html import render_html
from dashboards.report.json import render_json
from dashboards.report.junit import render_junit
from dashboards.report.markdown import render_markdown
from dashboards.report.report import Report, build_report
from proxy.cli import options
from proxy.ledger.read import Result, read_report

EXIT_CODES: Final = {Result.PASS: 0, Result.FAIL: 1, Result.INCONCLUSIVE: 2}
_NANOSECONDS: Final = 1_000_000_000


def report(
    config: options.Config = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    *,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for report.html, report.md and report.json.")
    ] = Path("parallax-report"),
    since: Annotated[
        datetime | None, typer.Option("--since", help="Begin of the window, local time.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", help="End of the window, local time.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="File for the gates as JUnit, for CI.")
    ] = None,
) -> int:
    """Write the report; ends with 0 for pass, 1 for fail, 2 for inconclusive."""
    settings = options.settings_of(config, data=data, ledger=ledger)
    evidence = asyncio.run(
        read_report(
            settings.ledger_uri,
            gates=settings.gates,
            since_ns=_nanoseconds(since),
            until_ns=_nanoseconds(until),
        )
    )
    built = build_report(evidence)
    page = write_report(built, out)
    if junit is not None:
        _write({junit: render_junit(built)})
    typer.echo(f"{evidence.conclusion.result.value}: {built.headline}")
    typer.echo(f"report: {page}")
    return EXIT_CODES[evidence.conclusion.result]


def write_report(built: Report, out: Path) -> Path:
    """Write all forms into a folder and return the page's path; CapacityError if that fails."""
    page = out / "report.html"
    _write(
        {
            page: render_html(built),
            out / "report.json": render_json(built),
            out / "report.md": render_markdown(built),
        }
    )
    return page.resolve()


def _write(files: Mapping[Path, str]) -> None:
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        except OSError as error:
            raise CapacityError(
                f"the report cannot be written: {error.strerror}",
                where=str(path),
                remedy="name a place this user may write to",
            ) from error


def _nanoseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * _NANOSECONDS)
