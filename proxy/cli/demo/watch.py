"""What the run looks like right now, sampled once a second."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from comparators.verdict import Verdict
from proxy.embedded.sidecar import EmbeddedSidecar
from proxy.jobs.workload import CommandTally, Pace
from proxy.ledger.evidence import Status

_SAMPLE_S: Final = 1.0
_MOST_LAG: Final = 400
"""Operations that the verifier may be behind before people are slowed down."""


class Phase(StrEnum):
    """What the demonstration is doing."""

    STARTING = "starting both databases and the sidecar"
    TRAFFIC = "driving traffic through the sidecar"
    DRAINING = "waiting until everything is verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One sample; `status` is None until the verifier has written for the first time."""

    phase: Phase
    elapsed_s: float
    operations: int
    per_s: float
    verified_per_s: float
    status: Status | None
    changes: Counter[str] = field(default_factory=Counter)
    """Mismatches by kind of change."""
    flags: Mapping[str, str] = field(default_factory=dict)
    """What the flags say of collections that are rolled out."""


class Watch:
    """Sample a running demonstration and show it; keeps the traffic at a pace that can be followed."""

    def __init__(
        self,
        sidecar: EmbeddedSidecar,
        tally: CommandTally,
        pace: Pace,
        show: Callable[[Moment], None],
        flags: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.phase = Phase.TRAFFIC
        self._sidecar = sidecar
        self._tally = tally
        self._pace = pace
        self._show = show
        self._flags = flags
        self._began_s = time.monotonic()

    async def run(self) -> None:
        """Sample until cancelled."""
        before, operations, verified = time.monotonic(), 0, 0
        changes: Counter[str] = Counter()
        while True:
            await asyncio.sleep(_SAMPLE_S)
            status = await self._sidecar.status()
            now, passed_s = time.monotonic(), time.monotonic() - before
            seen_verified = 0 if status is None else status.tally.verified
            if status is not None:
                self._slow_down(status)
                if status.tally.mismatched != changes.total():
                    changes = await self._changes()
            self._show(
                Moment(
                    phase=self.phase,
                    elapsed_s=now - self._began_s,
                    operations=self._tally.total,
                    per_s=(self._tally.total - operations) / passed_s,
                    verified_per_s=(seen_verified - verified) / passed_s,
                    status=status,
                    changes=changes,
                    flags=self._flags(),
                )
            )
            before, operations, verified = now, self._tally.total, seen_verified

    def _slow_down(self, status: Status) -> None:
        lag = sum(beat.lag_operations for beat in status.heartbeats)
        self._pace.follow(lag, most=_MOST_LAG)

    async def _changes(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for group in (await self._sidecar.evidence()).groups:
            if group.verdict is Verdict.MISMATCH:
                found[group.change] += group.n
        return found
