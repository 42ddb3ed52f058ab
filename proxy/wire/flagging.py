"""What the relay needs of feature flags. `proxy.flags.flags.Flags` is one; without any everything is in `shadow`."""

from typing import Final, Protocol

from proxy.flags.asking import Asking
from proxy.flags.phases import Direction, Phase
from proxy.wire.protocol.framing import Frame
from proxy.wire.protocol.hello import application_of
from proxy.wire.protocol.message import Request

MAX_REMEMBERED: Final = 1_000
"""Phases that one conversation keeps: an application reads from fewer collections."""


class Flagging(Protocol):
    """Say what holds for who asks."""

    def phase(self, direction: Direction, asking: Asking) -> Phase: ...


class Phases:
    """The phases of one conversation's operations: asked for once, then one look-up each until the flags change."""

    __slots__ = ("_application", "_client", "_connection", "_flags", "_known")

    def __init__(self, flags: Flagging, *, connection: int, client: str) -> None:
        self._flags = flags
        self._connection = connection
        self._client = client
        self._known: dict[tuple[str, str], Phase] = {}
        self._application = ""

    def of_read(self, request: Request) -> Phase:
        """Return the phase of a read."""
        return self._of(Direction.READS, request)

    def of_write(self, request: Request) -> Phase:
        """Return the phase of a write."""
        return self._of(Direction.WRITES, request)

    def _of(self, direction: Direction, request: Request) -> Phase:
        key = (request.namespace, request.command)
        phase = self._known.get(key)
        if phase is None:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            asking = Asking(
                request.namespace,
                request.command,
                self._connection,
                self._client,
                self._application,
            )
            phase = self._known[key] = self._flags.phase(direction, asking)
        return phase

    def met(self, hello: Frame) -> None:
        """Note what the driver calls the application."""
        application = application_of(hello)
        if application and application != self._application:
            self._application = application
            self.forget()

    def forget(self) -> None:
        """Ask again: the flags have changed, or who asks is known better."""
        self._known.clear()
