"""`parallax rollout`: move a collection to the gateway step by step, on evidence, and begin again after a roll-back."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import structlog
import typer

from comparators.errors import CapacityError, RefusedError, UnreachableError
from proxy.cli import options
from proxy.cli.asked import Who, name_of
from proxy.cli.changing import Author, Wish, change, grounds_of
from proxy.cli.ending import cancelled_by_signals, run_until_cancelled
from proxy.cli.flags_file import flags_file_of, namespace_of
from proxy.cli.telling import telling
from proxy.flags.document import Said, key_of, said
from proxy.flags.file import read_flags
from proxy.flags.phases import Direction, not_built
from proxy.flags.rollout import (
    Course,
    Doing,
    Look,
    Move,
    Plan,
    goes_on_from,
    in_a_row,
    said_at,
)
from proxy.flags.safety import Grounds, against
from proxy.ledger.access import Access, opened
from proxy.ledger.flag_changes import FlagChange, FlagChanges, gates_then
from proxy.settings import Settings
from proxy.tracing.stint import Fact
from proxy.tracing.stints import Stints

_log = structlog.get_logger()

ROLLED_BACK: Final = 1
_ENTERED_WITHIN_S: Final = 60.0
_LOOK_AGAIN_S: Final = 0.2
_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
Tell = Callable[[str], None]


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if found is None:
        message = f"{text!r} is no time: write it as 90s, 30m, 1h or 2d"
        raise typer.BadParameter(message)
    return float(found[1]) * _UNITS[found[2]]


def rollout(
    collection: Annotated[
        str, typer.Argument(help="As `database.collection`.", metavar="COLLECTION")
    ],
    config: options.Config = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    *,
    steps: Annotated[
        str | None,
        typer.Option("--steps", help="The per cent, one after the other: 1,5,25,50,100."),
    ] = None,
    bake: Annotated[
        float | None,
        typer.Option(
            "--bake",
            parser=_seconds,
            metavar="TIME",
            help="So long all gates must pass before the next step: 90s, 30m, 1h, 2d.",
        ),
    ] = None,
    direction: Annotated[
        Direction, typer.Option("--direction", help="`reads` or `writes`.")
    ] = Direction.READS,
    who: Who = None,
    why: Annotated[str, typer.Option("--why", help="The reason, for the ledger.")] = "",
    once: Annotated[
        bool, typer.Option("--once", help="End with 1 at a roll-back, instead of beginning again.")
    ] = False,
) -> int:
    """Move a collection to the gateway step by step, on evidence; with --once, ends with 1 after a roll-back."""
    settings = options.settings_of(config, data=data, ledger=ledger, steps=steps, bake_s=bake)
    aim = Aim(
        namespace=namespace_of(collection),
        direction=direction,
        who=name_of(who),
        why=why,
        once=once,
    )
    codes: list[int] = []

    async def roll() -> None:
        with cancelled_by_signals():
            codes.append(await rolled_out(settings, aim, _say, stints))

    with telling(settings, part="rollout") as stints:
        run_until_cancelled(roll())
    return codes[0] if codes else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What is to be rolled out, who wants it, and why."""

    namespace: str
    direction: Direction
    who: str
    why: str = ""
    once: bool = False
    """Not to begin again after a roll-back."""


async def rolled_out(settings: Settings, aim: Aim, tell: Tell, stints: Stints | None = None) -> int:
    """Return 0 once the last step has stood the test, ROLLED_BACK after a roll-back if it is not to begin again.

    `stints` tells of each step in traces; None where nobody is told.

    RefusedError where the flag says what a rollout may not change, or somebody else changes it meanwhile.
    """
    for step in settings.rollout.percents:
        phase = said_at(step).phase
        reason = None if phase is None else not_built(aim.direction, phase)
        if reason is not None or not aim.namespace:
            raise _refused(reason or "evidence is of single collections, and the default is of all")
    async with opened(settings.ledger_uri) as access:
        return await _Rollout(settings, aim, access, tell, stints or Stints()).run()


