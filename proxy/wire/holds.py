"""Why a client is not read at the moment; it is read again once no reason is left."""

import asyncio
from enum import IntEnum


class Hold(IntEnum):
    """A reason."""

    CONNECTING = 1
    LEGACY_FULL = 2
    WAITING = 4
    ENDING = 8
    SERVING = 16
    """The gateway was asked for its last read."""
    CROSSING = 32
    """Everybody goes to the other side as soon as nothing is under way."""


class Holds:
    """The reasons that hold one client."""

    __slots__ = ("client", "reasons")

    def __init__(self) -> None:
        self.client: asyncio.Transport | None = None
        self.reasons = 0
        """Members of `Hold`, as a bare int: looked at for every message."""

    def hold(self, reason: Hold) -> None:
        """Do not read the client."""
        if not self.reasons and self.client is not None and not self.client.is_closing():
            self.client.pause_reading()
        self.reasons |= reason.value

    def release(self, reason: Hold) -> None:
        """Read the client again, as far as this reason goes."""
        before, self.reasons = self.reasons, self.reasons & ~reason.value
        if before and not self.reasons:
            self.read_on()

    def read_on(self) -> None:
        """Read the client."""
        if self.client is not None and not self.client.is_closing():
            self.client.resume_reading()
