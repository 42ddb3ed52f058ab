"""Which documents other verifiers wrote, and up to which clock."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from adapters.board import Touch
from proxy.shadow.sequence import share

_REMEMBERED: Final = 100_000


class Others:
    """The last write of each document by others, as told on the board."""

    def __init__(self) -> None:
        self._documents: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        self._collections: dict[str, int] = {}
        self._latest: dict[str, int] = {}
        self._forgotten = 0

    def note(self, touches: Iterable[Touch]) -> None:
        """Note what was written."""
        for touch in touches:
            namespace, key, clock = touch.namespace, touch.key, touch.clock
            if not namespace:
                self._forgotten = max(self._forgotten, clock)
                continue
            self._latest[namespace] = max(clock, self._latest.get(namespace, 0))
            if key is None:
                self._collections[namespace] = max(clock, self._collections.get(namespace, 0))
            else:
                before = self._documents.pop((namespace, key), 0)
                self._documents[namespace, key] = max(clock, before)
        while len(self._documents) > _REMEMBERED:
            _, clock = self._documents.popitem(last=False)
            self._forgotten = max(self._forgotten, clock)

    def forget(self, clock: int) -> None:
        """Know nothing of what was written up to a clock: any document may have been."""
        self._forgotten = max(self._forgotten, clock)

    def wrote(self, namespace: str, keys: Iterable[bytes] | None, clock: int) -> bool:
        """Return whether one of the documents may have been written after a clock; None for any document."""
        if self._forgotten > clock:
            return True
        if keys is None:
            return self._has_later(self._latest, namespace, clock)
        if self._has_later(self._collections, namespace, clock):
            return True
        return any(self._documents.get((namespace, key), 0) > clock for key in keys)

    def _has_later(self, clocks: dict[str, int], namespace: str, clock: int) -> bool:
        asked = frozenset({namespace})
        return any(
            latest > clock and share(asked, frozenset({written}))
            for written, latest in clocks.items()
        )
