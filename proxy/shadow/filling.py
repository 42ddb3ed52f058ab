"""The orders of a backfill: hold a collection while its documents are read from legacy, and merge what was read.

While a collection is held, its operations wait in their order. So the gateway stands still at one place of the log, behind
everything that was answered before the reading began, and what is merged meanwhile needs no regard for
anybody. The operations that waited then meet documents that may have their effects already: those are compared like all that
were written, and since the collection is being backfilled, one that differs is made equal and nothing is said about it.
Nothing is lost, for a document whose later writes are not in the reading stands where those writes find it.

A hold has an end, whatever becomes of who asked for it. What was staged under a hold that is over is refused: a verifier that
starts knows of none.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from adapters.gateway import Footprint, Generated, Staged
from comparators.canonical import decode
from comparators.errors import RefusedError, UnsupportedError
from comparators.operation import Kind, Operation
from comparators.outcome import Documents, Failure
from proxy.ledger.fillings import FillingState
from proxy.ledger.orders import Order, OrderKind
from proxy.shadow.admission import Admission
from proxy.shadow.entering import Entering
from proxy.shadow.expiry import Expiries
from proxy.shadow.orders import Performer
from proxy.shadow.reconcile import Reconciler
from proxy.shadow.runner import Work, result_of
from proxy.shadow.sides import Sides
from proxy.shadow.states import States
from proxy.shadow.stock import Stock

CATCH_UP_S: Final = 20.0
"""How long to wait until the verifier is near the end of its log; being behind costs more comparisons, and no truth."""

SETTLE_S: Final = 0.5
"""How often to look whether the documents of a collection have come to rest."""

NAMESPACE_EXISTS: Final = 48
GENERATED: Final = Generated(now_ms=0)
OF_THE_SERVER: Final = frozenset({"v", "ns"})
"""What `listIndexes` shows and `createIndexes` does not need."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Hold:
    namespace: str
    released: asyncio.Event = field(default_factory=asyncio.Event)
    merging: asyncio.Lock = field(default_factory=asyncio.Lock)


