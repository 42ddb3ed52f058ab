import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from proxy.ledger.access import opened
from proxy.ledger.fillings import Fillings, FillingState
from proxy.ledger.write import Ledger

NAME = "shop.users"


@pytest.fixture
async def two(ledger_url: str) -> AsyncIterator[list[Fillings]]:
    """Give what two verifiers have of one ledger."""
    ledger = await Ledger.open(ledger_url)
    await ledger.close()
    async with AsyncExitStack() as held:
        yield [Fillings(await held.enter_async_context(opened(ledger_url))) for _ in range(2)]


async def test_two_verifiers_enter_the_same_at_once(two: list[Fillings]) -> None:
    for state in (FillingState.SETTLING, FillingState.COMPLETE) * 10:
        async with asyncio.TaskGroup() as tasks:
            for each in two:
                tasks.create_task(each.set({NAME: state}))

        assert await two[0].all() == {NAME: state}


async def test_what_a_survey_finds_does_not_undo_a_backfill_that_began_meanwhile(
    two: list[Fillings],
) -> None:
    surveyed, filled = two
    before = (await surveyed.changes()).get(NAME)
    await filled.set({NAME: FillingState.COPYING})

    assert not await surveyed.set_lacking(NAME, before)
    assert await surveyed.all() == {NAME: FillingState.COPYING}


async def test_a_survey_enters_what_nobody_has_entered_since(two: list[Fillings]) -> None:
    surveyed, filled = two

    assert await surveyed.set_lacking(NAME, None)
    await filled.set({NAME: FillingState.COMPLETE})
    assert not await surveyed.set_lacking(NAME, None)
    assert await surveyed.set_lacking(NAME, (await surveyed.changes())[NAME])

    assert await filled.all() == {NAME: FillingState.PENDING}
