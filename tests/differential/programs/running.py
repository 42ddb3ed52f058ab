"""A program on both sides, step by step: each step is a case, and the first difference ends it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from adapters.database import Database
from comparators.canonical import decode
from comparators.decision import decide
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Documents, Failure, Outcome, Result
from comparators.rules import Rules
from comparators.verdict import Verdict
from tests.differential.programs.known import known_difference
from tests.differential.programs.program import OTHERS, THINGS, WRITES, Document, Program, Step
from tests.differential.programs.tally import End, Tally
from tests.differential.twins import Answers, Twins, same


class DifferenceError(AssertionError):
    """Both sides ran one operation and did not agree."""


@dataclass(slots=True, kw_only=True)
class Sides:
    """Both databases, on which programs run one after the other.

    Collections are kept from program to program, one for each set of indexes, and emptied before use:
    to make them anew would cost most of the time.
    """

    mongo: AsyncDatabase[Document]
    gateway: Database
    collections: dict[str, Twins] = field(default_factory=dict)

    async def run(self, program: Program, tally: Tally) -> None:
        """Run a program; raise DifferenceError at a difference that is not known."""
        things = await self._prepared(tally, THINGS, program.indexes, program.documents)
        await self._prepared(tally, OTHERS, [], program.others)
        if things is None:
            return
        for at, step in enumerate(program.steps):
            try:
                alike = await _compared(tally, things, step)
            except DifferenceError as difference:
                difference.add_note(f"{_shortened(program, at)!r}")
                raise
            if not alike:
                return

    def twins(self, collection: str) -> Twins:
        """Return a collection of both sides."""
        return Twins(mongo=self.mongo, gateway=self.gateway, collection=collection)

    async def _prepared(
        self, tally: Tally, name: str, indexes: Sequence[Document], documents: Sequence[Document]
    ) -> Twins | None:
        """Return a collection that holds the documents; None where the sides know it to differ."""
        known = f"{name} {indexes}"
        if known not in self.collections:
            number = "" if name == OTHERS else str(len(self.collections))
            twins = self.twins(f"{name}{number}")
            self.collections[known] = twins
            for each in indexes:
                step = Step(kind=Kind.CREATE_INDEXES, arguments={"indexes": [each]})
                await _compared(tally, twins, step)
        twins = self.collections[known]
        await twins.run(Kind.DELETE, deletes=[{"q": {}, "limit": 0}])
        if documents:
            arguments = {"documents": list(documents), "ordered": False}
            step = Step(kind=Kind.INSERT, arguments=arguments)
            if not await _compared(tally, twins, step):
                return None
        return twins


def _shortened(program: Program, at: int) -> Program:
    """Return a program without the steps that had no part in what a step answered."""
    before = [step for step in program.steps[:at] if step.kind in WRITES]
    return replace(program, steps=[*before, program.steps[at]])


async def _compared(tally: Tally, twins: Twins, step: Step) -> bool:
    """Run one step and count how it ends; return whether both sides are still alike."""
    end = (await ended(tally, twins, step))[0]
    return end in {End.EQUAL, End.REFUSED_ALIKE} or (
        step.kind not in WRITES and end is not End.DIFFERENT
    )


async def ended(tally: Tally, twins: Twins, step: Step) -> tuple[End, Result]:
    """Run one step and count how it ends; return that, and what mongod answered.

    Raises DifferenceError for a difference that nobody knows.
    """
    answers = await twins.answers(step.kind, step.arguments)
    try:
        end = await _end_of(tally, twins, step, answers)
    except DifferenceError:
        tally.ends[End.DIFFERENT] += 1
        raise
    tally.ends[end] += 1
    return end, answers.legacy


async def _end_of(tally: Tally, twins: Twins, step: Step, answers: Answers) -> End:
    legacy, answered = answers.legacy, answers.gateway
    if isinstance(answered, str):
        tally.unsupported[answered] += 1
        return End.UNSUPPORTED
    alike = legacy == answered or (
        same(step.kind, step.arguments, legacy, answered) and not comparable(step, legacy, answered)
    )
    states: tuple[Mapping[bytes, bytes], Mapping[bytes, bytes]] = ({}, {})
    if step.kind in WRITES:
        states = await twins.documents()
    if alike and states[0] == states[1]:
        code = code_of(legacy)
        if code is None:
            return End.EQUAL
        tally.refused[code] += 1
        return End.REFUSED_ALIKE
    if states[0] == states[1] and not comparable(step, legacy, answered):
        return End.NOT_COMPARABLE
    number = await known_difference(
        step, answers, lambda part: twins.ask(part.kind, part.arguments), twins.hides
    )
    if number is not None:
        tally.known[number] += 1
        return End.KNOWN
    raise DifferenceError(_told(step, (legacy, answered), states))


def comparable(step: Step, legacy: Result, gateway: Result) -> bool:
    """Return whether the verifier would call two answers, which are not equal, a mismatch."""
    if _shuffles(step) and (isinstance(legacy, Failure) or isinstance(gateway, Failure)):
        return False
    operation = Operation(
        database="twin", collection=THINGS, kind=step.kind, arguments=step.arguments
    )
    left = Outcome(result=legacy, duration_s=0.0)
    right = Outcome(result=gateway, duration_s=0.0)
    return decide(operation, left, right, Rules()).verdict is Verdict.MISMATCH


def _shuffles(step: Step) -> bool:
    """Return whether nobody knows which document comes first."""
    return step.kind is Kind.AGGREGATE and "'$sample'" in repr(step.arguments)


def code_of(result: Result) -> int | None:
    """Return the code of a refusal, of the first where several statements were refused."""
    if isinstance(result, Failure):
        return result.code
    if isinstance(result, Acknowledgement) and result.errors:
        return result.errors[0].code
    return None


def _told(
    step: Step,
    results: tuple[Result, Result],
    states: tuple[Mapping[bytes, bytes], Mapping[bytes, bytes]],
) -> str:
    legacy, gateway = results
    lines = [
        f"{step.kind} {step.arguments}",
        f"mongod:  {_shown(legacy)}",
        f"gateway: {_shown(gateway)}",
    ]
    for key in states[0].keys() | states[1].keys():
        stored = [side.get(key) for side in states]
        if stored[0] != stored[1]:
            names = ("mongod", "gateway")
            lines += [
                f"{name} stored {None if raw is None else decode(raw)}"
                for name, raw in zip(names, stored, strict=True)
            ]
    return "\n".join(lines)


def _shown(result: Result) -> Any:
    if isinstance(result, Documents):
        return [decode(each) for each in result.documents]
    return result
