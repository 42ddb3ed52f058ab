"""Wait for a fact about a server instead of for time to pass."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from comparators.errors import UnreachableError

T = TypeVar("T")
_POLL_S: Final = 0.1


async def until(ask: Callable[[], Awaitable[T | None]], *, within_s: float, what: str) -> T:
    """Return the first answer that is not None; UnreachableError after `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        answer = await ask()
        if answer is not None:
            return answer
        if time.monotonic() > deadline:
            raise UnreachableError(
                what, where=f"after {within_s:g} s", remedy="see the log of the process"
            )
        await asyncio.sleep(_POLL_S)
