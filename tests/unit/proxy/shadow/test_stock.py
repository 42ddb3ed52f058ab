import asyncio

from proxy.ledger.fillings import FillingState
from proxy.shadow.stock import Stock


def test_nothing_is_known_before_the_survey() -> None:
    stock = Stock()

    assert stock.is_unknown("shop.users")
    stock.suspect({"shop.orders"})
    assert not stock.is_unknown("shop.users")
    assert stock.is_unknown("shop.orders")
    stock.set("shop.orders", FillingState.PENDING)
    assert not stock.is_unknown("shop.orders")


def test_a_difference_says_nothing_until_a_backfill_is_complete() -> None:
    stock = Stock()
    stock.load({"shop.users": FillingState.PENDING})
    told = [stock.reason("shop.users")]
    for state in (FillingState.COPYING, FillingState.SETTLING, FillingState.COMPLETE):
        stock.set("shop.users", state)
        told.append(stock.reason("shop.users"))

    assert None not in told[:3]
    assert len(set(told)) == 4
    assert told[3] is None
    assert stock.reason("shop.others") is None


def test_what_is_written_once_a_collection_is_filled_has_no_excuse() -> None:
    stock = Stock()
    stock.set("shop.users", FillingState.COPYING)
    assert stock.excuse("shop.users") is not None

    stock.set("shop.users", FillingState.SETTLING)

    assert stock.settling() == ["shop.users"]
    assert stock.excuse("shop.users") is None
    assert stock.reason("shop.users") is not None


async def test_who_waits_is_woken_when_all_is_known() -> None:
    stock = Stock()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(stock.known({"shop.users", "shop.orders"}))
        await asyncio.sleep(0)
        stock.suspect({"shop.orders"})
        await asyncio.sleep(0)
        assert not waiting.done()
        stock.clear("shop.orders")
