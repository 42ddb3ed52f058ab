"""`parallax verify`: the verifier process. `parallax serve` starts one; alone it works off a log."""

import asyncio
import os
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pymongo import AsyncMongoClient

from adapters.registry import board_for
from proxy.capture.applied import Applied
from proxy.capture.directory import ReaderLock, private_directory
from proxy.capture.reader import CaptureReader
from proxy.cli import options
from proxy.cli.about import about
from proxy.cli.collection import settle_garbage_collection
from proxy.cli.ending import (
    cancelled_by_signals,
    cancelled_when,
    cancelled_without,
    current_task,
    run_until_cancelled,
)
from proxy.cli.injecting import gateway_under_test
from proxy.cli.maps import maps_of
from proxy.cli.measuring import observed
from proxy.cli.telling import stints_to
from proxy.cli.versions import keep_versions
from proxy.exporters import exported
from proxy.flags.brake import Brake
from proxy.flags.reversal import FileReversal
from proxy.flags.rollback import RollBack
from proxy.ledger.entries import Checkpoint
from proxy.ledger.flag_changes import GateThen, gates_then
from proxy.ledger.gates import Result
from proxy.ledger.read import read_standing
from proxy.ledger.write import Ledger
from proxy.serving.replies import reply_of
from proxy.settings import Settings
from proxy.settings_sections import Signal
from proxy.shadow.beside import Beside
from proxy.shadow.frontier import Resume
from proxy.shadow.legacy import Legacy
from proxy.shadow.patience import Outage, Side
from proxy.shadow.rulebook import Rulebook
from proxy.shadow.traces import Traces
from proxy.shadow.verifier import Limits, Verifier
from proxy.telemetry import configure_logging
from proxy.tracing.drops import observe_drops
from proxy.tracing.exporting import logged, traced
from proxy.tracing.outbox import Outbox
from proxy.tracing.stint import Told
from proxy.uris import redacted_uri

_POLL_S: Final = 0.05
_LEGACY_TIMEOUT_MS: Final = 2_000


def verify(
    config: options.Config = None,
    legacy: options.Legacy = None,
    gateway: options.Gateway = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    rules: options.Rules = None,
    entities: options.Entities = None,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
    *,
    drain: Annotated[
        bool, typer.Option("--drain", help="End once everything on the log has its verdict.")
    ] = False,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True)] = None,
    beside: Annotated[Path | None, typer.Option("--beside", hidden=True)] = None,
    injection: options.Injection = None,
) -> None:
    """Repeat what the capture log holds on the gateway, compare, and write the ledger."""
    settings = options.settings_of(
        config,
        legacy=legacy,
        gateway=gateway,
        data=data,
        ledger=ledger,
        rules=rules,
        entities=entities,
        log_level=log_level,
        log_format=log_format,
    )
    configure_logging(settings.log.level, settings.log.format, part="verifier")
    os.nice(settings.verifier.nice)
    settle_garbage_collection()
    run_until_cancelled(
        verify_log(settings, drain=drain, parent=parent, beside=beside, injection=injection)
    )


