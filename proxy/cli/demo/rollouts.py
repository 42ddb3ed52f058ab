"""Two collections on their way to the gateway: one arrives, the other one is damaged on its way and is set back."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from adapters.gateway import Generated
from adapters.registry import gateway_for
from comparators.canonical import decode, document_key, encode
from comparators.operation import Kind, Operation
from comparators.outcome import Documents
from proxy.cli.demo.stage import Stage
from proxy.cli.relay_status import read_status
from proxy.cli.rollout import ROLLED_BACK, Aim, rolled_out
from proxy.flags.document import EMPTY, said
from proxy.flags.file import read_flags, write_flags
from proxy.flags.phases import Direction
from proxy.flags.rollout import served_percent
from proxy.jobs.workload.run import DATABASE
from proxy.ledger.access import opened
from proxy.ledger.flag_changes import FlagChange, FlagChanges
from proxy.ledger.read import Gates
from proxy.settings import Settings
from proxy.settings_sections import Flags, Ledger, Rollout

ARRIVES: Final = f"{DATABASE}.messages"
SET_BACK: Final = f"{DATABASE}.conversations"
MOST_S: Final = 75.0
"""A rollout that has not come to its end after so long is given up."""
_DAMAGED_AT: Final = 25
"""Per cent at which the second one is damaged."""
_FIELD: Final = "title"
"""What is damaged: people read it, and decide nothing by it."""
_ROLLOUT: Final = Rollout(steps="1,5,25,50,100", bake_s=1.5, look_every_s=0.5, passes=2)
_WATCH_EVERY_S: Final = 0.2
_WHO: Final = "demo"

Tell = Callable[[str], None]


def flags_file(directory: Path) -> Path:
    """Return where the flags of a demonstration lie."""
    return directory / "flags" / "flags.json"


def flag_settings(directory: Path, gates: Gates) -> Mapping[str, str]:
    """Return what a sidecar is told of flags and of the gates that hold here; the file is made."""
    file = flags_file(directory)
    file.parent.mkdir()
    write_flags(file, EMPTY)
    bounds = {
        f"PARALLAX_GATES_{name.upper()}": str(bound).lower()
        for name, bound in gates
        if name != "collections"
    }
    return {"PARALLAX_FLAGS_FILE": str(file), **bounds}


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledOut:
    """What came of both; the changes of flags are as the ledger has them, the oldest first."""

    arrived: bool
    set_back: bool
    set_back_s: float | None
    """How long after the verdict; None where it was not set back."""
    changes: tuple[FlagChange, ...]
    reads: Mapping[str, int]
    """What became of the reads that the gateway was to answer, as the relay counts them."""

    @property
    def is_as_wanted(self) -> bool:
        """Return whether one has arrived and the other was set back within a second."""
        return self.arrived and self.set_back and (self.set_back_s or 0) < 1


class Rollouts:
    """Both rollouts, as `parallax rollout --once` would go about them."""

    def __init__(self, stage: Stage, directory: Path, gates: Gates, tell: Tell) -> None:
        self._stage = stage
        self._file = flags_file(directory)
        self._tell = tell
        self._settings = Settings(
            ledger=Ledger(uri=stage.sidecar.ledger),
            flags=Flags(file=str(self._file)),
            rollout=_ROLLOUT,
            gates=gates,
        )
        self._codes: dict[str, int] = {}
        self.are_over = False

    async def run(self) -> None:
        """Roll out both, until each has come to its end or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(MOST_S), asyncio.TaskGroup() as tasks:
                for namespace in (ARRIVES, SET_BACK):
                    tasks.create_task(self._roll_out(namespace), name=f"roll out {namespace}")
                tasks.create_task(self._damage(), name="damage")
        self.are_over = True

    async def outcome(self) -> RolledOut:
        """Return what came of it."""
        async with opened(self._settings.ledger_uri) as access:
            changes = await FlagChanges(access).read()
        relay = read_status(self._stage.sidecar.data)
        return RolledOut(
            arrived=self._codes.get(ARRIVES) == 0,
            set_back=self._codes.get(SET_BACK) == ROLLED_BACK,
            set_back_s=_set_back_s(self._stage.sidecar.log),
            changes=tuple(reversed(changes)),
            reads={} if relay is None else relay.counts["gateway_reads"],
        )

    def stands(self) -> Mapping[str, str]:
        """Return what the flags of both say now."""
        document = read_flags(self._file)
        return {
            namespace: str(said(document, Direction.READS, namespace))
            for namespace in (ARRIVES, SET_BACK)
        }

    async def _roll_out(self, namespace: str) -> None:
        aim = Aim(namespace=namespace, direction=Direction.READS, who=_WHO, once=True)
        self._codes[namespace] = await rolled_out(self._settings, aim, self._tell)

    async def _damage(self) -> None:
        """Wait until the second one has come some way, and change what the gateway holds behind everybody's back."""
        while self._percent() < _DAMAGED_AT:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(_WATCH_EVERY_S)
        database, _, collection = SET_BACK.partition(".")
        find = Operation(
            database=database, collection=collection, kind=Kind.FIND, arguments={"filter": {}}
        )
        async with gateway_for(self._stage.gateway, connections=1) as gateway:
            found = (await gateway.run(find, generated=Generated(now_ms=0))).result
            if not isinstance(found, Documents):
                return
            images = dict(map(_damaged, found.documents))
            await gateway.put_images(SET_BACK, images)
        self._tell(f"a defect: `{_FIELD}` of {len(images)} documents of {SET_BACK} on PostgreSQL")

    def _percent(self) -> int:
        return served_percent(said(read_flags(self._file), Direction.READS, SET_BACK))


def _damaged(raw: bytes) -> tuple[bytes, tuple[Any, bytes]]:
    document = decode(raw)
    changed = {**document, _FIELD: f"{document.get(_FIELD, '')}~"}
    return document_key(document["_id"]), (document["_id"], encode(changed))


def _set_back_s(log: Path) -> float | None:
    """Return how long after the verdict the verifier has set a flag back, as its log says."""
    for line in log.read_text(encoding="utf-8").splitlines():
        told = json.loads(line) if line.startswith("{") else {}
        if told.get("event") == "rolled_back" and told.get("collection") == SET_BACK:
            return float(told["duration_s"])
    return None
