"""Orders are asked for by one process, worked off by another, and survive both."""

import time

import pytest
from bson import Int64, ObjectId

from comparators.errors import SettingsError
from proxy.ledger.access import opened
from proxy.ledger.entries import Divergence, DivergenceState, Resolution
from proxy.ledger.orders import Order, OrderKind, Orders, OrderState, Request, Settlement
from proxy.ledger.read import read_report
from proxy.ledger.write import Ledger
from tests.integration.ledger.findings import LOG, NO_LAG, START_NS, checkpoint
from tests.integration.ledger.test_secrets import everything_in

SECRET = "ada.lovelace@example.org"


def request(kind: OrderKind = OrderKind.COMPARE, *identifiers: object) -> Request:
    return Request(
        kind=kind, namespace="app.users", payload={"ids": list(identifiers)}, who="ada", why="test"
    )


async def unsettled(orders: Orders, of_each: int = 9) -> list[Order]:
    return await orders.unsettled(OrderKind, of_each=of_each, log=LOG)


async def test_an_order_is_asked_begun_and_settled(ledger: Ledger, ledger_url: str) -> None:
    identifiers = [ObjectId(), Int64(5), 5, "five"]
    async with opened(ledger_url) as access:
        orders = Orders(access)
        [number] = await orders.ask([request(OrderKind.MEND, *identifiers)])

        [asked] = await unsettled(ledger.orders)
        await ledger.orders.begin(number, LOG)
        [begun] = await unsettled(ledger.orders)
        end = Settlement(
            order=number, state=OrderState.DONE, outcome={"verdicts": {"match": 4}}, at_ns=START_NS
        )
        await ledger.record([], checkpoint=checkpoint(1), lag=NO_LAG, settled=[end])
        settled = (await orders.look([number]))[number]

    assert (asked.state, begun.state) == (OrderState.ASKED, OrderState.BEGUN)
    assert list(map(type, asked.payload["ids"])) == list(map(type, identifiers))
    assert await unsettled(ledger.orders) == []
    assert settled.is_settled
    assert settled.outcome == {"verdicts": {"match": 4}}
    assert (settled.who, settled.why, settled.done_ns) == ("ada", "test", START_NS)


async def test_no_kind_of_order_holds_up_the_others(ledger: Ledger) -> None:
    await ledger.orders.ask([request(OrderKind.COMPARE, n) for n in range(5)])
    await ledger.orders.ask([request(OrderKind.MEND, 1)])

    found = await unsettled(ledger.orders, of_each=2)

    kinds = [order.kind for order in found]
    assert kinds == [OrderKind.COMPARE, OrderKind.COMPARE, OrderKind.MEND]


async def test_a_settled_order_leaves_no_identifier_behind(ledger: Ledger, ledger_url: str) -> None:
    [number] = await ledger.orders.ask([request(OrderKind.MEND, *[SECRET] * 500)])
    end = Settlement(order=number, state=OrderState.DONE, outcome={}, at_ns=time.time_ns())
    await ledger.record([], checkpoint=checkpoint(1), lag=NO_LAG, settled=[end])
    await ledger.close()

    assert SECRET.encode() not in await everything_in(ledger_url)


async def test_who_repaired_a_document_and_why_is_kept(ledger: Ledger, ledger_url: str) -> None:
    entry = Divergence(namespace="app.users", document=1, cause="differs", since_ns=START_NS)
    end = Resolution(
        namespace="app.users",
        document=1,
        at_ns=START_NS + 1,
        state=DivergenceState.REPAIRED,
        who="ada",
        why="ticket 5",
    )

    await ledger.record([], checkpoint=checkpoint(1), lag=NO_LAG, diverged=[entry], resolved=[end])

    [repaired] = (await read_report(ledger_url)).divergent
    assert (repaired.state, repaired.who, repaired.why) == (
        DivergenceState.REPAIRED,
        "ada",
        "ticket 5",
    )
    await ledger.diverged([entry])
    [reopened] = (await read_report(ledger_url)).divergent
    assert (reopened.state, reopened.who) == (DivergenceState.OPEN, "")


async def test_there_are_no_orders_without_a_ledger(ledger_url: str) -> None:
    with pytest.raises(SettingsError, match="there is no ledger yet"):
        async with opened(ledger_url):
            pass
