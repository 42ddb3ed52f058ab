"""What is said on one connection: a request, its reply, the next request."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final

import structlog

from comparators.errors import WireError
from proxy.serving.client import Client
from proxy.wire.protocol.framing import REQUEST_OPCODES, Frame, Framer
from proxy.wire.protocol.message import request_of
from proxy.wire.protocol.reply import reply_to

_log = structlog.get_logger()

READ_BYTES: Final = 256 * 1024

Answer = Callable[[bytes, Client], Awaitable[bytes]]


class Conversation:
    """Reads requests from one client and answers them in turn."""

    def __init__(
        self,
        answer: Answer,
        client: Client,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._answer = answer
        self._client = client
        self._reader = reader
        self._writer = writer
        self._framer = Framer(peer=client.peer, opcodes=REQUEST_OPCODES)
        self._numbers = count(1)
        self._is_draining = False
        self._is_busy = False

    def drain(self) -> None:
        """End after the reply that is due, at once when none is."""
        self._is_draining = True
        if not self._is_busy:
            self._writer.close()

    async def run(self) -> None:
        """Talk until the client leaves, breaks the protocol, or is sent away."""
        try:
            while not self._is_draining and (data := await self._reader.read(READ_BYTES)):
                self._framer.receive(data)
                while (frame := self._framer.next_frame()) is not None and not self._is_draining:
                    await self._exchange(frame)
        except WireError as error:
            _log.warning("wire_error", peer=self._client.peer, error=error.what)
        except OSError as error:
            _log.debug("client_left", peer=self._client.peer, error=error.strerror)
        finally:
            self._writer.close()

    async def _exchange(self, frame: Frame) -> None:
        self._is_busy = True
        try:
            wanted = request_of(frame).expects_reply
            try:
                document = await self._answer(frame.raw, self._client)
            except ValueError as error:
                raise WireError(
                    str(error),
                    where=self._client.peer,
                    remedy="check that the client speaks MongoDB's wire protocol",
                ) from error
            if wanted:
                self._writer.write(reply_to(frame, document, request_id=next(self._numbers)))
                await self._writer.drain()
        finally:
            self._is_busy = False
