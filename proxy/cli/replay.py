"""`parallax replay`: a log that was kept, against a gateway of today."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop

from adapters.gateway import Gateway
from comparators.errors import RefusedError, SettingsError
from comparators.rules import Rules
from dashboards.report.report import build_report
from proxy.capture.directory import KeptLock
from proxy.capture.pacing import PacedReader
from proxy.capture.reader import CaptureReader
from proxy.capture.segment import bases, begin_of, log_id
from proxy.cli import options
from proxy.cli.about import about
from proxy.cli.collection import settle_garbage_collection
from proxy.cli.ending import cancelled_by_signals
from proxy.cli.injecting import gateway_under_test
from proxy.cli.maps import maps_of
from proxy.cli.report import EXIT_CODES, write_report
from proxy.jobs.captures.exchanges import demand_log
from proxy.ledger.read import read_report
from proxy.ledger.replays import ReplayNote, check_replay, note_replay
from proxy.ledger.write import Ledger
from proxy.settings import Settings
from proxy.shadow.frontier import Resume
from proxy.shadow.replay import Pace, Replay
from proxy.telemetry import configure_logging
from proxy.uris import redacted_uri

RECORDED: Final = "recorded"
MAX: Final = "max"

CaptureArgument = Annotated[
    Path, typer.Argument(help="The folder of the capture log.", metavar="CAPTURE")
]


def replay(
    capture: CaptureArgument,
    config: options.Config = None,
    gateway: options.Gateway = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    rules: options.Rules = None,
    entities: options.Entities = None,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
    *,
    speed: Annotated[
        str,
        typer.Option("--speed", help="recorded, a multiple of it such as 10, or max.", metavar="N"),
    ] = MAX,
    append: Annotated[
        bool, typer.Option("--append", help="Add to the evidence of another replay.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for report.html, report.md and report.json."),
    ] = None,
    injection: options.Injection = None,
    legacy: Annotated[str | None, typer.Option("--legacy", hidden=True)] = None,
) -> int:
    """Run a captured log against a gateway; ends as `report` does."""
    if legacy is not None:
        raise RefusedError(
            "a replay asks no MongoDB: it is not in the state any more that the log tells of",
            where="--legacy",
            remedy="leave it out; what stays open for want of it is `not_comparable`, see docs/replay.md",
        )
    settings = options.settings_of(
        config,
        gateway=gateway,
        data=data,
        ledger=ledger,
        rules=rules,
        entities=entities,
        log_level=log_level,
        log_format=log_format,
    )
    configure_logging(settings.log.level, settings.log.format, part="replay")
    settle_garbage_collection()
    demand_log(capture)
    log = log_id(capture)
    url = settings.ledger.uri or f"sqlite:///{settings.data_directory / f'replay-{log[:12]}.db'}"
    work = _replay(settings, capture, log, url, _speed_of(speed), append=append, plan=injection)
    try:
        uvloop.run(work)
    except asyncio.CancelledError:
        # What was finished is on the ledger, and the same command goes on from there.
        raise typer.Abort from None
    evidence = asyncio.run(read_report(url, gates=settings.gates.without_sweeps()))
    built = build_report(evidence)
    typer.echo(f"{evidence.conclusion.result.value}: {built.headline}")
    typer.echo(f"ledger: {redacted_uri(url)}")
    if out is not None:
        typer.echo(f"report: {write_report(built, out)}")
    return EXIT_CODES[evidence.conclusion.result]


async def _replay(
    settings: Settings,
    capture: Path,
    log: str,
    url: str,
    speed: float | None,
    *,
    append: bool,
    plan: Path | None,
) -> None:
    rules = Rules.load(settings.rules_file, datetime.now(UTC).date())
    note = ReplayNote(log=log, gateway=redacted_uri(settings.demand("gateway.uri")))
    async with AsyncExitStack() as held:
        held.enter_context(KeptLock(capture))
        begun = await check_replay(url, note, append=append)
        gateway = await held.enter_async_context(_gateway(settings, plan))
        if not begun:
            await _refuse_begun(gateway, log, note.gateway)
        opened = await Ledger.open(url, revealed=rules.reveals, about=about(settings))
        held.push_async_callback(opened.close)
        await note_replay(opened, note)
        held.enter_context(cancelled_by_signals())
        checkpoint = await opened.checkpoint(log)
        resume = (
            Resume(position=bases(capture)[0], open=frozenset())
            if checkpoint is None
            else Resume(position=checkpoint.position, open=frozenset(checkpoint.open))
        )
        reader = CaptureReader(capture, resume.reads_from)
        held.callback(reader.close)
        async with asyncio.TaskGroup() as writes, asyncio.TaskGroup() as tasks:
            work = Replay(
                log=log,
                begins_ns=begin_of(capture),
                reader=PacedReader(reader, until=reader.end(), speed=speed),
                resume=resume,
                gateway=gateway,
                ledger=opened,
                rules=rules,
                pace=Pace(
                    concurrency=settings.verifier.concurrency,
                    gateway_timeout_s=settings.verifier.gateway_timeout_s,
                ),
                tasks=tasks,
                writes=writes,
            )
            await work.run()
        await note_replay(opened, replace(note, ended_ns=time.time_ns()))


@asynccontextmanager
async def _gateway(settings: Settings, plan: Path | None) -> AsyncIterator[Gateway]:
    async with gateway_under_test(
        settings.demand("gateway.uri"),
        connections=settings.verifier.concurrency,
        entities=maps_of(settings),
        explain_beyond_s=settings.gateway.explain_beyond_s,
        injection=plan,
    ) as gateway:
        yield gateway


async def _refuse_begun(gateway: Gateway, log: str, where: str) -> None:
    """Refuse a gateway that has writes of this log already: they would not be applied a second time."""
    if await gateway.unforgotten(log):
        raise RefusedError(
            "the gateway already holds a part of this log, and this ledger knows nothing of it",
            where=where,
            remedy="begin with an empty or newly seeded database, or name the ledger of that replay",
        )


def _speed_of(text: str) -> float | None:
    """Return how many recorded seconds pass in one; None for no waiting at all."""
    if text == MAX:
        return None
    try:
        speed = 1.0 if text == RECORDED else float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise SettingsError(
            f"{text!r} is no speed",
            where="--speed",
            remedy=f"write {RECORDED}, {MAX}, or how many times faster, as in 10 or 0.5",
        )
    return speed
