"""`parallax demo`: throw-away databases, the sidecar between them, people who use it, and the proof."""

import asyncio
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path
from typing import Annotated, Final

import aiohttp
import typer
import uvloop
from pymongo.errors import PyMongoError
from rich.console import Console

from comparators.errors import UnreachableError
from comparators.verdict import Verdict
from dashboards.live.server import application, serve
from dashboards.report.report import build_report
from proxy.cli.demo.front import HttpFront
from proxy.cli.demo.recall import Recall, recall_of
from proxy.cli.demo.rollouts import SET_BACK, RolledOut, Rollouts, flag_settings
from proxy.cli.demo.stage import Stage, staged
from proxy.cli.demo.summary import print_recall, print_rollouts, print_summary
from proxy.cli.demo.view import Show, progress
from proxy.cli.demo.watch import Phase, Watch
from proxy.cli.report import EXIT_CODES, write_report
from proxy.embedded.process import free_port
from proxy.jobs.workload import (
    CommandTally,
    HttpWorkload,
    Pace,
    UnexpectedAnswerError,
    Workload,
)
from proxy.ledger.evidence import Evidence
from proxy.ledger.gates import worst
from proxy.ledger.read import Gates, Result

_PAUSE_S: Final = 0.05
_DRAINED_WITHIN_S: Final = 40
DEMO_GATES: Final = Gates(
    min_samples=1,
    min_duration_s=0,
    max_mismatch_rate=1,
    max_error_rate=1,
    max_timeout_rate=1,
    min_coverage=0.5,
    max_latency_ratio=inf,
    max_sweep_age_s=inf,
)
"""Half a minute on one machine proves nothing about rates, speed and what lay there before; the rest is asked in full."""

INCOMPLETE: Final = 2
FAILED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What was asked for."""

    seconds: float
    users: int
    rate: float
    seed: int
    entities: str
    out: Path
    rollout: bool
    http: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What came of it. `drained_s` is None when the verifier did not catch up; `recall` without defects.

    `mapped` is how many collections live in relational tables.
    """

    evidence: Evidence
    operations: int
    mapped: int
    drained_s: float | None
    recall: Recall | None
    rolled_out: RolledOut | None

    @property
    def exit_code(self) -> int:
        """The verdict on the evidence; with injected defects, on how the verifier took them."""
        if self.drained_s is None:
            return INCOMPLETE
        if self.recall is not None:
            failed = self.evidence.tally.verdicts.get(Verdict.GATEWAY_ERROR, 0)
            return 0 if self.recall.is_perfect and not failed else FAILED
        if self.rolled_out is not None:
            return 0 if self.rolled_out.is_as_wanted and self._others_pass() else FAILED
        return EXIT_CODES[self.evidence.conclusion.result]

    def _others_pass(self) -> bool:
        """Return whether everything passes but the collection that was damaged."""
        gates = self.evidence.gates
        others = (each.result for each in gates.collections if each.namespace != SET_BACK)
        return worst((*others, gates.ledger_result)) is Result.PASS


def demo(
    *,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, max=3600, help="How long to drive traffic.")
    ] = 30,
    users: Annotated[
        int, typer.Option("--users", min=1, max=64, help="People at the same time.")
    ] = 8,
    inject: Annotated[
        float,
        typer.Option(
            "--inject", min=0, max=1, help="Share of documents and answers to damage on purpose."
        ),
    ] = 0,
    rollout: Annotated[
        bool,
        typer.Option(
            "--rollout", help="Move two collections to the gateway, and damage one on its way."
        ),
    ] = False,
    http: Annotated[
        bool, typer.Option("--http", help="Let people use the HTTP API of the sidecar.")
    ] = False,
    seed: Annotated[
        int, typer.Option("--seed", help="Another seed makes other people do other things.")
    ] = 1,
    entities: Annotated[
        str,
        typer.Option(
            "--entities", help="The entity maps of the relational tables; empty: document tables."
        ),
    ] = "librechat",
    out: Annotated[
        Path, typer.Option("--out", help="Folder for report.html, report.md and report.json.")
    ] = Path("demo-output"),
) -> int:
    """Prove it on this machine: both databases, the sidecar, traffic, verification, a report.

    Ends with 0 only if operations were verified and none mismatched; with --inject, only if every
    observable defect was found and nothing else; with --rollout, only if one collection has arrived
    and the damaged one, alone, was set back.
    """
    if rollout and inject:
        message = "--rollout damages by itself: leave out --inject"
        raise typer.BadParameter(message)
    if http and (rollout or inject):
        message = "--http goes by itself: leave out --rollout and --inject"
        raise typer.BadParameter(message)
    console = Console()
    directory = Path(tempfile.mkdtemp(prefix="parallax-demo-"))
    # PostgreSQL runs as another user when we are root: it must be able to come by.
    directory.chmod(0o711)
    play = Play(
        seconds=seconds,
        users=users,
        rate=inject,
        seed=seed,
        entities=entities,
        out=out,
        rollout=rollout,
        http=http,
    )
    keep = False
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(_perform(play, directory, console))
        keep = code != 0
        return code
    except Exception:
        keep = True
        raise
    finally:
        if keep:
            console.print(f"databases and logs are kept in {directory}", soft_wrap=True)
        else:
            shutil.rmtree(directory, ignore_errors=True)


