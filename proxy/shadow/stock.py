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
        self._born: set[tuple[str, bytes]] = set()
        self._waiting: list[asyncio.Event] = []
        self.version = 0
        """How often what the ledger tells was changed here."""

    def load(self, states: Mapping[str, FillingState]) -> None:
        """Take over what the ledger tells."""
        self._states = dict(states)

    def suspect(self, namespaces: Iterable[str]) -> None:
        """Know that all collections but these have nothing from before."""
        self._unknown = set(namespaces)
        self._born = {each for each in self._born if each[0] in self._unknown}
        self._wake()

    def set(self, namespace: str, state: FillingState) -> None:
        """Know how much of a collection the gateway has."""
        self._states[namespace] = state
        self.clear(namespace)

    def hear(self, states: Mapping[str, FillingState]) -> None:
        """Take over what another verifier has entered; what is known here alone stays."""
        for namespace, state in states.items():
            self.set(namespace, state)

    def clear(self, namespace: str) -> None:
        """Know of a collection that the survey has looked at it."""
        if self._unknown is not None:
            self._unknown.discard(namespace)
            self._born = {each for each in self._born if each[0] in self._unknown}
        self._wake()

    def bear(self, namespace: str, keys: Iterable[bytes]) -> None:
        """Note documents that a write of the log made, for the survey to tell from those that were there before."""
        if self.is_unknown(namespace):
            self._born.update((namespace, key) for key in keys)

    def is_born(self, namespace: str, key: bytes) -> bool:
        """Return whether a document of a collection that is still unknown was made by a write of the log."""
        return (namespace, key) in self._born

    @property
    def is_surveyed(self) -> bool:
        """Whether of every collection something is known."""
        return self._unknown is not None and not self._unknown

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

    def filling(self) -> list[str]:
        """Return the collections that are being filled."""
        states = self._states.items()
        return [namespace for namespace, state in states if state is FillingState.COPYING]

    def settling(self) -> list[str]:
        """Return the collections of which some documents may still differ."""
        states = self._states.items()
        return [namespace for namespace, state in states if state is FillingState.SETTLING]

    def lacking(self) -> frozenset[str]:
        """Return the collections in which a difference says nothing."""
        return frozenset(each for each, state in self._states.items() if state in _REASONS)

    def excuse(self, namespace: str) -> str | None:
        """Return why a document that is written now may differ, None where it may not."""
        is_settling = self._states.get(namespace) is FillingState.SETTLING
        return None if is_settling else self.reason(namespace)

    def reason(self, namespace: str) -> str | None:
        """Return why a difference in a collection says nothing, None where it does."""
        state = self._states.get(namespace)
        return None if state is None else _REASONS.get(state)
