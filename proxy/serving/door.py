"""Where clients come in: by themselves at an address, or brought by a relay."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol

from comparators.errors import ParallaxError, SettingsError
from proxy.serving.client import Client
from proxy.serving.users import Users
from proxy.wire.protocol.handover import MAX_LINE_BYTES, handed

BACKLOG: Final = 1024

Accept = Callable[[Client, asyncio.StreamReader, asyncio.StreamWriter], None]
Answer = Callable[[], Awaitable[bytes]]


class Door(Protocol):
    """Listens."""

    async def opened(self, accept: Accept) -> asyncio.Server:
        """Listen, and have each client accepted."""
        ...

    def address(self, server: asyncio.Server) -> str:
        """Return where that is."""
        ...


class OpenDoor:
    """Listens at an address, with TLS where there is a context."""

    def __init__(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._numbers = count(1)

    async def opened(self, accept: Accept) -> asyncio.Server:
        """Listen; SettingsError if the address cannot be listened on."""

        def entered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connected = writer.get_extra_info("socket")
            if connected is not None and connected.family != socket.AF_UNIX:
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = Client(
                number=next(self._numbers),
                peer=_shown(writer.get_extra_info("peername")),
                reached=_shown(writer.get_extra_info("sockname")),
            )
            accept(client, reader, writer)

        try:
            return await asyncio.start_server(
                entered, self._host, self._port, ssl=self._tls, backlog=BACKLOG
            )
        except OSError as error:
            raise _not_bound(error, self._host, self._port) from error

    def address(self, server: asyncio.Server) -> str:
        """Return where that is."""
        return _shown(server.sockets[0].getsockname())


class InnerDoor:
    """Listens on a socket of the relay's user, who says whom he brings; what he asks himself is answered with a line."""

    def __init__(self, path: Path, *, asked: Answer, users: Users) -> None:
        self._path = path
        self._asked = asked
        self._users = users
        self._numbers = count(1)

    async def opened(self, accept: Accept) -> asyncio.Server:
        """Listen."""

        async def entered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                told = handed(await reader.readline())
            except (ValueError, OSError):
                writer.close()
                return
            if told.asks:
                await self._answer(writer)
                return
            if told.user and self._users.are_required and told.user not in self._users.names:
                # Nobody here: the driver connects anew, and is told why it cannot log in.
                writer.close()
                return
            client = Client(
                number=next(self._numbers), peer=told.peer, reached=told.reached, user=told.user
            )
            accept(client, reader, writer)

        # What a predecessor left behind when it was killed.
        self._path.unlink(missing_ok=True)
        return await asyncio.start_unix_server(
            entered, self._path, backlog=BACKLOG, limit=max(MAX_LINE_BYTES, 1 << 16)
        )

    def address(self, server: asyncio.Server) -> str:  # noqa: ARG002 - of the interface
        """Return where that is."""
        return str(self._path)

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await self._asked() + b"\n")
            await writer.drain()
        except (OSError, ParallaxError):
            # The relay asks again.
            return
        finally:
            writer.close()


def _shown(address: Any) -> str:
    host, port = (address or ("", 0))[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _not_bound(error: OSError, host: str, port: int) -> SettingsError:
    if error.errno == errno.EADDRINUSE:
        remedy = "stop the program that listens there, or choose another port"
    else:
        remedy = "name an address of this machine, e.g. 127.0.0.1:27018"
    return SettingsError(
        f"cannot listen on {host}:{port}: {error.strerror or error}",
        where="[listen] address",
        remedy=remedy,
    )
