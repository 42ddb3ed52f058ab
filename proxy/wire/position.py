"""How far the log is applied on the gateway, as the relay looks at it. `proxy.capture.Applied` is one that tells; tests bring another."""

from typing import Final, Protocol

NEAR_BYTES: Final = 256 * 1024
"""Of the log: what is missing is there in a moment."""


class Position(Protocol):
    """Tells how far the log is applied."""

    def position(self, namespace: str) -> int:
        """Return the position below which every write of a collection is applied; 0 where that is unknown."""
        ...

    @property
    def of_all(self) -> int:
        """Return the position below which every write is applied; 0 where that is unknown."""
        ...

    def lacks(self, namespace: str) -> bool:
        """Return whether the gateway may not have all documents of a collection from before the log."""
        ...
