"""`parallax capture`: look into a capture log, and copy parts of it."""

import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, TextIO

import typer
from rich.console import Console
from rich.table import Table

from comparators.errors import CapacityError, RefusedError, SettingsError
from comparators.rules import Rules
from proxy.capture.directory import DIRECTORY_MODE
from proxy.capture.reader import Skipped
from proxy.capture.segment import FILE_MODE
from proxy.cli import options
from proxy.jobs.captures.cutting import Bound, Cut, cut
from proxy.jobs.captures.exchanges import Traded, completed, demand_log
from proxy.jobs.captures.overview import Overview, SegmentView, overview_of
from proxy.jobs.captures.showing import Filter, json_of, line_of, moment_of
from proxy.settings import Settings

CAPTURE: Final = typer.Typer(
    help="Look into a capture log, and copy parts of it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
CaptureFolder = Annotated[
    Path | None,
    typer.Argument(help="The folder of the log (else that of the settings).", metavar="CAPTURE"),
]
Collections = Annotated[
    list[str] | None,
    typer.Option(
        "--collection", help="Only `database.collection`, or a database (again for more)."
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="Only this command, such as find (again for more)."),
]
Since = Annotated[
    str | None, typer.Option("--since", help="Begin: a position, or local time.", metavar="WHEN")
]
Until = Annotated[
    str | None, typer.Option("--until", help="End: a position, or local time.", metavar="WHEN")
]
_NANOSECONDS: Final = 1_000_000_000


@CAPTURE.command("ls")
def ls(
    capture: CaptureFolder = None,
    config: options.Config = None,
    data: options.DataDirectory = None,
) -> None:
    """Show what a log holds: segments, operations by collection and kind, gaps and damage."""
    found = overview_of(_folder(capture, options.settings_of(config, data=data)))
    console = Console()
    console.print(f"log {found.log}, {found.size:,} bytes, {_span(found)}")
    console.print(_segments(found))
    console.print(_operations(found))
    for line in _remarks(found):
        typer.echo(line)


@CAPTURE.command("show")
def show(
    capture: CaptureFolder = None,
    config: options.Config = None,
    data: options.DataDirectory = None,
    rules: options.Rules = None,
    *,
    collection: Collections = None,
    kind: Kinds = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", help="At most so many; 0 for all.")] = 100,
    full: Annotated[
        bool, typer.Option("--full", help="With request and reply, each value as its class.")
    ] = False,
) -> None:
    """Show operations, without any value that no rule reveals."""
    settings = options.settings_of(config, data=data, rules=rules)
    revealed = _rules(settings).reveals
    wanted = _filter(collection, kind, since, until)
    for n, traded in enumerate(_chosen(_folder(capture, settings), wanted, since, until), 1):
        typer.echo(line_of(traded))
        if full:
            entry = json.loads(json_of(traded, values=False, revealed=revealed))
            for part in ("request", "reply"):
                typer.echo(f"    {part}: {json.dumps(entry.get(part), ensure_ascii=False)}")
        if n == limit:
            typer.echo(f"there may be more: this ends after --limit {limit}")
            break


@CAPTURE.command("export")
def export(
    capture: CaptureFolder = None,
    config: options.Config = None,
    data: options.DataDirectory = None,
    rules: options.Rules = None,
    *,
    out: Annotated[Path, typer.Option("--out", help="The file to make.")],
    collection: Collections = None,
    kind: Kinds = None,
    since: Since = None,
    until: Until = None,
    with_values: Annotated[
        bool, typer.Option("--with-values", help="Write the application's data itself.")
    ] = False,
) -> None:
    """Write operations as Extended JSON, one a line; each value as its class, unless asked otherwise."""
    settings = options.settings_of(config, data=data, rules=rules)
    revealed = _rules(settings).reveals
    wanted = _filter(collection, kind, since, until)
    count = 0
    with _private_file(out) as file:
        for traded in _chosen(_folder(capture, settings), wanted, since, until):
            file.write(json_of(traded, values=with_values, revealed=revealed) + "\n")
            count += 1
    what = "with the application's values" if with_values else "without values"
    typer.echo(f"{count:,} operations, {what}: {out}")


@CAPTURE.command("cut")
def cut_out(
    capture: CaptureFolder = None,
    config: options.Config = None,
    data: options.DataDirectory = None,
    *,
    out: Annotated[Path, typer.Option("--out", help="The folder of the new log.")],
    since: Since = None,
    until: Until = None,
) -> None:
    """Copy a window of a log into a log of its own, which replays by itself."""
    settings = options.settings_of(config, data=data)
    made = cut(_folder(capture, settings), out, _bound(since, "--since"), _bound(until, "--until"))
    typer.echo(f"log {made.log}: {made.records:,} records, {made.size:,} bytes, in {out}")
    typer.echo(f"positions {made.since} up to {made.until}, the same as in the log it was cut from")
    for line in _told(made):
        typer.echo(line)


def _folder(capture: Path | None, settings: Settings) -> Path:
    folder = capture or settings.capture_directory
    demand_log(folder)
    return folder


def _rules(settings: Settings) -> Rules:
    return Rules.load(settings.rules_file, datetime.now(UTC).date())


def _filter(
    collection: list[str] | None, kind: list[str] | None, since: str | None, until: str | None
) -> Filter:
    return Filter(
        collections=frozenset(collection or ()),
        kinds=frozenset(kind or ()),
        since_ns=_bound(since, "--since").moment_ns,
        until_ns=_bound(until, "--until").moment_ns,
    )


def _chosen(folder: Path, wanted: Filter, since: str | None, until: str | None) -> Iterator[Traded]:
    begin, end = _bound(since, "--since").position, _bound(until, "--until").position
    with closing(completed(folder)) as all_of_them:
        for traded in all_of_them:
            is_after = begin is None or traded.start >= begin
            if is_after and (end is None or traded.start < end) and wanted.wants(traded):
                yield traded


def _bound(text: str | None, where: str) -> Bound:
    """Return what a position or a moment in local time means."""
    if text is None:
        return Bound()
    if text.isdigit():
        return Bound(position=int(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is neither a position nor a time",
            where=where,
            remedy="write digits, or a time such as 2027-01-31T08:00:00",
        ) from error
    return Bound(moment_ns=int(moment.timestamp() * _NANOSECONDS))


@contextmanager
def _private_file(path: Path) -> Iterator[TextIO]:
    """Make a file for its owner alone; one that exists is never overwritten."""
    try:
        path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, FILE_MODE)
            yield file
    except FileExistsError as error:
        raise RefusedError(
            "the file exists", where=str(path), remedy="name another one with --out"
        ) from error
    except OSError as error:
        raise CapacityError(
            f"the file cannot be written: {error.strerror}",
            where=str(path),
            remedy="make room, or name another place with --out",
        ) from error


def _segments(found: Overview) -> Table:
    table = Table("segment", "bytes", "records", "from", "to", "state", box=None, pad_edge=False)
    for segment in found.segments:
        table.add_row(
            f"{segment.base:020d}",
            f"{segment.size:,}",
            f"{segment.records:,}",
            "" if segment.first_ns is None else moment_of(segment.first_ns),
            "" if segment.last_ns is None else moment_of(segment.last_ns),
            _state(segment),
        )
    return table


def _state(segment: SegmentView) -> str:
    return "; ".join(map(_harm, segment.harmed)) or "sound"


def _harm(part: Skipped) -> str:
    return f"{part.reason.value} at {part.position} ({part.length:,} bytes)"


def _operations(found: Overview) -> Table:
    table = Table("collection", "operation", "count", box=None, pad_edge=False)
    for (namespace, name), n in sorted(found.operations.items()):
        table.add_row(namespace, name, f"{n:,}")
    return table


def _remarks(found: Overview) -> Iterator[str]:
    yield f"{found.operations.total():,} operations, {found.unanswered:,} writes without an answer"
    if found.undecodable:
        yield f"{found.undecodable:,} messages cannot be decoded"
    for position, gap in found.gaps:
        reads, writes = sum(gap.dropped_reads.values()), sum(gap.lost_writes.values())
        until = moment_of(gap.until_ns)
        yield f"gap at {position}, until {until}: {gap.reason.value}, {reads:,} reads dropped, {writes:,} writes lost"
    for part in found.harmed:
        yield f"damage: {_harm(part)}"


def _span(found: Overview) -> str:
    if found.first_ns is None or found.last_ns is None:
        return "empty"
    return f"{moment_of(found.first_ns)} to {moment_of(found.last_ns)}"


def _told(made: Cut) -> Iterator[str]:
    """Say what became of what was under way at the edges."""
    for edge in ("begin", "end"):
        for what in ("writes", "reads", "transactions"):
            within = made.straddling[what, edge, True]
            without = made.straddling[what, edge, False]
            if within or without:
                yield f"{what} under way at the {edge}: {within:,} belong to the window, {without:,} do not"
        cursors = made.straddling["cursors", edge, True]
        if cursors and edge == "begin":
            yield f"cursors opened before it: {cursors:,}; what was read on in the window counts for nothing"
        elif cursors:
            yield f"cursors still open at the end: {cursors:,}; they compare as far as they were read"
    for part in made.harmed:
        yield f"damage: {_harm(part)}"
