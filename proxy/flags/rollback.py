"""Set flags back by itself: to `shadow`, when the evidence on a collection that the gateway answers turns bad.

A confirmed mismatch or an error of the gateway alone is heard of at once, a gate that has come to fail within seconds. The file is changed first
and the ledger told after: what is wrong ends although the ledger may not answer. Nothing is ever set forward again by itself.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from math import inf
from typing import Final

import structlog

from comparators.errors import SettingsError
from proxy.flags.document import SHADOW
from proxy.flags.reversal import Reversal
from proxy.flags.slowness import Slowness
from proxy.ledger.flag_changes import PARALLAX, ROLLED_BACK, FlagChange, GateThen
from proxy.ledger.gates import Result

_log = structlog.get_logger()

PAUSE_S: Final = 0.1
GATES_EVERY_S: Final = 10.0
PACE_EVERY_S: Final = 1.0
DOUBTED_S: Final = 1.0
"""The relay looks at its flags many times meanwhile."""

GatesOf = Callable[[str], Awaitable[tuple[GateThen, ...]]]


class RollBack:
    """Hears of what speaks against a collection, and acts upon it if the gateway answers there."""

    def __init__(
        self,
        reversal: Reversal,
        *,
        gates_of: GatesOf,
        gates_before: GatesOf,
        enter: Callable[[FlagChange], Awaitable[None]],
        max_ratio: Callable[[str], float],
    ) -> None:
        """`gates_of` tells how the gates of a collection stand, `gates_before` how they stood at the last change of its flag.

        `max_ratio` is how slow the gateway may be for a collection, as a multiple of MongoDB.
        """
        self._reversal = reversal
        self._gates_of = gates_of
        self._gates_before = gates_before
        self._enter = enter
        self._max_ratio = max_ratio
        self._slowness = Slowness()
        self._serves = False
        """Whether the gateway answers anything at all."""
        self._heard: dict[str, str] = {}
        self._heard_s = 0.0
        """When the first of these was heard of."""
        self._doubted: dict[str, float] = {}
        """Until when what was heard of may not be answered by the gateway, whatever the relay has read of its flags."""
        self._wake = asyncio.Event()

    def hear(self, namespace: str, reason: str) -> None:
        """Take note of what speaks against a collection; the first reason is the one that is told."""
        if not self._heard:
            self._heard_s = time.monotonic()
        self._heard.setdefault(namespace, reason)
        self._doubted[namespace] = inf
        self._wake.set()

    def doubted(self) -> list[str]:
        """Return what was heard of, until the relay is sure to know that its flag was set back."""
        if self._doubted:
            now_s = time.monotonic()
            self._doubted = {each: until for each, until in self._doubted.items() if until > now_s}
        return list(self._doubted)

    def timed(self, namespace: str, legacy_s: float, gateway_s: float) -> None:
        """Take note of what both sides took for the same operation."""
        if self._serves:
            self._slowness.timed(namespace, legacy_s, gateway_s, now_s=time.monotonic())

    async def run(
        self, *, flush: Callable[[], Awaitable[None]], withhold: Callable[[], None]
    ) -> None:
        """Act until cancelled.

        `flush` takes findings to the ledger; `withhold` ends all answers from the gateway, where the file cannot be changed.
        """
        async with asyncio.TaskGroup() as tasks:
            # Beside each other: adding up a long ledger takes longer than a roll-back may.
            tasks.create_task(self._look_on(), name="look at gates")
            tasks.create_task(self._time_on(), name="look at latencies")
            while True:
                await self._wake.wait()
                self._wake.clear()
                heard, self._heard = self._heard, {}
                await self._act(heard, flush, withhold)
                # A flood of mismatches is one reason.
                await asyncio.sleep(PAUSE_S)

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(GATES_EVERY_S)
            await self._look_at_gates()

    async def _time_on(self) -> None:
        while True:
            await asyncio.sleep(PACE_EVERY_S)
            await self._look_at_latencies()

    async def _act(
        self,
        heard: Mapping[str, str],
        flush: Callable[[], Awaitable[None]],
        withhold: Callable[[], None],
    ) -> None:
        heard_s = self._heard_s
        try:
            # Beside the loop: whoever changes the file now may wait for the ledger, and that for this loop.
            changed = await asyncio.to_thread(self._reversal.set_back, heard)
        except SettingsError as error:
            _log.error("roll_back_failed", error=error.what, remedy=error.remedy)
            withhold()
            return
        until_s = time.monotonic() + DOUBTED_S
        self._doubted.update(dict.fromkeys(heard.keys() - self._heard.keys(), until_s))
        for standing, reason in changed:
            _log.warning(
                "rolled_back",
                collection=standing.namespace,
                kind=standing.direction.value,
                reason=reason,
                duration_s=round(time.monotonic() - heard_s, 3),
            )
        if changed:
            # What it was is then among the evidence.
            await flush()
        for standing, reason in changed:
            await self._enter(
                FlagChange(
                    at_ns=time.time_ns(),
                    direction=standing.direction.value,
                    namespace=standing.namespace,
                    before=str(standing.said),
                    after=str(SHADOW),
                    who=PARALLAX,
                    why=f"{ROLLED_BACK}{reason}",
                    gates=await self._gates_of(standing.namespace),
                )
            )

    async def _look_at_gates(self) -> None:
        """Hear of gates that fail now and did not when somebody let the gateway answer."""
        try:
            answering = self._reversal.answering()
        except SettingsError:
            # The relay tells of a broken file, and this of what it prevents.
            return
        for namespace in answering.names:
            now = _failing(await self._gates_of(namespace))
            before = _failing(await self._gates_before(namespace))
            for gate in sorted(now.keys() - before.keys()):
                self.hear(namespace, f"gate {gate} fails: {now[gate]}")

    async def _look_at_latencies(self) -> None:
        """Hear of a gateway that has come to be too slow since somebody let it answer because it was not."""
        try:
            answering = self._reversal.answering()
        except SettingsError:
            return
        self._serves = bool(answering.names)
        for namespace in self._slowness.namespaces:
            if not answering.may(namespace):
                self._slowness.forget(namespace)
                continue
            slow = self._slowness.breaches(namespace, self._max_ratio(namespace))
            if slow:
                passed = _passed(await self._gates_before(namespace))
                for outcome in slow:
                    if outcome.gate.value in passed:
                        self.hear(namespace, f"gate {outcome.gate} fails of late: {outcome.found}")


def _failing(gates: Iterable[GateThen]) -> dict[str, str]:
    return {then.gate: then.found for then in gates if then.result is Result.FAIL}


def _passed(gates: Iterable[GateThen]) -> frozenset[str]:
    return frozenset(then.gate for then in gates if then.result is Result.PASS)
