"""Writes with a key, and what is kept of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.http.idempotency import Idempotency, Kept, Request
from proxy.http.problems import Code, ProblemError

ANSWER = Kept(status=201, headers="{}", body="done")


def idempotency(
    path: Path, now_s: Callable[[], float] = lambda: 0, *, process: str = "1"
) -> Idempotency:
    return Idempotency(
        f"sqlite:///{path}",
        application="x",
        process=process,
        keep_s=60,
        within_s=30,
        now_s=now_s,
    )


def asked(key: str = "k", *, owner: str = "a", body: bytes = b"") -> Request:
    return Request.of(owner, key, method="POST", path="/v1/X", body=body)


async def test_a_request_is_done_once_by_each_owner_until_it_expires(tmp_path: Path) -> None:
    now = [1000.0]
    kept = idempotency(tmp_path / "a.db", lambda: now[0])
    done = 0

    async def answer() -> Kept:
        nonlocal done
        done += 1
        return ANSWER

    try:
        assert await kept.once(asked(), answer) == (ANSWER, False)
        assert await kept.once(asked(), answer) == (ANSWER, True)
        assert await kept.once(asked(owner="b"), answer) == (ANSWER, False)
        with pytest.raises(ProblemError) as refused:
            await kept.once(asked(body=b"other"), answer)
        assert refused.value.code is Code.KEY_REUSED
        assert done == 2
        now[0] += 61
        assert await kept.once(asked(body=b"other"), answer) == (ANSWER, False)
    finally:
        await kept.close()
    assert (tmp_path / "a.db").stat().st_mode & 0o777 == 0o600


async def test_what_is_under_way_is_told_apart_from_what_was_cut_off(tmp_path: Path) -> None:
    path, now = tmp_path / "a.db", [1000.0]
    first = idempotency(path, lambda: now[0])
    second = idempotency(path, lambda: now[0], process="2")
    begun = asyncio.Event()

    async def never() -> Kept:
        begun.set()
        await asyncio.Event().wait()
        return ANSWER

    async def problem_of(front: Idempotency) -> Code:
        with pytest.raises(ProblemError) as refused:
            await front.once(asked(), never)
        return refused.value.code

    try:
        async with asyncio.TaskGroup() as tasks:
            cut_off = tasks.create_task(first.once(asked(), never))
            await begun.wait()
            for front in (first, second):
                assert await problem_of(front) is Code.IN_FLIGHT
            cut_off.cancel()
        now[0] += 31
        for front in (first, second):
            assert await problem_of(front) is Code.OUTCOME_UNKNOWN
    finally:
        await first.close()
        await second.close()


async def test_what_did_nothing_may_be_tried_again(tmp_path: Path) -> None:
    kept = idempotency(tmp_path / "a.db")

    async def conflict() -> Kept:
        raise ProblemError(Code.CONFLICT, "again")

    async def answer() -> Kept:
        return ANSWER

    try:
        with pytest.raises(ProblemError):
            await kept.once(asked(), conflict)
        assert await kept.once(asked(), answer) == (ANSWER, False)
    finally:
        await kept.close()