class _Rollout:
    """One collection on its way."""

    def __init__(
        self, settings: Settings, aim: Aim, access: Access, tell: Tell, stints: Stints
    ) -> None:
        self._stints = stints
        self._settings = settings
        self._aim = aim
        self._access = access
        self._tell = tell
        self._changes = FlagChanges(access)
        self._course = Course(plan_of(settings))
        self._said: Said | None = None
        """What the flag said at the last look, or has been made to say since."""
        self._stepped_ns = time.time_ns()
        self._told = ""

    async def run(self) -> int:
        """Look, and act on it, until it is done."""
        while True:
            try:
                code = await self._look()
            except (UnreachableError, CapacityError) as error:
                # Nothing is moved on without the ledger, and no rollout of days ends because it was away for a moment.
                self._say(error.what)
                self._course = Course(plan_of(self._settings))
                code = None
            if code is not None:
                return code
            await asyncio.sleep(self._settings.rollout.look_every_s)

    async def _look(self) -> int | None:
        """Look once; return how it ends, None where it goes on."""
        aim = self._aim
        now = said(read_flags(flags_file_of(self._settings)), aim.direction, aim.namespace)
        if await self._is_set_back(now) and aim.once:
            return ROLLED_BACK
        history = await self._history()
        grounds = await grounds_of(self._settings, self._access, aim.namespace)
        move = self._course.look(
            Look(
                now_s=time.monotonic(),
                now_ns=time.time_ns(),
                said=now,
                objections=tuple(against(aim.namespace, grounds)),
                verified=grounds.verified,
                roll_backs=in_a_row(history),
            )
        )
        self._say(move.why)
        if move.doing is Doing.STEP:
            await self._step(now, move)
        if move.doing is Doing.DONE:
            await self._done(now, move, grounds)
            return 0
        return None

    def _say(self, line: str) -> None:
        """Tell what is new."""
        if line != self._told:
            self._told = line
            self._tell(f"{key_of(self._aim.direction, self._aim.namespace)}: {line}")

    async def _history(self) -> list[FlagChange]:
        changes = await self._changes.read(namespace=self._aim.namespace)
        return [each for each in changes if each.direction == self._aim.direction]

    async def _is_set_back(self, now: Said) -> bool:
        """Return whether the flag was set back since the last look; RefusedError where somebody else changed it."""
        before, self._said = self._said, now
        if before is None:
            if goes_on_from(now):
                return False
            raise _refused(
                f"the flag says {now}: a rollout goes from `shadow` to `canary` by per cent"
            )
        if now == before:
            return False
        entry = await self._entry_of(now)
        if entry is None or not entry.is_roll_back:
            who = "in the file" if entry is None else f"by {entry.who}"
            raise _refused(f"the flag was changed {who} from {before} to {now}: the rollout ends")
        self._say(f"{before} → {now}, {entry.why}")
        return True

    async def _entry_of(self, now: Said) -> FlagChange | None:
        """Return what the ledger says of the change to what the flag says now; None if it was changed past the ledger.

        The verifier changes the file first, and enters that after.
        """
        until_s = time.monotonic() + _ENTERED_WITHIN_S
        while True:
            entries = [each for each in await self._history() if each.at_ns > self._stepped_ns]
            if entries and entries[0].after == str(now):
                return entries[0]
            if time.monotonic() > until_s:
                return None
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _step(self, now: Said, move: Move) -> None:
        wanted = move.said
        if wanted is None:
            return
        wish = Wish(
            direction=self._aim.direction, namespace=self._aim.namespace, said=wanted, expects=now
        )
        steps: dict[str, Fact] = {
            "parallax.direction": self._aim.direction.value,
            "parallax.flag.before": str(now),
            "parallax.flag.after": str(wanted),
        }
        with self._stints.doing("rollout", self._aim.namespace, steps) as doing:
            try:
                changed = await change(self._settings, self._access, wish, self._author(move))
            except RefusedError as refused:
                # The evidence has changed since the look: the next one will say how.
                self._say(f"{refused.what}: {'; '.join(refused.__notes__)}")
                doing.error = "refused"
                return
            if changed is not None:
                self._said, self._stepped_ns = wanted, changed.at_ns
                self._say(f"{changed.before} → {changed.after}")
                _log.info("flag_moved", collection=self._aim.namespace, to=str(wanted))

    async def _done(self, now: Said, move: Move, grounds: Grounds) -> None:
        """Enter that the last step has stood the test: roll-backs from before it count no more."""
        author = self._author(move)
        await self._changes.enter(
            FlagChange(
                at_ns=time.time_ns(),
                direction=self._aim.direction,
                namespace=self._aim.namespace,
                before=str(now),
                after=str(now),
                who=author.who,
                why=f"done: {author.why}",
                gates=gates_then(grounds.gates),
            )
        )

    def _author(self, move: Move) -> Author:
        reason = f" ({self._aim.why})" if self._aim.why else ""
        return Author(who=self._aim.who, why=f"rollout{reason}: {move.why}")


def plan_of(settings: Settings) -> Plan:
    """Return how a rollout goes, by the settings."""
    rollout = settings.rollout
    return Plan(
        steps=rollout.percents,
        bake_s=rollout.bake_s,
        passes=rollout.passes,
        rest_s=rollout.rest_s,
        rest_at_most_s=rollout.rest_at_most_s,
    )


def _refused(what: str) -> RefusedError:
    return RefusedError(
        what, where="parallax rollout", remedy="`parallax flags history` says who has changed what"
    )


def _say(line: str) -> None:
    typer.echo(f"{datetime.now().astimezone():%H:%M:%S} {line}")
