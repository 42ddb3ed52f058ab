"""Tell the relay how far the log is applied on the gateway, so that no read it serves from there misses a write."""

import time
from collections.abc import Iterable
from typing import Final

import structlog

from adapters.gateway import Gateway
from proxy.capture.applied import ANYTHING, Applied
from proxy.flags.reversal import ALL
from proxy.flags.rollback import RollBack
from proxy.shadow.frontier import Frontier
from proxy.shadow.peers import Peers
from proxy.shadow.progress import Progress
from proxy.shadow.reconcile import Reconciler
from proxy.shadow.states import States
from proxy.shadow.stock import Stock
from proxy.shadow.units import Lost, Unit, Unreadable

_log = structlog.get_logger()

_REMEDY: Final = "make room on the disk of [capture] directory, and start the verifier again"


class Telling:
    """What may be told, and when: too little costs a read that MongoDB answers, too much a wrong answer.

    A write counts as applied once it has its verdict. While documents are known that may differ all the same (values of
    MongoDB's clock that are still to be taken over, writes whose order nobody knows, a difference that is looked at
    again, documents that are read anew) nothing further is told of their collection. Nor is it of one with a confirmed
    difference, until its flag was set back and the relay knows.
    """

    def __init__(
        self,
        applied: Applied | None,
        *,
        gateway: Gateway,
        frontier: Frontier,
        progress: Progress,
        states: States,
        reconciler: Reconciler,
        peers: Peers,
        stock: Stock,
        roll_back: RollBack | None,
    ) -> None:
        self._applied = applied
        self._gateway = gateway
        self._frontier = frontier
        self._progress = progress
        self._states = states
        self._reconciler = reconciler
        self._peers = peers
        self._stock = stock
        self._roll_back = roll_back
        self._lacking: frozenset[str] | None = None
        """What was told of last, None at first."""
        self._epoch = time.time_ns()
        self._has_holes = False
        self._began: int | None = progress.accepted
        """Where the log is read from, until what a verifier before this one left to be compared is compared."""
        if applied is not None:
            applied.begin(self._epoch)

    def withhold(self) -> None:
        """Tell nothing any more, so that MongoDB answers everything."""
        self._has_holes = True

    def tell(self, units: Iterable[Unit]) -> None:
        """Tell how far it is, given what has just been read."""
        applied = self._applied
        if applied is None:
            return
        if any(isinstance(unit, Lost | Unreadable) for unit in units):
            # Writes may be missing of which nobody knows what they wrote.
            self._has_holes = True
        self._tell_lacking(applied)
        applied.tell_definitions(self._epoch + self._gateway.definitions)
        if self._is_unknown():
            applied.tell_nothing()
        else:
            oldest = ((_named(each), start) for each, start in self._frontier.oldest_writes())
            applied.tell(self._progress.accepted, oldest, self._doubtful())

    def _tell_lacking(self, applied: Applied) -> None:
        lacking = self._stock.lacking()
        if lacking == self._lacking:
            return
        try:
            applied.tell_lacking(lacking)
        except OSError as error:
            _log.error("roll_back_failed", error=error.strerror, remedy=_REMEDY)
            self.withhold()
        self._lacking = lacking

    def _is_unknown(self) -> bool:
        """Return whether there may be documents from before the log, or writes that are on none or on another one."""
        return (
            not self._stock.is_surveyed
            or self._has_holes
            or self._owes_from_before()
            or self._peers.has_company
            or self._peers.are_silent
        )

    def _doubtful(self) -> Iterable[str]:
        """Return the collections of documents that may differ, or do."""
        doubted = () if self._roll_back is None else self._roll_back.doubted()
        return map(_named, {*self._reconciler.disputed, *self._states.doubtful(), *doubted})

    def _owes_from_before(self) -> bool:
        """Return whether what a verifier before this one has left is still to be compared."""
        if self._began is not None and self._states.oldest(self._began) >= self._began:
            self._began = None
        return self._began is not None


def _named(namespace: str) -> str:
    """Return the name of a collection, ANYTHING for what stands for several."""
    return ANYTHING if namespace == ALL or namespace.endswith(".") else namespace
