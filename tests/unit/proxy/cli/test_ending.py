"""A process of Parallax ends with the one that started it, even if that was gone before it looked."""

import asyncio
import os

import pytest

from proxy.cli.ending import cancelled_without


async def test_who_has_lost_its_parent_before_it_looked_is_cancelled() -> None:
    async def orphan() -> None:
        with cancelled_without(parent=os.getpid()):
            await asyncio.get_running_loop().create_future()

    task = asyncio.get_running_loop().create_task(orphan())

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_has_its_parent_goes_on() -> None:
    with cancelled_without(parent=os.getppid()):
        await asyncio.sleep(0)


async def test_nobody_is_watched_where_nobody_is_named() -> None:
    with cancelled_without(None):
        await asyncio.sleep(0)
