"""Move a collection to the gateway step by step: what a look at the evidence makes of the next step. Pure.

Where a rollout stands is what the flag says: one that is started again goes on from there. Each step waits until the gates have passed at
every look over the time of baking, with traffic in it; the first one needs no baking, for what went before was no step.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.flags.document import WHOLE, Said
from proxy.flags.phases import SERVING, Phase
from proxy.ledger.flag_changes import FlagChange
from proxy.ledger.gates import span

_NS: Final = 1e9
_MOST_DOUBLED: Final = 30
_BEFORE: Final = frozenset({Phase.SHADOW, Phase.DUAL})
"""Where a rollout may begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a rollout goes, step by step in per cent."""

    steps: tuple[int, ...]
    bake_s: float
    passes: int
    """Consecutive looks at which all gates must pass, however short the baking."""
    rest_s: float
    """After a roll-back; doubled by each further one in a row."""
    rest_at_most_s: float

    def after(self, percent: int) -> int | None:
        """Return the step after so many per cent; None after the last one."""
        return next((step for step in self.steps if step > percent), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBacks:
    """The roll-backs of a flag in a row: how many, and when the last one was."""

    n: int
    last_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is seen at one look."""

    now_s: float
    """On a clock that only goes forward."""
    now_ns: int
    said: Said
    objections: tuple[str, ...]
    """What speaks against the gateway answering."""
    verified: int
    """Operations of the collection, so far."""
    roll_backs: RollBacks | None = None


class Doing(StrEnum):
    """What a look leads to."""

    WAIT = "wait"
    STEP = "step"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What to do, and why; `said` is what the flag is to say where it is a step."""

    doing: Doing
    why: str
    said: Said | None = None
    missing: tuple[str, ...] = ()
    """What it waits for, where that is the evidence."""


class Course:
    """One rollout: remembers how long the gates have passed at this step."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._percent = -1
        self._passes = 0
        self._since_s = 0.0
        self._verified = 0

    def look(self, look: Look) -> Move:
        """Return what to do now."""
        percent = served_percent(look.said)
        if percent != self._percent:
            self._percent, self._passes = percent, 0
        resting_s = self._rests_s(look) if not percent else 0.0
        if resting_s > 0:
            self._passes = 0
            return Move(doing=Doing.WAIT, why=f"rests for {span(resting_s)} after a roll-back")
        if look.objections:
            self._passes = 0
            why = f"at {percent} %: {look.objections[0]}"
            return Move(doing=Doing.WAIT, why=why, missing=look.objections)
        if not self._passes:
            self._since_s, self._verified = look.now_s, look.verified
        self._passes += 1
        return self._passed(percent, look)

    def _passed(self, percent: int, look: Look) -> Move:
        """Return what to do while all gates pass."""
        plan = self._plan
        baked_s = look.now_s - self._since_s
        bake_s = plan.bake_s if percent else 0.0
        if self._passes < plan.passes or baked_s < bake_s:
            why = f"at {percent} %: all gates pass, and must for {span(bake_s)}"
            return Move(doing=Doing.WAIT, why=why)
        fresh = look.verified - self._verified
        if percent and not fresh:
            why = f"at {percent} %: nothing of it was verified meanwhile"
            return Move(doing=Doing.WAIT, why=why)
        proof = f"all gates passed at {self._passes} looks over {span(baked_s)}"
        if percent:
            proof += f" at {percent} %, {fresh:,} operations verified"
        following = plan.after(percent)
        if following is None:
            return Move(doing=Doing.DONE, why=proof)
        otherwise = Phase.DUAL if look.said.phase is Phase.DUAL else look.said.otherwise
        return Move(doing=Doing.STEP, why=proof, said=said_at(following, otherwise))

    def _rests_s(self, look: Look) -> float:
        """Return how long it is left alone yet: the longer, the more roll-backs there were in a row."""
        found = look.roll_backs
        if found is None:
            return 0.0
        doubled = 2.0 ** min(found.n - 1, _MOST_DOUBLED)
        rest_s = min(self._plan.rest_s * doubled, self._plan.rest_at_most_s)
        return rest_s - (look.now_ns - found.last_ns) / _NS


def served_percent(said: Said) -> int:
    """Return for how many per cent the gateway answers, as a step of a rollout says it."""
    return said.percent if said.phase in SERVING else 0


def said_at(percent: int, otherwise: Phase = Phase.SHADOW) -> Said:
    """Return what a flag says at a step, `otherwise` for those that the gateway does not answer yet."""
    if percent == WHOLE:
        return Said(phase=Phase.GATEWAY)
    return Said(phase=Phase.CANARY, percent=percent, otherwise=otherwise)


def goes_on_from(said: Said) -> bool:
    """Return whether a rollout may take over a flag that says this: nothing of its own, and nothing for some alone but by per cent."""
    if said.phase in SERVING:
        return said.otherwise in _BEFORE
    return said.phase in _BEFORE and said.percent == WHOLE


def in_a_row(changes: Iterable[FlagChange]) -> RollBacks | None:
    """Return the roll-backs since the last rollout that came to its end, of the changes of a flag with the newest first.

    None as well where somebody has said since that it begins anew.
    """
    n, last_ns = 0, 0
    for each in changes:
        if each.is_roll_back:
            last_ns = last_ns or each.at_ns
            n += 1
        elif each.begins_anew or each.before == each.after:
            break
    return RollBacks(n=n, last_ns=last_ns) if n else None
