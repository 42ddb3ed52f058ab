"""The evidence of a quarter of an hour of a made-up chat application: what the pictures in the documentation show."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from comparators.change import ChangeKind, Difference
from comparators.operation import Kind
from comparators.shape import Shape
from comparators.verdict import Judgement, Verdict
from proxy.ledger.entries import Finding, Lag
from proxy.ledger.write import Ledger
from tests.integration.ledger.findings import LOG, checkpoint

_SECOND_NS: Final = 1_000_000_000
_STEP_S: Final = 15
_STEPS: Final = 56
_SEED: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """One shape of operation, how often it is asked in a step, and the medians of both sides."""

    namespace: str
    kind: Kind
    text: str
    often: int
    legacy_s: float
    gateway_s: float

    @property
    def shape(self) -> Shape:
        return Shape(text=self.text, id=self.text)


HABITS: Final = tuple(
    Habit(
        namespace=f"chat.{text.partition('.')[0]}",
        kind=kind,
        text=text,
        often=often,
        legacy_s=legacy_s,
        gateway_s=gateway_s,
    )
    for kind, text, often, legacy_s, gateway_s in (
        (Kind.FIND, "messages.find filter{conversationId:=} sort{createdAt:1}", 70, 0.0011, 0.0009),
        (
            Kind.UPDATE,
            "messages.update filter{messageId:=} update{$set{text:}} upsert",
            30,
            0.0008,
            0.0013,
        ),
        (
            Kind.FIND,
            "conversations.find filter{user:=} sort{updatedAt:-1} limit",
            25,
            0.0014,
            0.0010,
        ),
        (Kind.FIND, "users.find filter{email:=}", 15, 0.0006, 0.0005),
        (
            Kind.AGGREGATE,
            "files.aggregate [$match{user:=},$group{_id:,bytes:$sum}]",
            5,
            0.0021,
            0.0034,
        ),
    )
)


async def record_chat(ledger: Ledger) -> None:
    """Enter the evidence, the last of it now; four answers about conversations are wrong in their titles."""
    chance = random.Random(_SEED)
    now_ns = time.time_ns()
    for step in range(_STEPS):
        at_ns = now_ns - (_STEPS - 1 - step) * _STEP_S * _SECOND_NS
        found = list(_step(step, at_ns, chance))
        lag = chance.randrange(2, 30)
        await ledger.record(
            found,
            checkpoint=checkpoint(step + 1, at_ns=at_ns),
            lag=Lag(operations=lag, seconds=lag / 40, bytes=lag * 600),
        )


def _step(step: int, at_ns: int, chance: random.Random) -> Iterator[Finding]:
    for habit in HABITS:
        for number in range(chance.randint(habit.often // 2, habit.often)):
            is_wrong = (
                step > _STEPS - 5 and habit.namespace.endswith("conversations") and not number
            )
            yield Finding(
                at_ns=at_ns,
                log=LOG,
                position=step * 1000 + number,
                namespace=habit.namespace,
                kind=habit.kind,
                shape=habit.shape,
                judgement=_WRONG if is_wrong else Judgement(verdict=Verdict.MATCH),
                legacy_s=habit.legacy_s * chance.lognormvariate(0, 0.35),
                gateway_s=habit.gateway_s * chance.lognormvariate(0, 0.4),
                overhead_s=0.00006 * chance.lognormvariate(0, 0.3),
                compare_s=0.00002,
                documents=(f"conversation {number}",) if is_wrong else (),
            )


_WRONG: Final = Judgement(
    verdict=Verdict.MISMATCH,
    reason="documents differ",
    differences=(
        Difference(
            kind=ChangeKind.VALUE,
            path="title",
            exact="title",
            legacy_type="string",
            gateway_type="string",
            legacy="Plans for the summer",
            gateway="plans for the summer",
        ),
    ),
    fingerprint="conversations.find title",
)
