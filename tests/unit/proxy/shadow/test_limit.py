import asyncio
from collections.abc import Awaitable, Callable

import pytest

from proxy.shadow.limit import Limit

SHORT_S, LONG_S = 0.02, 60.0


def lasting(seconds: float) -> Callable[[], Awaitable[float]]:
    async def run() -> float:
        await asyncio.sleep(seconds)
        return seconds

    return run


async def test_what_is_quick_gives_its_value() -> None:
    assert await Limit(LONG_S).within(lasting(0)) == 0


async def test_what_takes_too_long_is_cancelled() -> None:
    with pytest.raises(TimeoutError):
        await Limit(SHORT_S).within(lasting(LONG_S))

    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_each_has_a_time_of_its_own() -> None:
    limit = Limit(SHORT_S)
    ended: list[str] = []

    async def try_for(name: str, pause_s: float, seconds: float) -> None:
        await asyncio.sleep(pause_s)
        try:
            await limit.within(lasting(seconds))
        except TimeoutError:
            ended.append(f"{name} late")
        else:
            ended.append(f"{name} in time")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(try_for("first", 0, LONG_S))
        tasks.create_task(try_for("second", SHORT_S / 2, LONG_S))
        tasks.create_task(try_for("third", SHORT_S * 2, 0))

    # In any order: on a busy machine the second may be told behind the third.
    assert sorted(ended) == ["first late", "second late", "third in time"]


async def test_a_limit_serves_again_after_a_rest() -> None:
    limit = Limit(SHORT_S)
    await limit.within(lasting(0))
    await asyncio.sleep(SHORT_S * 2)

    with pytest.raises(TimeoutError):
        await limit.within(lasting(LONG_S))


async def test_an_error_of_the_operation_stays_its_own() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("x")

    with pytest.raises(KeyError):
        await Limit(LONG_S).within(fail)


async def test_a_cancellation_from_outside_is_no_timeout() -> None:
    limit = Limit(LONG_S)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SHORT_S):
            await limit.within(lasting(LONG_S))

    async def wait_for_ever() -> None:
        await limit.within(lasting(LONG_S))

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(wait_for_ever())
        await asyncio.sleep(0)
        task.cancel()

    assert task.cancelled()
