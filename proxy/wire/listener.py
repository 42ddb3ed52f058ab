"""Accept clients, within a limit, until told to stop; then let open requests be answered, within a limit."""

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping
from time import time_ns
from typing import Final

from comparators.errors import ParallaxError, SettingsError
from proxy.capture.applications import Applications
from proxy.wire.captor import Capture
from proxy.wire.complaints import Complaints
from proxy.wire.counters import NO_BREAKERS, NOT_CROSSED, Counters, Refusal, RelaySnapshot
from proxy.wire.crossing import Crossing
from proxy.wire.flagging import Flagging
from proxy.wire.gateway import GatewaySide
from proxy.wire.legacy import Address, LegacyServers, shown_address
from proxy.wire.otherside import OtherSide
from proxy.wire.outcomes import Outcomes
from proxy.wire.premises import Guest, Reached
from proxy.wire.protocol.handover import Handover
from proxy.wire.relay import Conversation
from proxy.wire.serving import ServedReads
from proxy.wire.upstream import Upstream

TICK_S: Final = 1.0
FLUSH_WITHIN_S: Final = 0.001
"""Replies and reads that `kill -9` may cost. A write's intent never waits."""
BACKLOG: Final = 1024
_ABORT_WITHIN_S: Final = 1.0


class Listener:
    """The relay as a whole: `run()` serves until cancelled."""

    def __init__(
        self,
        *,
        servers: LegacyServers,
        capture: Capture,
        host: str,
        port: int,
        advertise: str | None = None,
        max_connections: int = 10_000,
        drain_s: float = 5.0,
        connect_timeout_s: float = 5.0,
        applications: Applications | None = None,
    ) -> None:
        self.capture = capture
        self.flags: Flagging | None = None
        self.gateway: GatewaySide | None = None
        self.outcomes: Outcomes | None = None
        self.crossing: Crossing | None = None
        self.applications = applications
        self.counters = Counters()
        self.advertise = advertise
        self.upstream = Upstream(
            servers, connect_timeout_s=connect_timeout_s, on_change=self._primary_changed
        )
        self._host = host
        self._port = port
        self._max_connections = max_connections
        self._drain_s = drain_s
        self._conversations: set[Guest] = set()
        # Unlike any number of an earlier run, whose records may be on the same log.
        self._next_number = time_ns() // 1_000_000
        self._is_flush_due = False
        self._is_draining = False
        self._listening = asyncio.Event()
        self._address: Address | None = None

    async def run(self) -> None:
        """Serve until cancelled, then drain; SettingsError if the address cannot be listened on."""
        self._loop = asyncio.get_running_loop()
        self.complaints = Complaints(self._loop.time)
        server = await self._bind()
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self.upstream.run(), name="follow primary")
                self._tasks.create_task(self._tick(), name="relay tick")
                if self.outcomes is not None:
                    hearing = self.outcomes.run(self.complaints)
                    self._tasks.create_task(hearing, name="hear of writes")
                if self.crossing is not None:
                    following = self.crossing.run(lambda: self._conversations, self.complaints)
                    self._tasks.create_task(following, name="crossing")
                await server.start_serving()
                self._listening.set()
                self.complaints.info("relay_listening", address=str(self._address))
                try:
                    await self._loop.create_future()
                finally:
                    self._is_draining = True
                    server.close()
                    await self._drain()
        finally:
            server.close()
            self.capture.flush()

    async def listening(self) -> Address:
        """Return the address clients reach, as soon as they do."""
        await self._listening.wait()
        assert self._address is not None  # noqa: S101 - set before the event
        return self._address

    def snapshot(self) -> RelaySnapshot:
        """Return the counts as they stand."""
        primary = self.upstream.address
        return self.counters.snapshot(
            connections_open=len(self._conversations),
            primary=None if primary is None else str(primary),
            gateway_reads={} if self.gateway is None else self.gateway.counts,
            gateway_writes={} if self.outcomes is None else self.outcomes.counts,
            breakers=self._breakers(),
            crossed=NOT_CROSSED if self.crossing is None else self.crossing.crossed(),
        )

    def _breakers(self) -> Mapping[str, int]:
        if self.gateway is None or self.outcomes is None:
            return NO_BREAKERS
        return {
            "reads": int(self.gateway.is_given_up),
            "writes": int(self.outcomes.is_given_up),
        }

    def flags_changed(self) -> None:
        """Have every conversation ask the flags again."""
        for conversation in self._conversations:
            conversation.flags_changed()

    # ---- what conversations share (`premises.Premises`)

    def refusal(self) -> Refusal | None:
        """Return why no further client is served; None if one is."""
        if self._is_draining:
            return Refusal.DRAINING
        if len(self._conversations) >= self._max_connections:
            return Refusal.TOO_MANY
        return None

    def entered(self, conversation: Guest) -> int:
        """Note a new conversation and return its number."""
        self._conversations.add(conversation)
        self.counters.connections_total += 1
        self._next_number += 1
        return self._next_number

    def met(self, number: int, client: str) -> None:
        """Have the verifier know who speaks on a connection, once what the client sent is on its way to legacy.

        The file is on a disk: one that stalls must not keep a new connection from its first answer. It is written before
        that answer, so before the connection's first operation is on the log.
        """
        if client and self.applications is not None:
            self._loop.call_soon(self._note, self.applications, number, client)

    def _note(self, applications: Applications, number: int, client: str) -> None:
        try:
            applications.note(number, client)
        except OSError as error:
            self.complaints.warn("application_not_noted", reason=error.strerror or "")

    def left(self, conversation: Guest) -> None:
        """Forget a conversation that is over."""
        self._conversations.discard(conversation)

    def connect(self, conversation: Guest) -> None:
        """Have a conversation reach for legacy."""
        self._tasks.create_task(conversation.reach_legacy(), name="reach legacy")

    @property
    def is_through(self) -> bool:
        """Whether the gateway answers instead of MongoDB."""
        return self.crossing is not None and self.crossing.is_through

    async def reach(self, factory: Callable[[], OtherSide], handover: Handover) -> Reached:
        """Connect to whoever has the last word; UnreachableError where that cannot be."""
        crossing = self.crossing
        if crossing is not None:
            await crossing.decided()
            if crossing.is_through:
                transport, side = await crossing.connect(factory, handover)
                return Reached(transport, side, None, is_through=True)
        transport, side, address = await self.upstream.connect(factory)
        return Reached(transport, side, address, is_through=False)

    def in_doubt(self) -> None:
        """Note that somebody has left without an answer, and may ask again."""
        if self.crossing is not None:
            self.crossing.in_doubt()

    def connect_gateway(self, reads: ServedReads) -> None:
        """Have a conversation reach for the gateway process."""
        self._tasks.create_task(self._reach_gateway(reads), name="reach gateway")

    def noted(self) -> None:
        """Flush the capture within a millisecond, once for all that is noted until then."""
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_later(FLUSH_WITHIN_S, self.flush)

    def flush(self) -> None:
        """Write what was captured onto the log."""
        self._is_flush_due = False
        self.capture.flush()
        if self.outcomes is not None:
            self.outcomes.grown()

    # ---- inside

    async def _reach_gateway(self, reads: ServedReads) -> None:
        try:
            await reads.connect()
        except Exception:  # noqa: BLE001 - the door: a bug on the gateway's side ends no conversation
            self.complaints.bug("gateway_not_reached")

    async def _bind(self) -> asyncio.Server:
        try:
            server = await self._loop.create_server(
                lambda: Conversation(self),
                self._host,
                self._port,
                backlog=BACKLOG,
                start_serving=False,
            )
        except OSError as error:
            raise self._not_bound(error) from error
        host, port = server.sockets[0].getsockname()[:2]
        self._address = Address(host, port)
        return server

    def _not_bound(self, error: OSError) -> ParallaxError:
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            remedy = "name an address of this machine, e.g. 127.0.0.1:27018 or 0.0.0.0:27018"
        elif error.errno == errno.EADDRINUSE:
            remedy = "stop the program that listens there, or choose another port"
        else:
            remedy = "choose another address or port"
        return SettingsError(
            f"cannot listen on {shown_address(self._host, self._port)}: {error.strerror or error}",
            where="[listen] address",
            remedy=remedy,
        )

    def _primary_changed(self, primary: Address | None) -> None:
        """End conversations with what is no longer the primary, so that drivers look anew.

        While there is no primary they stay: the member may win again, and until then answers as it would directly.
        """
        self.complaints.info("primary_changed", primary=None if primary is None else str(primary))
        if primary is None:
            return
        for conversation in list(self._conversations):
            if conversation.legacy_address not in {primary, None}:
                conversation.primary_changed()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.capture.flush()
            self.complaints.tell()

    async def _drain(self) -> None:
        for conversation in list(self._conversations):
            conversation.drain()
        await self._empty_within(self._drain_s)
        for conversation in list(self._conversations):
            conversation.abort()
        await self._empty_within(_ABORT_WITHIN_S)

    async def _empty_within(self, limit_s: float) -> None:
        deadline = self._loop.time() + limit_s
        while self._conversations and self._loop.time() < deadline:  # noqa: ASYNC110 - at the end only
            await asyncio.sleep(0.01)
