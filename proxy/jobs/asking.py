"""Ask the verifier for something and wait until it is done, as long as there is a verifier."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from comparators.canonical import decode
from comparators.errors import RefusedError, UnreachableError
from proxy.ledger.orders import TRACEPARENT, Order, OrderKind, Orders, OrderState, Request
from proxy.tracing.stints import carried

SILENT_AFTER_S: Final = 20.0
"""A verifier writes twice a second; one that was killed is replaced within a few seconds."""

DOCUMENTS_PER_ORDER: Final = 200
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_POLL_S: Final = 0.05


class Asking:
    """Somebody who asks for orders about documents, and gives a reason."""

    def __init__(
        self, orders: Orders, *, who: str, why: str, silent_after_s: float = SILENT_AFTER_S
    ) -> None:
        self._orders = orders
        self._who = who
        self._why = why
        self._silent_after_s = silent_after_s

    async def check(self) -> None:
        """Raise UnreachableError while no verifier works on the ledger."""
        silent_s = (time.time_ns() - await self._orders.verifier_seen_ns()) / 1e9
        if silent_s > self._silent_after_s:
            raise UnreachableError(
                "no verifier works on this ledger, and only a verifier knows the order of writes",
                where=self._orders.where,
                remedy="start `parallax serve`, or `parallax verify` beside a relay of its own; "
                "what was asked stays on the ledger, and is done then",
            )

    async def about(
        self,
        kind: OrderKind,
        namespace: str,
        identifiers: Sequence[bytes],
        *,
        more: Mapping[str, Any] = NOTHING,
    ) -> list[Order]:
        """Ask for something about documents, given by their `_id`s, and return how it ended.

        `more` is what the verifier has to know besides. RefusedError where the verifier cannot do it.
        """
        await self.check()
        requests = [
            Request(
                kind=kind,
                namespace=namespace,
                payload=_traced({"ids": [decode(each)["_id"] for each in portion], **more}),
                who=self._who,
                why=self._why,
            )
            for portion in _portions(identifiers)
        ]
        return await self._settled(await self._orders.ask(requests))

    async def ask(
        self, kind: OrderKind, namespace: str, payload: Mapping[str, Any], *, log: str = ""
    ) -> int:
        """Ask for something and return its number, without waiting; `log` names whose verifier is to do it."""
        request = Request(
            kind=kind,
            namespace=namespace,
            payload=_traced(payload),
            who=self._who,
            why=self._why,
            log=log,
        )
        [number] = await self._orders.ask([request])
        return number

    async def done(
        self, kind: OrderKind, namespace: str, payload: Mapping[str, Any], *, log: str = ""
    ) -> Mapping[str, Any]:
        """Ask for something and return what came of it; RefusedError where the verifier cannot do it."""
        await self.check()
        [order] = await self._settled([await self.ask(kind, namespace, payload, log=log)])
        return order.outcome

    async def _settled(self, numbers: Sequence[int]) -> list[Order]:
        while True:
            found = await self._orders.look(numbers)
            if all(order.is_settled for order in found.values()):
                break
            await self.check()
            await asyncio.sleep(_POLL_S)
        for order in found.values():
            if order.state is OrderState.FAILED:
                raise RefusedError(
                    f"the verifier could not {order.kind.value}: {order.outcome['reason']}",
                    where=order.namespace,
                    remedy=order.outcome["remedy"],
                )
        return [found[number] for number in numbers]


def _traced(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an order says, with the span that it belongs to."""
    span = carried()
    return payload if span is None else {**payload, TRACEPARENT: span}


def _portions(identifiers: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [
        identifiers[first : first + DOCUMENTS_PER_ORDER]
        for first in range(0, len(identifiers), DOCUMENTS_PER_ORDER)
    ]
