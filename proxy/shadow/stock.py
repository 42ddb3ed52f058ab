"""Which collections hold documents that the gateway does not have, because they are from before the sidecar.

Until such a collection is backfilled a difference in it says nothing: the gateway answers from a part of the
documents. Its writes are applied as far as they can be, and what they touch is made equal.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from proxy.ledger.fillings import FillingState

_REASONS: Final[Mapping[FillingState, str]] = {
    FillingState.PENDING: "its collection holds documents from before the sidecar and is not backfilled yet",
    FillingState.COPYING: "its collection is being backfilled",
    FillingState.SETTLING: "its collection was backfilled, and not all that was written meanwhile is compared",
}
"""Reasons of `not_comparable`."""


class Stock:
    """What is known of each collection. Before the first survey is over, of some nothing is known."""

    def __init__(self) -> None:
        self._states: dict[str, FillingState] = {}
        self._unknown: set[str] | None = None
        self._waiting: list[asyncio.Event] = []

    def load(self, states: Mapping[str, FillingState]) -> None:
        """Take over what the ledger tells."""
        self._states = dict(states)

    def suspect(self, namespaces: Iterable[str]) -> None:
        """Know that all collections but these have nothing from before."""
        self._unknown = set(namespaces)
        self._wake()

    def set(self, namespace: str, state: FillingState) -> None:
        """Know how much of a collection the gateway has."""
        self._states[namespace] = state
        self.clear(namespace)

    def clear(self, namespace: str) -> None:
        """Know of a collection that the survey has looked at it."""
        if self._unknown is not None:
            self._unknown.discard(namespace)
        self._wake()

    def is_unknown(self, namespace: str) -> bool:
        """Return whether nobody has looked yet: a difference can wait."""
        return self._unknown is None or namespace in self._unknown

    async def known(self, namespaces: Iterable[str]) -> None:
        """Wait until of all these collections something is known."""
        wanted = list(namespaces)
        while any(map(self.is_unknown, wanted)):
            changed = asyncio.Event()
            self._waiting.append(changed)
            await changed.wait()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for changed in waiting:
            changed.set()

    def settling(self) -> list[str]:
        """Return the collections of which some documents may still differ."""
        states = self._states.items()
        return [namespace for namespace, state in states if state is FillingState.SETTLING]

    def excuse(self, namespace: str) -> str | None:
        """Return why a document that is written now may differ, None where it may not."""
        is_settling = self._states.get(namespace) is FillingState.SETTLING
        return None if is_settling else self.reason(namespace)

    def reason(self, namespace: str) -> str | None:
        """Return why a difference in a collection says nothing, None where it does."""
        state = self._states.get(namespace)
        return None if state is None else _REASONS.get(state)
