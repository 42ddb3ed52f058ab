"""What is asked of the verifier beside its log: documents get a verdict, or are made equal."""

import os
import signal
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from proxy.embedded import EmbeddedMongo
from proxy.embedded.sidecar import EmbeddedSidecar
from proxy.ledger.access import opened
from proxy.ledger.entries import DivergenceState
from proxy.ledger.orders import Order, OrderKind, Orders, OrderState, Request
from tests.eventually import eventually
from tests.faults.sidecar.test_crashes import is_replaced, verifier_pid
from tests.integration.shadow.conftest import Bench

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module", autouse=True)
async def _crowd(mongo: EmbeddedMongo) -> AsyncIterator[None]:
    """Have so many collections that the sidecar has not looked at all of them when the first test asks."""
    async with AsyncMongoClient[Any](mongo.uri) as client:
        for n in range(400):
            await client["crowd"][f"collection {n}"].insert_one({})
    yield
    async with AsyncMongoClient[Any](mongo.uri) as client:
        await client.drop_database("crowd")


async def settled(
    sidecar: EmbeddedSidecar, kind: OrderKind, namespace: str, identifiers: Sequence[Any]
) -> Order:
    """Ask for an order and wait until it is settled."""
    request = Request(
        kind=kind, namespace=namespace, payload={"ids": identifiers}, who="ada", why="test"
    )
    async with opened(sidecar.ledger) as access:
        orders = Orders(access)
        [number] = await orders.ask([request])

        async def is_settled() -> bool:
            return (await orders.look([number]))[number].is_settled

        await eventually(is_settled, within_s=60)
        return (await orders.look([number]))[number]


async def test_a_damaged_document_is_found_and_mended(bench: Bench) -> None:
    await bench.database.users.insert_many([{"_id": n, "name": f"user {n}"} for n in range(5)])
    await bench.sidecar.drained()
    await bench.damage(
        "DELETE FROM {schema}.users WHERE ordinal = (SELECT min(ordinal) FROM {schema}.users)"
    )
    namespace = f"{bench.database.name}.users"

    compared = await settled(bench.sidecar, OrderKind.COMPARE, namespace, [0, 1, 2, 77])
    [found] = [each for each in (await bench.evidence()).divergent if each.namespace == namespace]
    mended = await settled(bench.sidecar, OrderKind.MEND, namespace, [0])
    evidence = await bench.evidence()
    [closed] = [each for each in evidence.divergent if each.namespace == namespace]

    assert compared.outcome["verdicts"] == {"match": 3, "mismatch": 1}, evidence.reasons
    assert compared.outcome["documents"] == {found.document: "mismatch"}
    assert found.cause.startswith("found by a sweep")
    assert [each.change for each in found.differences]
    assert mended.outcome["verdicts"] == {"match": 1}
    assert (closed.state, closed.who, closed.why) == (DivergenceState.REPAIRED, "ada", "test")
    assert await bench.differing() == {}


async def test_a_write_past_the_sidecar_is_found(bench: Bench) -> None:
    await bench.database.users.insert_one({"_id": 1, "n": 1})
    await bench.sidecar.drained()
    async with AsyncMongoClient[Any](bench.legacy_uri) as direct:
        await direct[bench.database.name].users.update_one({"_id": 1}, {"$set": {"n": 2}})
    namespace = f"{bench.database.name}.users"

    compared = await settled(bench.sidecar, OrderKind.COMPARE, namespace, [1])

    assert compared.outcome["verdicts"] == {"mismatch": 1}
    [found] = [each for each in (await bench.evidence()).divergent if each.namespace == namespace]
    assert [(each.path, each.change) for each in found.differences] == [("n", "value")]


async def test_an_order_outlives_the_verifier(bench: Bench) -> None:
    await bench.database.users.insert_many([{"_id": n} for n in range(300)])
    await bench.sidecar.drained()
    await bench.damage("DELETE FROM {schema}.users")
    namespace = f"{bench.database.name}.users"
    async with opened(bench.sidecar.ledger) as access:
        orders = Orders(access)
        numbers = await orders.ask(
            [
                Request(
                    kind=OrderKind.MEND,
                    namespace=namespace,
                    payload={"ids": [n]},
                    who="ada",
                    why="test",
                )
                for n in range(300)
            ]
        )

        async def has_begun() -> bool:
            found = (await orders.look(numbers)).values()
            return any(order.state is not OrderState.ASKED for order in found)

        await eventually(has_begun, within_s=30)
        killed = verifier_pid(bench.sidecar)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        await eventually(lambda: is_replaced(bench.sidecar, killed), within_s=30)

        async def are_settled() -> bool:
            return all(order.is_settled for order in (await orders.look(numbers)).values())

        await eventually(are_settled, within_s=60)
        found = (await orders.look(numbers)).values()

    assert {order.state for order in found} == {OrderState.DONE}
    assert {tuple(order.outcome["verdicts"].items()) for order in found} == {(("match", 1),)}
    assert await bench.differing() == {}
