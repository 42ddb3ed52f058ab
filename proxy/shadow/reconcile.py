"""Read documents from legacy again and make the gateway equal, where replaying would be a guess.

For writes in doubt (no answer was seen), writes the gateway cannot run, and documents whose order of writes
the log cannot tell. The images are put under the ordering rules of every other write: an image is only put
where no write of that document was answered since the reading began, else it is read again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from adapters.gateway import Footprint
from comparators.canonical import document_key
from comparators.errors import UnsupportedError
from comparators.operation import Operation
from proxy.shadow.effects import made_by
from proxy.shadow.exchange import Exchange
from proxy.shadow.legacy import filters_of
from proxy.shadow.peers import DISPUTED
from proxy.shadow.quiet import Reading
from proxy.shadow.reach import everything_in, selections_of
from proxy.shadow.runner import CreateTask, result_of
from proxy.shadow.sides import Sides
from proxy.shadow.stock import Stock

_PAUSE_S: Final = 0.05
_AT_ONCE: Final = 500
_HOT_AFTER_S: Final = 20.0
"""How long documents are read again for somebody who waits, from when the verifier has caught up with the first reading."""
SETTLE_S: Final = 2.0
"""How long MongoDB may still be busy with a write whose client went away."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """Exchanges to reconcile; `done` is called when their documents are equal on both sides.

    `settles`: MongoDB may still be at work on them, so they are read a second time after a while.
    """

    exchanges: tuple[Exchange, ...]
    settles: bool
    done: Callable[[dict[str, list[Any]]], None]


class Reconciler:
    """Make documents of the gateway equal to legacy's."""

    def __init__(
        self,
        sides: Sides,
        *,
        stock: Stock,
        create_task: CreateTask,
    ) -> None:
        self._sides = sides
        self._stock = stock
        self._create_task = create_task
        self._disputed: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(self._disputed.values())

    def disputes(self, namespace: str) -> str | None:
        """Return why a difference in a collection says nothing, None where it does.

        Documents are being reconciled, here or by another sidecar, or the gateway does not have all of them.
        """
        if namespace in self._disputed:
            return DISPUTED
        return self._stock.reason(namespace) or self._sides.peers.disputes(namespace)

    def is_restless(self, namespace: str) -> bool:
        """Return whether a difference in a collection may be gone, or be explained, in a moment."""
        if namespace in self._disputed or self._stock.is_unknown(namespace):
            return True
        return self._sides.peers.disputes(namespace) == DISPUTED

    @property
    def disputed(self) -> tuple[str, ...]:
        """Return the collections whose documents are being reconciled here."""
        return tuple(self._disputed)

    async def open(self, case: Case) -> None:
        """Begin to reconcile the documents of exchanges, at this place of the order."""
        writes = [exchange for exchange in case.exchanges if exchange.writes]
        selections = [
            (exchange, selection)
            for exchange in writes
            for selection in selections_of(exchange.operation)
        ]
        for _, selection in selections:
            self._dispute(selection.namespace)
        # Here and not in the task: later writes may change what the filters ask for.
        found = [
            (exchange, selection, await self._on_gateway(selection))
            for exchange, selection in selections
        ]
        self._create_task(self._settle(case, found))

    def mend(
        self, namespace: str, identifiers: Sequence[Any], done: Callable[[], None] = lambda: None
    ) -> None:
        """Begin to make single documents equal; `done` is called when they are."""
        self._dispute(namespace)
        self._create_task(self._mend_and_tell(namespace, identifiers, done))

    async def _mend_and_tell(
        self, namespace: str, identifiers: Sequence[Any], done: Callable[[], None]
    ) -> None:
        await self._mend_known(namespace, identifiers)
        done()

    async def mended(self, namespace: str, identifiers: Sequence[Any]) -> list[Any]:
        """Make single documents equal; return those that were written each time before that was done."""
        wanted = {document_key(identifier): identifier for identifier in identifiers}
        self._dispute(namespace)
        try:
            wanted = await self._mend_once(namespace, wanted)
            deadline = asyncio.get_running_loop().time() + _HOT_AFTER_S
            while wanted and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(_PAUSE_S)
                wanted = await self._mend_once(namespace, wanted, deadline=deadline)
        finally:
            self._end_dispute(namespace)
        return list(wanted.values())

    async def _mend_known(self, namespace: str, identifiers: Sequence[Any]) -> None:
        try:
            await self._mend(namespace, identifiers)
        finally:
            self._end_dispute(namespace)

    async def _settle(
        self, case: Case, selections: Sequence[tuple[Exchange, Operation, list[Any]]]
    ) -> None:
        touched: dict[str, list[Any]] = {}
        try:
            for exchange, selection, on_gateway in selections:
                found = await self._candidates(exchange, selection, on_gateway)
                touched.setdefault(selection.namespace, []).extend(found)
                await self._mend(selection.namespace, found)
            if case.settles:
                await asyncio.sleep(SETTLE_S)
                for _, selection, _ in selections:
                    found = await self._on_legacy(selection)
                    touched[selection.namespace].extend(found)
                    await self._mend(selection.namespace, touched[selection.namespace])
        finally:
            for _, selection, _ in selections:
                self._end_dispute(selection.namespace)
        case.done(touched)

    async def _candidates(
        self, exchange: Exchange, operation: Operation, on_gateway: list[Any]
    ) -> list[Any]:
        """Return the `_id`s that a write may have touched on either side."""
        found = on_gateway + await self._on_legacy(operation) + made_by(exchange)
        return list({document_key(identifier): identifier for identifier in found}.values())

    async def _on_gateway(self, operation: Operation) -> list[Any]:
        try:
            return await self._matching(operation)
        except UnsupportedError:
            # What the gateway cannot select may be any document: all of both sides are candidates.
            everything = everything_in(operation, operation.namespace)
            return await self._matching(everything) + await self._on_legacy(everything)

    async def _matching(self, operation: Operation) -> list[Any]:
        return list(
            await self._sides.gateway_outage.endure(
                lambda: self._sides.gateway.matching_ids(operation)
            )
        )

    async def _on_legacy(self, operation: Operation) -> list[Any]:
        if not filters_of(operation):
            return []
        return await self._sides.legacy_outage.endure(
            lambda: self._sides.legacy.matching_ids(operation)
        )

    async def _mend(self, namespace: str, identifiers: Sequence[Any]) -> None:
        for first in range(0, len(identifiers), _AT_ONCE):
            await self._mend_some(namespace, identifiers[first : first + _AT_ONCE])

    async def _mend_some(self, namespace: str, identifiers: Sequence[Any]) -> None:
        wanted = {document_key(identifier): identifier for identifier in identifiers}
        while wanted:
            wanted = await self._mend_once(namespace, wanted)
            if wanted:
                await asyncio.sleep(_PAUSE_S)

    async def _mend_once(
        self, namespace: str, wanted: dict[bytes, Any], *, deadline: float | None = None
    ) -> dict[bytes, Any]:
        """Read documents and put them; return those that were written meanwhile, all where the reading takes too long."""
        try:
            # The reading alone may be broken off: what is being put is put.
            async with asyncio.timeout_at(deadline):
                reading = await self._sides.quiet.read(
                    frozenset({namespace}), partial(self._images, namespace, list(wanted.values()))
                )
        except TimeoutError:
            return wanted
        return await self._put(namespace, wanted, reading)

    async def _images(self, namespace: str, identifiers: Sequence[Any]) -> dict[bytes, bytes]:
        return await self._sides.legacy_outage.endure(
            lambda: self._sides.legacy.images(namespace, identifiers)
        )

    async def _put(
        self, namespace: str, wanted: dict[bytes, Any], reading: Reading[dict[bytes, bytes]]
    ) -> dict[bytes, Any]:
        """Put the images that are still true; return the documents that must be read again."""
        footprint = Footprint(namespace=namespace, keys=frozenset(wanted), writes=True)

        async def put() -> tuple[dict[bytes, Any], int | None]:
            async with self._sides.peers.standing() as stood:
                moved = {
                    key: identifier
                    for key, identifier in wanted.items()
                    if self._sides.moved(namespace, key, reading)
                }
                images = {
                    key: (identifier, reading.value.get(key))
                    for key, identifier in wanted.items()
                    if key not in moved
                }
                await self._sides.gateway_outage.endure(
                    lambda: self._sides.gateway.put_images(namespace, images)
                )
            return moved, stood

        moved, stood = await result_of(self._sides.runner, (footprint,), put)
        await self._sides.peers.have_stood(stood)
        # An image may have been put over what another sidecar wrote beside it.
        return moved | {
            key: identifier
            for key, identifier in wanted.items()
            if self._sides.peers.moved(namespace, key, reading.clock)
        }

    def _dispute(self, namespace: str) -> None:
        self._disputed[namespace] = self._disputed.get(namespace, 0) + 1

    def _end_dispute(self, namespace: str) -> None:
        left = self._disputed[namespace] - 1
        if left:
            self._disputed[namespace] = left
        else:
            del self._disputed[namespace]
