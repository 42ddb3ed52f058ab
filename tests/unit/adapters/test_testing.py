"""The suite for adapters finds what is wrong with one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.adapter import Capability
from adapters.gateway import Generated
from adapters.testing import CASES, conform
from comparators.operation import Operation
from comparators.outcome import Done, Outcome


class Yes:
    """A database that says yes to everything, and keeps nothing."""

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        return Outcome(result=Done(), duration_s=0.0)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Yes"]:
        yield self

    async def reachable(self) -> None:
        return


async def test_whoever_keeps_nothing_passes_nothing() -> None:
    findings = await conform(Yes(), "scratch", frozenset(Capability))

    assert len(findings) == len(CASES)
    assert [each.case for each in findings if not each.problem] == []


async def test_what_is_not_claimed_is_left_out_and_told() -> None:
    findings = await conform(Yes(), "scratch", frozenset())

    missing = [each.missing for each in findings if each.missing]
    assert frozenset({Capability.TRANSACTIONS}) in missing
    assert all(not each.problem for each in findings if each.missing)
