"""Wait for a fact instead of sleeping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

POLL_S = 0.01


T = TypeVar("T")


@overload
async def eventually(
    condition: Callable[[], Awaitable[T | None]], *, within_s: float = ...
) -> T: ...


@overload
async def eventually(condition: Callable[[], T | None], *, within_s: float = ...) -> T: ...


async def eventually(condition: Callable[[], Any], *, within_s: float = 5) -> Any:
    """Return the first true answer of `condition`; fail with the last answer after `within_s`.

    An AssertionError from `condition` counts as "not yet" and is raised at the end.
    """
    deadline = time.monotonic() + within_s
    while True:
        answer = None
        failure: AssertionError | None = None
        try:
            given = condition()
            answer = await given if inspect.isawaitable(given) else given
        except AssertionError as not_yet:
            failure = not_yet
        if answer:
            return answer
        if time.monotonic() > deadline:
            what = f"not within {within_s:g} s; the last answer was {answer!r}"
            raise failure or AssertionError(what)
        await asyncio.sleep(POLL_S)
