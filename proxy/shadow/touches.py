"""Which documents were written lately, and at which place in the log.

Whoever compares a document outside the order of the log (state checks, rechecks, reconciliation)
asks here whether a write came in between: then the comparison says nothing and is repeated.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

_REMEMBERED: Final = 200_000


class Touches:
    """The last write of each document, by namespace and document key."""

    def __init__(self, told: Callable[[str, Iterable[bytes] | None], None] | None = None) -> None:
        """`told` hears of each write, with None for any document of a collection."""
        self._told = told
        self._documents: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        self._collections: dict[str, int] = {}
        self._latest: dict[str, int] = {}
        self._forgotten = 0

    def note(self, namespace: str, keys: Iterable[bytes], position: int) -> None:
        """Note that the write answered at a position touched these documents."""
        if self._told is not None:
            keys = list(keys)
            self._told(namespace, keys)
        for key in keys:
            entry = (namespace, key)
            self._documents[entry] = max(position, self._documents.pop(entry, 0))
            self._latest[namespace] = max(position, self._latest.get(namespace, 0))
        while len(self._documents) > _REMEMBERED:
            _, forgotten = self._documents.popitem(last=False)
            self._forgotten = max(self._forgotten, forgotten)

    def note_collection(self, namespace: str, position: int) -> None:
        """Note a write that may have touched any document of a collection.

        `database.` stands for every collection of a database.
        """
        if self._told is not None:
            self._told(namespace, None)
        self._collections[namespace] = max(position, self._collections.get(namespace, 0))
        self._latest[namespace] = max(position, self._latest.get(namespace, 0))

    def since(self, namespace: str, key: bytes, position: int) -> bool:
        """Return whether a document may have been written after a position of the log."""
        of_all = self._collections.get(namespace, 0)
        if max(of_all, self._of_database(namespace), self._forgotten) > position:
            return True
        return self._documents.get((namespace, key), 0) > position

    def any_since(self, namespace: str, position: int) -> bool:
        """Return whether any document of a collection was written after a position."""
        latest = self._latest.get(namespace, 0)
        return max(latest, self._of_database(namespace), self._forgotten) > position

    def _of_database(self, namespace: str) -> int:
        return self._collections.get(namespace[: namespace.find(".") + 1], 0)
