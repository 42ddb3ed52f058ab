"""Look now and then how gates, jobs and flags stand, for metrics: only while somebody asks for them."""

import asyncio
import threading
import time
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from comparators.errors import ParallaxError, SettingsError
from proxy.cli.relay_status import read_status
from proxy.flags.brake import Brake
from proxy.flags.file import read_flags
from proxy.flags.shares import Phases, phases_of, phases_served
from proxy.ledger.read import PresentReader
from proxy.present_metrics import Now, observe_present
from proxy.relay_metrics import observe_relay
from proxy.settings import Settings
from proxy.telemetry import Metrics

_log = structlog.get_logger()

LOOK_S: Final = 0.5
FORGOTTEN_S: Final = 180.0
"""Who has not asked for so long asks no more."""
SHARE: Final = 0.01
"""Of a processor that is spent on adding up a long ledger."""


def observed(settings: Settings, metrics: Metrics) -> "Measuring":
    """Have the relay's counts reported, and what is found by the task that the returned one is to be run in."""
    measuring = Measuring(settings)
    observe_relay(metrics.meter, partial(_relay_counts, settings.data_directory))
    observe_present(metrics.meter, measuring.read)
    return measuring


def _relay_counts(directory: Path) -> Mapping[str, Any] | None:
    """Return what the relay counted; None where none is at work."""
    found = read_status(directory)
    return found.counts if found is not None and found.is_alive else None


class Measuring:
    """What was found last. `read` is called by whoever exports, in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._now: Now | None = None
        self._asked_s = -FORGOTTEN_S
        self._phases: Phases = {}
        self._ended = threading.Event()

    def read(self) -> Now | None:
        """Return what was found last; None where nothing was yet, or the ledger does not answer."""
        self._asked_s = time.monotonic()
        return self._now

    async def run(self) -> None:
        """Look until cancelled, beside the loop in which operations are judged."""
        try:
            await asyncio.to_thread(self._look_on)
        finally:
            self._ended.set()

    def _look_on(self) -> None:
        with asyncio.Runner() as runner:
            ledger = PresentReader(self._settings.ledger_uri, self._settings.gates)
            pause_s = 0.0
            while not self._ended.wait(pause_s):
                if time.monotonic() - self._asked_s > FORGOTTEN_S:
                    self._now, pause_s = None, LOOK_S
                    continue
                # Of a busy processor more time passes than is spent.
                began_s = time.thread_time()
                self._now = runner.run(self._look(ledger))
                took_s = time.thread_time() - began_s
                pause_s = max(self._settings.telemetry.interval_s, took_s / SHARE)
            runner.run(ledger.close())

    async def _look(self, ledger: PresentReader) -> Now | None:
        try:
            present = await ledger.read()
        except ParallaxError as error:
            # The verifier itself tells of a ledger that is away.
            _log.debug("figures_not_read", error=error.what)
            return None
        try:
            self._phases = self._said(present.namespaces)
        except SettingsError as error:
            # What was read last stays in force; the relay tells of it.
            _log.debug("figures_not_read", error=error.what)
        return Now(present=present, phases=self._phases)

    def _said(self, namespaces: Collection[str]) -> Phases:
        settings = self._settings
        if settings.flags.provider:
            return phases_served(namespaces, Brake(settings.data_directory).served())
        relay = read_status(settings.data_directory)
        is_through = relay is not None and relay.counts["side"] == "gateway"
        if settings.flags_file is None:
            return phases_of(namespaces)
        return phases_of(namespaces, read_flags(settings.flags_file), is_through=is_through)