async def _perform(play: Play, directory: Path, console: Console) -> int:
    _end_at_sigterm()
    console.print(f"{Phase.STARTING.value} ...")
    flags = flag_settings(directory, DEMO_GATES) if play.rollout else {}
    front = HttpFront.at(directory) if play.http else None
    if front is not None:
        flags = front.settings
    staging = staged(directory, rate=play.rate, seed=play.seed, entities=play.entities, flags=flags)
    async with staging as stage:
        port = free_port()
        console.print(f"dashboard: http://127.0.0.1:{port}/", highlight=False)
        with progress(console) as show:
            rollouts = (
                Rollouts(stage, directory, DEMO_GATES, partial(_tell, console))
                if play.rollout
                else None
            )
            if front is not None:
                await front.ready()
            performance = await _play(play, stage, show, port, rollouts, front)
        page = write_report(build_report(performance.evidence), play.out)
    print_summary(
        console,
        performance.evidence,
        operations=performance.operations,
        mapped=performance.mapped,
        drained_s=performance.drained_s,
    )
    if performance.recall is not None:
        print_recall(console, performance.recall)
    if performance.rolled_out is not None:
        print_rollouts(console, performance.rolled_out)
    console.print(f"report: {page}", soft_wrap=True, highlight=False)
    return performance.exit_code


def _end_at_sigterm() -> None:
    """Let SIGTERM cancel the run, as SIGINT does, so that servers and folder go."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _tell(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, highlight=False)


async def _play(
    play: Play,
    stage: Stage,
    show: Show,
    port: int,
    rollouts: Rollouts | None,
    front: HttpFront | None,
) -> Performance:
    sidecar, tally, pace = stage.sidecar, CommandTally(), Pace(_PAUSE_S)
    watch = Watch(sidecar, tally, pace, show, dict if rollouts is None else rollouts.stands)
    begin = datetime.now(UTC).replace(microsecond=0)
    workload: Workload | HttpWorkload
    if front is None:
        workload = Workload(
            uri=sidecar.uri, users=play.users, seed=play.seed, begin=begin, pace=pace
        )
    else:
        workload = HttpWorkload(
            uri=front.address,
            token=front.token,
            users=play.users,
            seed=play.seed,
            begin=begin,
            pace=pace,
        )
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch.run(), name="watch")
        page = application(sidecar.ledger, gates=DEMO_GATES)
        serving = tasks.create_task(serve(page, host="127.0.0.1", port=port), name="dashboard")
        if rollouts is not None:
            tasks.create_task(rollouts.run(), name="rollouts")
        await _drive(workload, tally, play.seconds, rollouts)
        watch.phase = Phase.DRAINING
        drained_s = await _drain(stage)
        watching.cancel()
        serving.cancel()
    evidence = await sidecar.evidence(DEMO_GATES)
    return Performance(
        evidence=evidence,
        operations=tally.total,
        mapped=await stage.mapped(),
        drained_s=drained_s,
        recall=await _recall(stage, evidence),
        rolled_out=None if rollouts is None else await rollouts.outcome(),
    )


async def _drive(
    workload: Workload | HttpWorkload,
    tally: CommandTally,
    seconds: float,
    rollouts: Rollouts | None,
) -> None:
    """Have people use the application for a while, and while collections are rolled out."""
    until_s = time.monotonic() + seconds

    def is_over() -> bool:
        return time.monotonic() >= until_s and (rollouts is None or rollouts.are_over)

    try:
        await workload.run(tally, until=is_over)
    except* (PyMongoError, aiohttp.ClientError, UnexpectedAnswerError) as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise UnreachableError(
            f"the application met an error it does not expect: {type(first).__name__}: {first}",
            where=workload.uri,
            remedy="see the logs in the folder named below",
        ) from errors


async def _drain(stage: Stage) -> float | None:
    """Return how long the verifier took to catch up; None if it did not."""
    began = time.monotonic()
    with suppress(UnreachableError):
        await stage.sidecar.drained(within_s=_DRAINED_WITHIN_S)
        return time.monotonic() - began
    return None


async def _recall(stage: Stage, evidence: Evidence) -> Recall | None:
    if stage.injection is None:
        return None
    sidecar = stage.sidecar
    return await recall_of(
        evidence,
        ledger=sidecar.ledger,
        record=stage.injection.record,
        capture=sidecar.data / "capture",
        log=sidecar.process.log_path,
    )
