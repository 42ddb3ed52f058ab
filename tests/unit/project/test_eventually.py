"""Waiting for a fact ends with the fact, or with what was seen last."""

import pytest

from tests.eventually import eventually


async def test_returns_the_first_true_answer() -> None:
    answers = iter([0, None, "", "here"])

    assert await eventually(lambda: next(answers)) == "here"


async def test_awaits_an_asynchronous_condition() -> None:
    answers = iter([None, 7])

    async def condition() -> int | None:
        return next(answers)

    assert await eventually(condition) == 7


async def test_fails_with_the_last_answer() -> None:
    with pytest.raises(AssertionError, match="the last answer was 0"):
        await eventually(lambda: 0, within_s=0.02)


async def test_fails_with_the_last_failed_assertion() -> None:
    def condition() -> bool:
        raise AssertionError("three rows, not four")

    with pytest.raises(AssertionError, match="three rows, not four"):
        await eventually(condition, within_s=0.02)
