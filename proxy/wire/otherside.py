"""A conversation's connection to whoever answers it: MongoDB, or the gateway instead."""

import asyncio
from typing import Protocol, cast


class Answered(Protocol):
    """The conversation."""

    def legacy_data_received(self, data: bytes) -> None:
        """Forward replies."""

    def legacy_lost(self) -> None:
        """End."""

    def legacy_full(self) -> None:
        """Send no more for a while."""

    def legacy_ready(self) -> None:
        """Send again."""


class OtherSide(asyncio.Protocol):
    """Hand everything to the conversation, until it goes on without this."""

    def __init__(self, conversation: Answered) -> None:
        self._conversation: Answered | None = conversation
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def hand_over(self, answered: Answered) -> None:
        """Have somebody else hear of what comes from here on."""
        self._conversation = answered

    def write(self, raw: bytes) -> None:
        """Send something."""
        if self._transport is not None:
            self._transport.write(raw)

    def drop(self) -> None:
        """Close, and let nobody hear of it."""
        self._conversation = None
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self._conversation is not None:
            self._conversation.legacy_data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self._conversation is not None:
            self._conversation.legacy_lost()

    def pause_writing(self) -> None:
        if self._conversation is not None:
            self._conversation.legacy_full()

    def resume_writing(self) -> None:
        if self._conversation is not None:
            self._conversation.legacy_ready()
