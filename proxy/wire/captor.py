"""What the relay needs of a capture log. `proxy.capture.CaptureWriter` is one; tests bring another."""

from typing import Protocol


class Capture(Protocol):
    """Take what passed, in the order of the calls; never raise and never make the relay wait for room."""

    def intent(self, *, connection: int, received_ns: int, request: bytes, collection: str) -> int:
        """Put a write on the log before it is forwarded; return its position."""
        ...

    def reply(
        self,
        *,
        connection: int,
        received_ns: int,
        legacy_ns: int,
        overhead_ns: int,
        intent: int,
        reply: bytes,
        collection: str,
    ) -> None:
        """Note the answer to a write; empty if none came or none was asked for."""
        ...

    def exchange(
        self,
        *,
        connection: int,
        received_ns: int,
        legacy_ns: int,
        overhead_ns: int,
        request: bytes,
        reply: bytes,
        collection: str,
    ) -> None:
        """Note a read and its answer."""
        ...

    def closed(self, *, connection: int, received_ns: int) -> None:
        """Note that a client's connection ended."""
        ...

    def flush(self) -> None:
        """Write what was noted. Called within a millisecond of anything noted, and about once a second."""
        ...
