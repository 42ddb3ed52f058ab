"""The cursors that an application reads from the gateway, each beside MongoDB's of the same read.

The application knows MongoDB's number alone. It reads on from the gateway as long as both sides have given the same documents; from the first
batch on that only MongoDB has given, it never does again.
"""

from typing import Final

MOST: Final = 10_000
"""Of older ones MongoDB alone gives the rest."""


class PairedCursors:
    """By MongoDB's number, the gateway's; of all connections of a relay, as drivers read on wherever they like."""

    def __init__(self) -> None:
        self._gateways: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._gateways)

    def pair(self, legacy: int, gateway: int) -> None:
        """Have a cursor read from the gateway."""
        if len(self._gateways) >= MOST:
            del self._gateways[next(iter(self._gateways))]
        self._gateways[legacy] = gateway

    def take(self, legacy: int) -> int | None:
        """Return the gateway's number, None where it has none, and part the two until they are paired again."""
        return self._gateways.pop(legacy, None)
