"""MongoDB's connection of a conversation that has gone on with the gateway: its cursors are read to their end there."""

from collections.abc import Callable
from typing import Final

from proxy.wire.otherside import OtherSide
from proxy.wire.protocol.framing import REPLY_OPCODES, Frame, Framer


class Former:
    """Asked one thing at a time. What is lost with it is told as an end of the conversation, if somebody waits for it."""

    def __init__(
        self, side: OtherSide, *, given: Callable[[Frame], None], lost: Callable[[], None]
    ) -> None:
        """`given` gets each reply; `lost` is called where one will never come."""
        self._side: Final = side
        self._given = given
        self._lost = lost
        self._framer = Framer(peer="legacy", opcodes=REPLY_OPCODES)
        self.is_there = True
        self.is_asked = False
        side.hand_over(self)

    def ask(self, raw: bytes) -> None:
        """Send a request about MongoDB's cursors."""
        self.is_asked = True
        self._side.write(raw)

    def close(self) -> None:
        """Let go of the connection."""
        self.is_there = False
        self._side.drop()

    def legacy_data_received(self, data: bytes) -> None:
        """Pass a reply on once it is whole."""
        self._framer.receive(data)
        while (frame := self._framer.next_frame()) is not None:
            self.is_asked = False
            self._given(frame)

    def legacy_lost(self) -> None:
        """Be there no more."""
        self.is_there = False
        if self.is_asked:
            self._lost()

    def legacy_full(self) -> None:
        """Requests about cursors are small."""

    def legacy_ready(self) -> None:
        """Requests about cursors are small."""
