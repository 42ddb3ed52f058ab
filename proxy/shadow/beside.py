"""The verifier's end of the socket on which a relay waits for writes; what is asked there, and what is answered.

The relay listens: it is there as long as anybody waits. Where it is not, nobody does, and this end looks again.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, cast

import structlog

from comparators.errors import WireError
from proxy.ledger.entries import EventKind
from proxy.shadow.awaited import Awaited, ReplyOf
from proxy.wire.protocol.awaiting import Messages, Told, asked_in, early_in, telling

_log = structlog.get_logger()

AGAIN_S: Final = 0.1


class Happened(Protocol):
    """Enters an event into the ledger."""

    def __call__(self, kind: EventKind, *, namespace: str, n: int, detail: str) -> None: ...


class Beside:
    """One per verifier."""

    def __init__(self, path: Path, reply_of: ReplyOf) -> None:
        self._path = path
        self.awaited: Final = Awaited(reply_of)

    async def run(
        self,
        *,
        is_open: Callable[[int], bool],
        grown: Callable[[], None],
        happened: Happened,
    ) -> None:
        """Listen to the relay until cancelled.

        `is_open` says whether a write is ahead, or has no verdict yet; `grown` is called when the log may have grown.
        """
        loop = asyncio.get_running_loop()
        answering = partial(_Line, self.awaited, is_open=is_open, grown=grown, happened=happened)
        while True:
            try:
                _, line = await loop.create_unix_connection(answering, str(self._path))
            except OSError:
                await asyncio.sleep(AGAIN_S)
                continue
            try:
                await line.ended.wait()
            finally:
                line.close()


class _Line(asyncio.Protocol):
    """One connection."""

    def __init__(
        self,
        awaited: Awaited,
        *,
        is_open: Callable[[int], bool],
        grown: Callable[[], None],
        happened: Happened,
    ) -> None:
        self._awaited = awaited
        self._is_open = is_open
        self._grown = grown
        self._happened = happened
        self._messages = Messages()
        self._transport: asyncio.Transport | None = None
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._awaited.connected(self._tell)

    def data_received(self, data: bytes) -> None:
        self._messages.receive(data)
        try:
            while (message := self._messages.next_message()) is not None:
                self._take(message)
        except WireError as error:
            _log.warning("relay_not_understood", error=error.what)
            self.close()
        self._grown()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._awaited.lost()
        self.ended.set()

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _take(self, message: Any) -> None:
        position = asked_in(message)
        if position is not None:
            self._awaited.asks(position, is_open=self._is_open(position))
            return
        early = early_in(message)
        if early is not None:
            self._happened(
                EventKind.ACKNOWLEDGED_EARLY,
                namespace=early.namespace,
                n=early.n,
                detail=early.reason,
            )

    def _tell(self, told: Told) -> None:
        if self._transport is not None:
            self._transport.write(telling(told))
