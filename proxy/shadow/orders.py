"""Work off the orders on the ledger: what somebody asked the verifier to do outside the order of its log.

Each kind of order has a performer. An order is settled together with its findings, by `Evidence`; until that is
on the ledger the order is open, and a verifier that starts takes it up again. So performers are
repeatable.
"""

import asyncio
import time
import traceback
from collections.abc import Mapping
from typing import Any, Final, Protocol

import structlog

from comparators.errors import ParallaxError
from comparators.verdict import Verdict
from proxy.ledger.orders import TRACEPARENT, Order, OrderKind, Orders, OrderState, Settlement
from proxy.shadow.evidence import Evidence
from proxy.shadow.patience import Outage
from proxy.shadow.runner import CreateTask
from proxy.tracing.context import parent_of
from proxy.tracing.stints import Doing, Stints

_log = structlog.get_logger()

AT_ONCE: Final = 4
"""How many orders of a kind are worked on at a time."""

_SHORTEST_NAP_S: Final = 0.05
_LONGEST_NAP_S: Final = 0.25


class Performer(Protocol):
    """Does what orders of one kind ask for."""

    async def perform(self, order: Order) -> Mapping[str, Any]:
        """Do it and return its outcome; ParallaxError where it cannot be done."""


class OrderDesk:
    """Take up orders, a few of each kind at a time."""

    def __init__(
        self,
        orders: Orders,
        performers: Mapping[OrderKind, Performer],
        *,
        log: str,
        evidence: Evidence,
        ledger_outage: Outage,
        create_task: CreateTask,
        stints: Stints,
    ) -> None:
        self._stints = stints
        self._orders = orders
        self._performers = performers
        self._log = log
        self._evidence = evidence
        self._ledger_outage = ledger_outage
        self._create_task = create_task
        self._known: set[int] = set()
        """Orders that are worked on, or whose end is on its way to the ledger."""

    async def run(self) -> None:
        """Work off orders until cancelled."""
        nap_s = _SHORTEST_NAP_S
        while True:
            waiting = await self._ledger_outage.endure(
                lambda: self._orders.unsettled(self._performers, of_each=AT_ONCE, log=self._log)
            )
            self._known &= {order.id for order in waiting}
            for order in waiting:
                if order.id not in self._known:
                    self._known.add(order.id)
                    self._create_task(self._work_on(order))
            nap_s = _SHORTEST_NAP_S if waiting else min(nap_s * 1.5, _LONGEST_NAP_S)
            await asyncio.sleep(nap_s)

    async def _work_on(self, order: Order) -> None:
        begun = await self._ledger_outage.endure(lambda: self._orders.begin(order.id, self._log))
        if not begun:
            self._known.discard(order.id)
            return
        parent = parent_of(order.payload.get(TRACEPARENT))
        with self._stints.doing(order.kind.value, order.namespace, parent=parent) as doing:
            state, outcome = await self._performed(order)
            _tell(doing, state, outcome)
        self._evidence.settled(
            Settlement(order=order.id, state=state, outcome=outcome, at_ns=time.time_ns())
        )

    async def _performed(self, order: Order) -> tuple[OrderState, Mapping[str, Any]]:
        try:
            return OrderState.DONE, await self._performers[order.kind].perform(order)
        except ParallaxError as error:
            _log.warning("order_failed", kind=order.kind.value, reason=error.what)
            return OrderState.FAILED, {"reason": error.what, "remedy": error.remedy}
        except Exception as error:  # noqa: BLE001 - one of the four doors
            # Only the type and the frames: a driver's message can quote values.
            frames = traceback.extract_tb(error.__traceback__)[-8:]
            stack = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
            name = type(error).__name__
            _log.error("order_failed", kind=order.kind.value, reason=name, stack=stack)
            return OrderState.FAILED, {"reason": name, "remedy": "report this bug"}


def _tell(doing: Doing, state: OrderState, outcome: Mapping[str, Any]) -> None:
    """Tell how an order came out: how many documents have which verdict."""
    verdicts = outcome.get("verdicts", {})
    for verdict, n in verdicts.items():
        doing.facts[f"parallax.documents.{verdict}"] = n
    if state is OrderState.FAILED:
        doing.error = "order_failed"
    elif verdicts.get(Verdict.MISMATCH):
        doing.error = Verdict.MISMATCH.value
