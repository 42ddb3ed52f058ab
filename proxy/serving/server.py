"""The process that drivers connect to: accepts, serves, looks after what lasts longer than a command, drains at the end."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import structlog

from adapters.gateway import Gateway
from adapters.operations.ttl import Reaper
from comparators.errors import ParallaxError
from proxy.serving.availability import Availability
from proxy.serving.client import Client
from proxy.serving.commands import Answered, Commands, frames_of, monotonic, nobody
from proxy.serving.conversation import Conversation
from proxy.serving.cursors import Cursors
from proxy.serving.door import Door
from proxy.serving.identity import Identity
from proxy.serving.retries import Retries
from proxy.serving.transactions import Transactions
from proxy.serving.users import Users
from proxy.tracing.served import Served

_log = structlog.get_logger()

USERS_EVERY_S: Final = 5.0
TIDY_EVERY_S: Final = 1.0
FORGET_EVERY_S: Final = 30.0
ABORT_WITHIN_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What bounds a server."""

    connections: int
    transactions: int
    cursor_bytes: int
    cursor_idle_s: float
    transaction_s: float
    drain_s: float


class Server:
    """The gateway as a MongoDB server: `run()` serves until cancelled."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        door: Door,
        limits: ServerLimits,
        users: Users,
        identity: Callable[[], Identity],
        advertise: str = "",
        retries: Retries | None = None,
        answered: Answered = nobody,
        spans: Served | None = None,
    ) -> None:
        """`spans` tells of commands in traces; None where nobody is told."""
        self._gateway = gateway
        self._door = door
        self._limits = limits
        self._users = users
        self.availability = Availability(gateway)
        self.cursors = Cursors(
            max_bytes=limits.cursor_bytes, idle_s=limits.cursor_idle_s, monotonic=monotonic
        )
        self.retries = retries or Retries(monotonic=monotonic)
        self.transactions = Transactions(
            gateway,
            at_once=limits.transactions,
            lifetime_s=limits.transaction_s,
            monotonic=monotonic,
            closed=self.cursors.kill_of_transaction,
        )
        self._commands = Commands(
            gateway=gateway,
            availability=self.availability,
            cursors=self.cursors,
            retries=self.retries,
            transactions=self.transactions,
            users=users,
            identity=identity,
            advertise=advertise,
            answered=answered,
            spans=spans,
        )
        self._conversations: set[Conversation] = set()
        self._is_draining = False

    async def run(self) -> None:
        """Serve until cancelled, then drain; SettingsError if the address cannot be listened on."""
        async with asyncio.TaskGroup() as self._tasks:
            server = await self._door.opened(self._accept)
            background = [
                self._tasks.create_task(task, name=name)
                for name, task in (
                    ("availability", self.availability.run()),
                    ("users", self._repeated(self._users.load, USERS_EVERY_S)),
                    ("tidy", self._repeated(self._tidy, TIDY_EVERY_S)),
                    ("forget marks", self._repeated(self._forget, FORGET_EVERY_S)),
                    ("expire", self._repeated(Reaper(self._gateway).run, TIDY_EVERY_S)),
                )
            ]
            try:
                _log.info("serving", address=self._door.address(server))
                await asyncio.get_running_loop().create_future()
            finally:
                self._is_draining = True
                server.close()
                await self._drain()
                for task in background:
                    task.cancel()

    def _accept(
        self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._is_draining or len(self._conversations) >= self._limits.connections:
            _log.warning("connection_refused", open=len(self._conversations))
            writer.close()
            return
        conversation = Conversation(self._commands.answer, client, reader, writer)
        self._conversations.add(conversation)
        self._tasks.create_task(self._hold(conversation), name=f"client {client.number}")

    async def _hold(self, conversation: Conversation) -> None:
        try:
            await conversation.run()
        finally:
            self._conversations.discard(conversation)

    async def _repeated(
        self, work: Callable[[], Coroutine[Any, Any, None]], every_s: float
    ) -> None:
        """Do some work now and then; while the gateway is away it waits."""
        while True:
            try:
                if not self.availability.is_away:
                    await work()
            except ParallaxError as error:
                _log.debug("tidying_failed", error=error.what)
            except Exception as error:  # noqa: BLE001 - a bug here may not end what serves clients
                _log.error("serving_failed", error=frames_of(error))
            await asyncio.sleep(every_s)

    async def _tidy(self) -> None:
        self.cursors.expire()
        await self.transactions.expire()

    async def _forget(self) -> None:
        await self.retries.forget(self._gateway)

    async def _drain(self) -> None:
        """Let what is under way be answered; transactions without an end are undone."""
        try:
            async with asyncio.timeout(self._limits.drain_s):
                for conversation in list(self._conversations):
                    conversation.drain()
                while self._conversations:  # noqa: ASYNC110 - at the end only
                    await asyncio.sleep(0.01)
        except TimeoutError:
            _log.warning("drain_cut_short", open=len(self._conversations))
        async with asyncio.timeout(ABORT_WITHIN_S):
            await self.transactions.end()