class Filling:
    """Performs the orders of backfills."""

    def __init__(
        self,
        sides: Sides,
        stock: Stock,
        *,
        states: States,
        reconciler: Reconciler,
        admission: Admission,
        expiries: Expiries,
        entering: Entering,
        log: str,
        check: Callable[[], None],
    ) -> None:
        self._sides = sides
        self._stock = stock
        self._states = states
        self._reconciler = reconciler
        self._admission = admission
        self._expiries = expiries
        self._entering = entering
        self._log = log
        self._check = check
        self._holds: dict[int, _Hold] = {}

    @property
    def performers(self) -> Mapping[OrderKind, Performer]:
        """Who does what orders of these kinds ask for."""
        return {
            OrderKind.PREPARE: _Performing(self._prepare),
            OrderKind.HOLD: _Performing(self._hold),
            OrderKind.MERGE: _Performing(self._merge),
            OrderKind.RELEASE: _Performing(self._release),
            OrderKind.COMPLETE: _Performing(self._complete),
        }

    async def run(self) -> None:
        """Count differences in a collection once all that may differ after its backfill is equal."""
        while True:
            await asyncio.sleep(SETTLE_S)
            for namespace in self._stock.settling():
                if self._is_settling(namespace) or self._sides.peers.fills(namespace):
                    continue
                await self._entering.enter(namespace, FillingState.COMPLETE)

    @property
    def unsettled(self) -> tuple[str, ...]:
        """The collections in which documents may still differ here."""
        return (*self._stock.filling(), *filter(self._is_settling, self._stock.settling()))

    def _is_settling(self, namespace: str) -> bool:
        is_excused = self._states.excuse_of(namespace, None) is not None
        return is_excused or self._reconciler.is_restless(namespace)

    async def _prepare(self, order: Order) -> Mapping[str, Any]:
        """Know that a collection is being filled, and make it as it is on legacy."""
        self._check()
        self._end_holds(order.namespace)
        options = await self._options(order.namespace)
        await self._entering.enter(order.namespace, FillingState.COPYING)
        await self._tell_others(order.namespace)
        create = _operation(order.namespace, Kind.CREATE, options)
        footprint = Footprint(namespace=order.namespace, keys=None, writes=True)
        outcome = await result_of(self._sides.runner, (footprint,), partial(self._define, create))
        failed = outcome.result
        if isinstance(failed, Failure) and failed.code != NAMESPACE_EXISTS:
            raise RefusedError(
                f"the gateway refuses to make the collection, with code {failed.code}",
                where=order.namespace,
                remedy="make it on the gateway through the sidecar, then repeat the command",
            )
        return {}

    async def _tell_others(self, namespace: str) -> None:
        """Have all sidecars know that differences in a collection prove nothing."""
        try:
            async with asyncio.timeout(CATCH_UP_S):
                await self._sides.peers.have_heard(namespace)
        except TimeoutError:
            raise RefusedError(
                "another sidecar of this gateway does not answer",
                where=namespace,
                remedy="see with `parallax status` that it keeps up, or stop it; then repeat the command",
            ) from None

    async def _options(self, namespace: str) -> Mapping[str, Any]:
        name = namespace.partition(".")[2]
        asked = {"filter": {"name": name, "type": "collection"}}
        listing = replace(_operation(namespace, Kind.LIST_COLLECTIONS, asked), collection="")
        outcome = await self._sides.legacy_outage.endure(lambda: self._sides.legacy.run(listing))
        if not isinstance(outcome.result, Documents) or not outcome.result.documents:
            raise RefusedError(
                "MongoDB has no such collection",
                where=namespace,
                remedy="name one that exists; views and time series have no documents of their own",
            )
        options: Mapping[str, Any] = decode(outcome.result.documents[0]).get("options", {})
        return options

    async def _hold(self, order: Order) -> Mapping[str, Any]:
        """Let a collection stand still from here on."""
        self._end_holds(order.namespace)
        await self._catch_up(order.namespace)
        hold = _Hold(namespace=order.namespace)
        begun = asyncio.Event()
        within_s = order.payload["within_s"]

        async def stand_still() -> None:
            try:
                # The others stand as well, and one that comes meanwhile waits until this is over.
                async with asyncio.timeout(within_s), self._sides.peers.standing():
                    self._holds[order.id] = hold
                    begun.set()
                    await hold.released.wait()
            except TimeoutError:
                # Whoever asked for it is gone. What waits may wait no longer.
                hold.released.set()
            finally:
                begun.set()
                async with hold.merging:
                    self._holds.pop(order.id, None)

        footprint = Footprint(namespace=order.namespace, keys=None, writes=True)
        self._sides.runner.submit(Work((footprint,), stand_still))
        await begun.wait()
        return {"hold": order.id, "log": self._log}

    def _end_holds(self, namespace: str) -> None:
        """End what an earlier command holds: one fills a collection at a time, so that one is gone."""
        for hold in self._holds.values():
            if hold.namespace == namespace:
                hold.released.set()

    async def _catch_up(self, namespace: str) -> None:
        try:
            async with asyncio.timeout(CATCH_UP_S):
                await self._sides.quiet.settled(frozenset({namespace}))
        except TimeoutError:
            return

    async def _merge(self, order: Order) -> Mapping[str, Any]:
        """Put what was staged into its collection, unless that went on meanwhile."""
        payload = order.payload
        hold = self._holds.get(payload["hold"])
        if hold is None:
            return {"merged": False}
        staged = Staged(
            table=payload["table"],
            rows=payload["rows"],
            lower=payload["lower"],
            upper=payload["upper"],
        )
        async with hold.merging:
            if hold.released.is_set():
                return {"merged": False}
            merged = await self._sides.gateway_outage.endure(
                lambda: self._sides.gateway.merge(order.namespace, staged)
            )
        return {"merged": merged}

    async def _release(self, order: Order) -> Mapping[str, Any]:
        """Let a collection go on."""
        hold = self._holds.get(order.payload["hold"])
        if hold is not None:
            hold.released.set()
        return {}

    async def _complete(self, order: Order) -> Mapping[str, Any]:
        """Make the indexes as on legacy; what is written from here on must be equal."""
        namespace = order.namespace
        # What is on a log now may have met documents that had its effects already.
        await self._sides.quiet.read(frozenset({namespace}), _nothing)
        async with self._admission.alone():
            indexes = await self._indexes(namespace)
            footprint = Footprint(namespace=namespace, keys=None, writes=True)
            make = partial(self._make_all, namespace, indexes)
            refused = await result_of(self._sides.runner, (footprint,), make)
            self._expiries.forget()
            self._stock.set(namespace, FillingState.SETTLING)
        await self._entering.enter(namespace, FillingState.SETTLING)
        return {"indexes": len(indexes) - len(refused), "refused": refused}

    async def _indexes(self, namespace: str) -> list[Mapping[str, Any]]:
        listing = _operation(namespace, Kind.LIST_INDEXES, {})
        outcome = await self._sides.legacy_outage.endure(lambda: self._sides.legacy.run(listing))
        if not isinstance(outcome.result, Documents):
            return []
        found = map(decode, outcome.result.documents)
        return [
            {name: value for name, value in each.items() if name not in OF_THE_SERVER}
            for each in found
            if each["name"] != "_id_"
        ]

    async def _make_all(self, namespace: str, indexes: list[Mapping[str, Any]]) -> dict[str, str]:
        """Make indexes, and return why some could not be, by their names."""
        refused = {}
        async with self._sides.peers.standing():
            for specification in indexes:
                asked = _operation(namespace, Kind.CREATE_INDEXES, {"indexes": [specification]})
                name = str(specification["name"])
                try:
                    outcome = await self._run(asked)
                except UnsupportedError as error:
                    refused[name] = error.what
                    continue
                if isinstance(outcome.result, Failure):
                    refused[name] = f"refused with code {outcome.result.code}"
        return refused

    async def _define(self, operation: Operation) -> Any:
        # Within its lane: whoever else stands still does so at its own turn.
        async with self._sides.peers.standing():
            return await self._run(operation)

    async def _run(self, operation: Operation) -> Any:
        return await self._sides.gateway_outage.endure(
            lambda: self._sides.gateway.run(operation, generated=GENERATED)
        )


@dataclass(frozen=True, slots=True)
class _Performing:
    """A performer from a function."""

    perform_one: Callable[[Order], Awaitable[Mapping[str, Any]]]

    async def perform(self, order: Order) -> Mapping[str, Any]:
        return await self.perform_one(order)


async def _nothing() -> None:
    """Stand for a reading of which only the moment matters."""


def _operation(namespace: str, kind: Kind, arguments: Mapping[str, Any]) -> Operation:
    database, _, collection = namespace.partition(".")
    return Operation(database=database, collection=collection, kind=kind, arguments=arguments)
