"""Writes with a key, and what is kept of them."""

import asyncio
from pathlib import Path

import pytest

from proxy.http.idempotency import Idempotency, Kept, Request
from proxy.http.problems import Code, ProblemError

ANSWER = Kept(status=201, headers="{}", body="done")


def asked(key: str = "k", *, owner: str = "a", body: bytes = b"") -> Request:
    return Request.of(owner, key, method="POST", path="/v1/X", body=body)


async def test_a_request_is_done_once_by_each_owner_until_it_expires(tmp_path: Path) -> None:
    now = [1000.0]
    kept = Idempotency(tmp_path / "a.db", process="1", keep_s=60, now_s=lambda: now[0])
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
    path = tmp_path / "a.db"
    first = Idempotency(path, process="1", keep_s=60, now_s=lambda: 0)
    second = Idempotency(path, process="2", keep_s=60, now_s=lambda: 0)
    begun = asyncio.Event()

    async def never() -> Kept:
        begun.set()
        await asyncio.Event().wait()
        return ANSWER

    async def problem_of(idempotency: Idempotency) -> Code:
        with pytest.raises(ProblemError) as refused:
            await idempotency.once(asked(), never)
        return refused.value.code

    try:
        async with asyncio.TaskGroup() as tasks:
            cut_off = tasks.create_task(first.once(asked(), never))
            await begun.wait()
            assert await problem_of(first) is Code.IN_FLIGHT
            cut_off.cancel()
        assert await problem_of(second) is Code.OUTCOME_UNKNOWN
    finally:
        await first.close()
        await second.close()


async def test_what_did_nothing_may_be_tried_again(tmp_path: Path) -> None:
    kept = Idempotency(tmp_path / "a.db", process="1", keep_s=60, now_s=lambda: 0)

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
