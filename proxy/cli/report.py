"""`parallax report`: the evidence for people, as a page and as Markdown, and for machines, as JSON and JUnit."""

import asyncio
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from comparators.errors import CapacityError, SettingsError
from comparators.rules import Rules
from dashboards.report.digest import check
from dashboards.report.html import render_html
from dashboards.report.json import render_json
from dashboards.report.junit import render_junit
from dashboards.report.markdown import render_markdown
from dashboards.report.report import Report, build_report
from proxy.cli import options
from proxy.cli.cutover_told import cutover_told
from proxy.declared_rule import rules_text
from proxy.ledger.read import Result, read_report
from proxy.marked_rules import declared_by

EXIT_CODES: Final = {Result.PASS: 0, Result.FAIL: 1, Result.INCONCLUSIVE: 2}
_NANOSECONDS: Final = 1_000_000_000
_PAGE: Final = "report.html"
_MARKDOWN: Final = "report.md"


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
    collections: Annotated[
        list[str] | None,
        typer.Option("--collection", help="Only this one, `database.collection`; again for more."),
    ] = None,
    signers: Annotated[
        list[str] | None,
        typer.Option("--sign", help="Who shall sign, name and role; again for more."),
    ] = None,
    checked: Annotated[
        Path | None,
        typer.Option("--check", help="Only say whether a report.json is as it was written."),
    ] = None,
) -> int:
    """Write the report; ends with 0 for pass, 1 for fail, 2 for inconclusive."""
    if checked is not None:
        return _check(checked)
    settings = options.settings_of(config, data=data, ledger=ledger)
    evidence = asyncio.run(
        read_report(
            settings.ledger_uri,
            gates=settings.gates,
            since_ns=_nanoseconds(since),
            until_ns=_nanoseconds(until),
            namespaces=collections or (),
        )
    )
    # A rule that has expired still tells who answered for what it excused.
    declared = Rules.load(settings.rules_file, date.min).rules
    built = build_report(
        evidence,
        declared=declared,
        declared_by=declared_by(rules_text(settings.rules_file)),
        signers=signers or (),
        cutover=cutover_told(settings),
    )
    page = write_report(built, out)
    if junit is not None:
        _write({junit: render_junit(built)})
    typer.echo(f"{evidence.conclusion.result.value}: {built.headline}")
    typer.echo(f"report: {page}")
    return EXIT_CODES[evidence.conclusion.result]


def write_report(built: Report, out: Path) -> Path:
    """Write all forms into a folder and return the page's path; CapacityError if that fails."""
    beside = {_PAGE: render_html(built), _MARKDOWN: render_markdown(built)}
    files = {**beside, "report.json": render_json(built, beside)}
    _write({out / name: text for name, text in files.items()})
    return (out / _PAGE).resolve()


def _check(path: Path) -> int:
    """Say whether a report and the files beside it are as they were written; 1 if not."""
    beside = {
        name: _read(path.with_name(name))
        for name in (_PAGE, _MARKDOWN)
        if path.with_name(name).exists()
    }
    found = check(_read(path), beside, where=str(path))
    typer.echo(f"{'as it was written' if found.holds else 'altered'}: {found.found}")
    if found.found != found.stated:
        typer.echo(f"it says of itself: {found.stated}")
    for name in found.altered:
        typer.echo(f"altered: {name}")
    for name in found.missing:
        typer.echo(f"not there: {name}")
    return 0 if found.holds else 1


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the report cannot be read: {type(error).__name__}",
            where=str(path),
            remedy="name the report.json that `parallax report` wrote",
        ) from error


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
