"""What a conversation shares with all others. `Listener` is the one that serves."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

from proxy.wire.captor import Capture
from proxy.wire.complaints import Complaints
from proxy.wire.counters import Counters, Refusal
from proxy.wire.flagging import Flagging
from proxy.wire.gateway import GatewaySide
from proxy.wire.legacy import Address
from proxy.wire.otherside import OtherSide
from proxy.wire.outcomes import Outcomes
from proxy.wire.protocol.handover import Handover
from proxy.wire.serving import ServedReads
from proxy.wire.upstream import Upstream


class Reached(NamedTuple):
    """Who answers a conversation: MongoDB at an address, or the gateway instead of it."""

    transport: asyncio.Transport
    side: OtherSide
    address: Address | None
    is_through: bool


class Guest(Protocol):
    """A conversation, as far as those who keep all of them know it."""

    legacy_address: Address | None
    """None until legacy is reached."""

    async def reach_legacy(self) -> None:
        """Connect to legacy and begin to read the client; close the client if that fails."""

    def flags_changed(self) -> None:
        """Ask the flags again."""

    def primary_changed(self) -> None:
        """Close: legacy is no longer where this conversation goes."""

    @property
    def is_quiet(self) -> bool:
        """Whether nothing of it is under way."""

    def wait_to_cross(self) -> None:
        """Begin nothing new."""

    def stay(self) -> None:
        """Go on where it was."""

    def cross(self) -> None:
        """Go on with the other side."""

    def drain(self) -> None:
        """Take no more requests, and close as soon as the open ones are answered."""

    def abort(self) -> None:
        """End both connections at once."""


class Premises(Protocol):
    """Where conversations live."""

    capture: Capture
    upstream: Upstream
    counters: Counters
    complaints: Complaints
    advertise: str | None
    """What `hello` names; None for the address at which the client reached us."""
    flags: Flagging | None
    """None where there are none: everything is in `shadow`."""
    gateway: GatewaySide | None
    """None where nothing can be answered from there, whatever flags say."""
    outcomes: Outcomes | None
    """None where no write can wait for the gateway, whatever flags say."""

    def entered(self, conversation: Guest) -> int:
        """Note a new conversation and return its number."""
        ...

    def refusal(self) -> Refusal | None:
        """Return why no further client is served; None if one is."""
        ...

    def met(self, number: int, client: str) -> None:
        """Note what a driver says of the application and of itself; empty where it says nothing."""

    def left(self, conversation: Guest) -> None:
        """Forget a conversation that is over."""

    @property
    def is_through(self) -> bool:
        """Whether the gateway answers instead of MongoDB."""
        ...

    async def reach(self, factory: Callable[[], OtherSide], handover: Handover) -> Reached:
        """Connect to whoever has the last word; UnreachableError where that cannot be."""
        ...

    def connect(self, conversation: Guest) -> None:
        """Run `conversation.reach_legacy()` as a task."""

    def in_doubt(self) -> None:
        """Note that somebody has left without an answer, and may ask again."""

    def connect_gateway(self, reads: ServedReads) -> None:
        """Run `reads.connect()` as a task."""

    def noted(self) -> None:
        """Have the capture flushed soon."""

    def flush(self) -> None:
        """Write what was captured onto the log now."""
