"""What follows an operation: doubtful documents are reconciled, states compared, suspects asked again.

The verifier beside a relay asks legacy for it; a replay has nothing but the log.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from proxy.ledger.entries import Writer
from proxy.shadow.recheck import Suspect
from proxy.shadow.reconcile import Case
from proxy.shadow.states import Whole


class Reconciling(Protocol):
    """Deals with writes that are not replayed by guess."""

    def __len__(self) -> int:
        """Return how many are under way."""

    def disputes(self, namespace: str) -> str | None:
        """Return why a difference in a collection says nothing now, None where it does."""

    async def open(self, case: Case) -> None:
        """Begin with the documents of exchanges; called from work that holds their collections."""


class Owing(Protocol):
    """Knows which stored documents are still to be compared."""

    def __len__(self) -> int:
        """Return how many are still owed."""

    def owe(
        self,
        namespace: str,
        identifiers: Iterable[Any],
        position: int,
        *,
        excuse: str | None = None,
        generated: bool = False,
        writer: Writer | None = None,
    ) -> None:
        """Note that documents were written and are to be compared."""

    def owe_all(self, whole: Whole) -> None:
        """Note that a write may have touched any document of a collection."""

    def awaits_clock(self, namespace: str) -> bool:
        """Return whether a collection holds values of the gateway's clock that legacy's are to replace."""

    def excuse_of(self, namespace: str, keys: Iterable[bytes] | None) -> str | None:
        """Return why one of these documents may differ until it is compared, None where none may; None asks for any."""

    def oldest(self, position: int) -> int:
        """Return the oldest write whose state is still to be compared."""

    def take_unpaid(self) -> dict[str, int]:
        """Return how many documents per collection had to be let go, and begin anew."""


class Rechecking(Protocol):
    """Decides about reads whose two answers differ."""

    async def take(self, suspect: Suspect) -> None:
        """Decide about a suspect, now or later; called from work that holds its collections."""