async def verify_log(
    settings: Settings,
    *,
    drain: bool,
    parent: int | None,
    beside: Path | None = None,
    injection: Path | None = None,
) -> None:
    """Verify until terminated, until drained, or until the process that started this one is gone.

    `beside` is the socket of a relay that waits for writes to be on the gateway; None where none does.
    """
    directory = settings.capture_directory
    private_directory(directory)
    rules = Rulebook.of(settings.rules_file)
    maps = maps_of(settings)
    uri = settings.demand("legacy.uri")
    client: AsyncMongoClient[Any] = AsyncMongoClient(
        uri, serverSelectionTimeoutMS=_LEGACY_TIMEOUT_MS, appname="parallax-verifier"
    )
    legacy = Legacy(client, where=redacted_uri(uri))
    main = current_task()
    async with AsyncExitStack() as held:
        held.enter_context(cancelled_by_signals())
        held.enter_context(cancelled_without(parent))
        held.enter_context(ReaderLock(directory))
        metrics = held.enter_context(exported(settings.telemetry, part="verifier"))
        measuring = observed(settings, metrics)
        trails = held.enter_context(traced(settings.telemetry, part="verifier"))
        lines = held.enter_context(logged(settings.telemetry, part="verifier"))
        observe_drops(metrics.meter, {Signal.TRACES: trails, Signal.LOGS: lines})
        await held.enter_async_context(client)
        concurrency = settings.verifier.concurrency
        gateway = await held.enter_async_context(
            gateway_under_test(
                settings.demand("gateway.uri"),
                connections=concurrency,
                entities=maps,
                explain_beyond_s=settings.gateway.explain_beyond_s,
                injection=injection,
            )
        )
        ledger = await Ledger.open(
            settings.ledger_uri,
            revealed=rules.reveals,
            about=about(settings),
            metrics=metrics,
        )
        held.push_async_callback(ledger.close)
        writes = await held.enter_async_context(asyncio.TaskGroup())
        log = await _log_of(directory)
        cluster = await Outage(Side.LEGACY, lambda *_: None).endure(legacy.cluster)
        board = None
        if cluster is not None:
            # Without a clock there is no order between the logs of several sidecars.
            board = await held.enter_async_context(board_for(settings.demand("gateway.uri")))
        resume = _resume(await ledger.checkpoint(log))
        reader = CaptureReader(directory, resume.reads_from)
        held.callback(reader.close)
        applied, roll_back = None, None
        if settings.has_flags:
            applied = Applied(directory)
            held.callback(applied.close)
            roll_back = _roll_back(settings, ledger)
        async with asyncio.TaskGroup() as tasks:
            verifier = Verifier(
                directory=directory,
                log=log,
                reader=reader,
                resume=resume,
                gateway=gateway,
                legacy=legacy,
                ledger=ledger,
                rules=rules,
                limits=_limits(settings),
                tasks=tasks,
                writes=writes,
                board=board,
                cluster=cluster or "",
                applied=applied,
                roll_back=roll_back,
                beside=None if beside is None else Beside(beside, reply_of),
                traces=_traces(settings, log, trails),
                stints=stints_to(settings, trails),
            )
            tasks.create_task(verifier.run(), name="verifier")
            tasks.create_task(measuring.run(), name="look for metrics")
            versions = keep_versions(ledger, legacy, settings.demand("gateway.uri"))
            tasks.create_task(versions, name="keep versions")
            if drain:
                tasks.create_task(cancelled_when(lambda: verifier.is_drained, main), name="drain")


def _traces(settings: Settings, log: str, trails: Outbox[Told] | None) -> Traces | None:
    """Return what decides of which exchanges a trace tells; None where nobody is told."""
    if trails is None:
        return None
    return Traces(
        log,
        ratio=settings.telemetry.traces,
        slow_beyond_s=settings.gateway.explain_beyond_s,
        put=trails.put,
    )


def _roll_back(settings: Settings, ledger: Ledger) -> RollBack:
    """Return what sets flags back."""
    changes = ledger.flag_changes

    async def gates_of(namespace: str) -> tuple[GateThen, ...]:
        since_ns = await changes.begins_ns(namespace)
        # Beside the loop: adding up a long ledger takes a while.
        standing = await asyncio.to_thread(
            asyncio.run, read_standing(settings.ledger_uri, settings.gates, since_ns=since_ns)
        )
        return gates_then(standing.of(namespace))

    async def gates_before(namespace: str) -> tuple[GateThen, ...]:
        if settings.flags_file is not None or await changes.read(namespace=namespace):
            return await changes.gates_then(namespace)
        # Another provider tells nobody when it let the gateway answer: whatever fails has come to fail since.
        return tuple(each for each in await gates_of(namespace) if each.result is Result.PASS)

    outage = Outage(Side.LEDGER, lambda *_: None)
    file = settings.flags_file
    return RollBack(
        FileReversal(file) if file is not None else Brake(settings.data_directory),
        gates_of=lambda namespace: outage.endure(partial(gates_of, namespace)),
        gates_before=lambda namespace: outage.endure(partial(gates_before, namespace)),
        enter=lambda change: outage.endure(partial(changes.enter, change)),
        max_ratio=lambda namespace: settings.gates.of(namespace).max_latency_ratio,
    )


async def _log_of(directory: Path) -> str:
    """Return the id of the log, once a relay has begun one."""
    while True:
        reader = CaptureReader(directory)
        reader.poll(1)
        reader.close()
        if reader.log is not None:
            return reader.log
        await asyncio.sleep(_POLL_S)


def _resume(checkpoint: Checkpoint | None) -> Resume:
    if checkpoint is None:
        return Resume(position=0, open=frozenset())
    return Resume(position=checkpoint.position, open=frozenset(checkpoint.open))


def _limits(settings: Settings) -> Limits:
    verifier = settings.verifier
    return Limits(
        concurrency=verifier.concurrency,
        recheck_within_s=verifier.recheck_within_s,
        gateway_timeout_s=verifier.gateway_timeout_s,
        state_checks=verifier.state_checks,
        keep_log=settings.capture.keep,
        silent_after_s=verifier.silent_after_s,
        sample_beyond_s=verifier.sample_beyond_s,
    )
