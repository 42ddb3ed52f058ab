"""Relay one client: its connection, the connection to legacy that is its own, and what is captured of them.

Bytes are forwarded as they came. A request waits only until it is whole (a write also for its intent on the
log); replies are forwarded before they are looked at, except while a `hello` is open, whose reply is rewritten.

An exception in a callback of either transport is a bug: it is logged, and ends this conversation and no other.
"""

import asyncio
from time import perf_counter_ns, time_ns
from typing import Final, cast

from comparators.errors import UnreachableError, WireError
from proxy.flags.phases import SERVING, Phase
from proxy.wire.captured import Captured
from proxy.wire.counters import Refusal
from proxy.wire.flagging import Phases
from proxy.wire.former import Former
from proxy.wire.holds import Hold, Holds
from proxy.wire.legacy import Address, shown_address
from proxy.wire.login import Login
from proxy.wire.otherside import OtherSide
from proxy.wire.premises import Premises
from proxy.wire.protocol.cursor_ids import is_foreign
from proxy.wire.protocol.framing import REPLY_OPCODES, REQUEST_OPCODES, Frame, Framer
from proxy.wire.protocol.handover import Handover
from proxy.wire.protocol.hello import client_of, rewritten_hello
from proxy.wire.protocol.message import (
    Request,
    Treatment,
    is_plain_read,
    more_to_come,
    request_of,
)
from proxy.wire.protocol.open_transactions import goes_on
from proxy.wire.protocol.pairing import Pairing, Pending
from proxy.wire.serving import ServedReads
from proxy.wire.upstream import NoPrimaryError
from proxy.wire.writing import AwaitedWrites

WRITE_BUFFER_BYTES: Final = 256 * 1024
"""A peer that reads slower than this fills stops the other from being read."""
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
MAX_WAITING: Final = 1000
"""Unanswered requests of one client, in bytes and number; beyond, the client is not read."""
CLOSE_WITHIN_S: Final = 10.0
"""A peer that does not take its last bytes in this time loses them."""


_ENDING: Final = Hold.ENDING.value
_CROSSING: Final = Hold.CROSSING.value
_HELD: Final = Hold.SERVING.value | Hold.CROSSING.value
_SERVING: Final = Hold.SERVING.value
# Looked at for every message: a global is found at once, a member of an enumeration is not (Python 3.11).
_READ: Final = Treatment.READ
_WRITE: Final = Treatment.WRITE
_HELLO: Final = Treatment.HELLO
_GOSSIP: Final = Treatment.GOSSIP
_SECRET: Final = Treatment.SECRET
_OFF: Final = Phase.OFF


class Conversation(asyncio.Protocol):
    """The client's side, and what holds both sides together."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._counters = premises.counters
        self._captured = Captured(premises.capture, premises.counters, premises.noted)
        self._peer = "?"
        self._advertised = ""
        self._client: asyncio.Transport | None = None
        self._legacy: asyncio.Transport | None = None
        self._requests = Framer(peer="client", opcodes=REQUEST_OPCODES)
        self._replies = Framer(peer="legacy", opcodes=REPLY_OPCODES)
        self._pairing = Pairing()
        self._holds = Holds()
        self._early: list[bytes] = []
        self._sent_ahead = 0
        """Bytes of the incomplete reply that the client already has."""
        self._phases: Phases | None = None
        self._served: ServedReads | None = None
        self._awaited: AwaitedWrites | None = None
        self._is_over = False
        self._is_through = False
        """Whether the gateway answers instead of MongoDB: then nothing is captured."""
        self._other: OtherSide | None = None
        self._login = Login()
        self._former: Former | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.legacy_address: Address | None = None

    # ---- the client's transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        client = cast("asyncio.Transport", transport)
        self._client = self._holds.client = client
        self._peer = _address(client, "peername")
        refusal = self._premises.refusal()
        if refusal is not None:
            self._is_over = True
            self._refuse(refusal, "connection_refused")
            client.close()
            return
        number = self._captured.number = self._premises.entered(self)
        self._advertised = self._premises.advertise or _address(client, "sockname")
        if self._premises.flags is not None:
            self._phases = Phases(
                self._premises.flags, connection=number, client=self._peer, login=self._login
            )
            if self._premises.gateway is not None:
                self._served = ServedReads(self._premises.gateway, self)
            if self._premises.outcomes is not None:
                self._awaited = AwaitedWrites(self._premises.outcomes, self)
        client.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        # Later: the loop begins to read after this callback, whatever it says.
        asyncio.get_running_loop().call_soon(self._hold_until_connected)
        self._premises.connect(self)

    def data_received(self, data: bytes) -> None:
        if self._is_over or self._holds.reasons & _ENDING:
            return
        if (self._legacy is None or self._holds.reasons & _HELD) and not self._may_pass(data):
            # The loop may deliver one read before it heeds the pause.
            self._early.append(data)
            return
        received_ns = time_ns()
        started_ns = perf_counter_ns()
        self._counters.request_bytes += len(data)
        requests = self._requests
        try:
            alone = requests.alone(data)
            if alone is not None:
                self._request(alone, received_ns, started_ns)
                return
            requests.receive(data)
            while (frame := requests.next_frame()) is not None:
                self._request(frame, received_ns, started_ns)
        except WireError as error:
            self._broken(error, Refusal.CLIENT_BROKE_PROTOCOL)
        except Exception:  # noqa: BLE001 - the door: a bug ends this conversation only
            self._bug()

    def eof_received(self) -> None:
        """Close: no driver sends half a connection."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._over()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._legacy is not None:
            self._legacy.close()

    def pause_writing(self) -> None:
        if self._legacy is not None and not self._legacy.is_closing():
            self._legacy.pause_reading()

    def resume_writing(self) -> None:
        if self._legacy is not None and not self._legacy.is_closing():
            self._legacy.resume_reading()

    # ---- legacy's transport

    async def reach_legacy(self) -> None:
        """Connect to legacy and begin to read the client; close the client if that fails."""
        try:
            await self._reach_legacy()
        except UnreachableError as error:
            refusal = (
                Refusal.NO_PRIMARY if isinstance(error, NoPrimaryError) else Refusal.UNREACHABLE
            )
            self._refuse(refusal, "legacy_unreachable", where=error.where, what=error.what)
            self.close()
        except Exception:  # noqa: BLE001 - the door: a bug ends this conversation only
            self._bug()

    async def _reach_legacy(self) -> None:
        handover = Handover(self._peer, self._advertised, self._login.user)
        while True:
            transport, other, address, is_through = await self._premises.reach(
                lambda: OtherSide(self), handover
            )
            if is_through == self._premises.is_through:
                break
            # Everybody has gone to the other side meanwhile.
            other.drop()
        if self._is_over or self._client is None or self._client.is_closing():
            other.drop()
            return
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self._legacy, self._other, self._is_through = transport, other, is_through
        self.legacy_address = address
        early, self._early = self._early, []
        for data in early:
            self.data_received(data)
        if not is_through and self._premises.upstream.address not in {address, None}:
            self.primary_changed()
        self._holds.release(Hold.CONNECTING)

    def legacy_data_received(self, data: bytes) -> None:
        """Forward replies, and note what they answer."""
        started_ns = perf_counter_ns()
        self._counters.reply_bytes += len(data)
        replies = self._replies
        client = self._client
        if client is None or self._is_over:
            return
        try:
            if self._pairing.hellos or self._is_watching:
                self._held_replies(data, client, started_ns)
                return
            if replies.buffered != self._sent_ahead:
                client.write(replies.peek()[self._sent_ahead :])
            client.write(data)
            alone = replies.alone(data)
            if alone is not None:
                self._reply(alone, started_ns)
                return
            replies.receive(data)
            while (frame := replies.next_frame()) is not None:
                self._reply(frame, started_ns)
            self._sent_ahead = replies.buffered
        except WireError as error:
            self._broken(error, Refusal.LEGACY_BROKE_PROTOCOL)
        except Exception:  # noqa: BLE001 - the door: a bug ends this conversation only
            self._bug()

    def legacy_lost(self) -> None:
        """End: what the client was not answered, it never will be."""
        self._over()
        self.close()

    def legacy_full(self) -> None:
        """Stop reading the client: legacy takes its requests more slowly than they come."""
        self._holds.hold(Hold.LEGACY_FULL)

    def legacy_ready(self) -> None:
        """Read the client again."""
        self._holds.release(Hold.LEGACY_FULL)

    # ---- the end

    def drain(self) -> None:
        """Take no more requests, and close as soon as the open ones are answered."""
        self._holds.hold(Hold.ENDING)
        if not self._pairing and not self._holds.reasons & _SERVING:
            self.close()

    def primary_changed(self) -> None:
        """Close: legacy is no longer where this conversation goes, and the driver must look anew."""
        self._refuse(Refusal.PRIMARY_CHANGED, "conversation_ended")
        self.close()

    def close(self) -> None:
        """Close both sides; what is buffered for a peer is sent, within a limit."""
        if self._awaited is not None:
            self._awaited.close()
        if self._client is not None:
            self._client.close()
            if self._deadline is None:
                loop = asyncio.get_running_loop()
                self._deadline = loop.call_later(CLOSE_WITHIN_S, self.abort)
        if self._legacy is not None:
            self._legacy.close()

    def abort(self) -> None:
        """End both connections at once."""
        if self._client is not None:
            self._client.abort()
        if self._legacy is not None:
            self._legacy.abort()

    # ---- per message

    def _request(self, frame: Frame, received_ns: int, started_ns: int) -> None:
        raw = frame.raw
        if self._is_through:
            self._pass(frame, received_ns, started_ns)
            return
        forwarded_ns = self._forward(raw) if is_plain_read(frame) else 0
        request = request_of(frame)
        treatment = request.treatment
        self._counters.requests[treatment] += 1
        intent = 0
        kept = b""
        served = None
        if treatment is _WRITE:
            # Intent first. If this process dies between the two lines, the record names the documents to re-read
            # from legacy; the other way round, a write would exist that nobody knows of.
            intent = self._captured.intent(request.namespace, raw, received_ns)
            if self._premises.gateway is not None:
                self._premises.gateway.wrote(request, intent)
        elif treatment is _READ:
            phase = None if self._phases is None else self._phases.of_read(request, raw)
            if phase is _OFF:
                treatment = _GOSSIP
                self._counters.reads_off += 1
            else:
                kept = raw
                if phase in SERVING:
                    served = self._served
            if served is None and self._served is not None:
                self._served.passes(frame, request)
        else:
            self._met(frame, request)
        forwarded_ns = forwarded_ns or self._forward(raw)
        pending = Pending(
            frame.request_id,
            treatment,
            request.namespace,
            kept,
            received_ns,
            forwarded_ns,
            forwarded_ns - started_ns,
            intent,
        )
        if not request.expects_reply:
            if treatment is _WRITE:
                self._captured.unacknowledged(pending)
            return
        pairing = self._pairing
        if served is not None:
            self._serve(served, frame, request)
        elif treatment is _WRITE and self._awaited is not None and self._phases is not None:
            phase = self._phases.of_write(request, raw)
            self._await(self._awaited, phase, frame, request, intent)
        pairing.sent(pending)
        if pairing.waiting_bytes > MAX_WAITING_BYTES or len(pairing) > MAX_WAITING:
            self._holds.hold(Hold.WAITING)

    def _pass(self, frame: Frame, received_ns: int, started_ns: int) -> None:
        """Have a request answered by the gateway instead of MongoDB."""
        request = request_of(frame)
        treatment = request.treatment
        self._counters.requests[treatment] += 1
        self._login.asked(frame, request)
        former = self._former
        if former is not None and former.is_there and is_foreign(frame, request):
            former.ask(frame.raw)
            forwarded_ns = perf_counter_ns()
        else:
            forwarded_ns = self._forward(frame.raw)
        if request.expects_reply:
            kept = treatment if treatment is _HELLO or treatment is _SECRET else _GOSSIP
            overhead_ns = forwarded_ns - started_ns
            self._pairing.sent(
                Pending(frame.request_id, kept, "", b"", received_ns, forwarded_ns, overhead_ns, 0)
            )

    def _forward(self, raw: bytes) -> int:
        """Send a request on its way and return when that was."""
        cast("asyncio.Transport", self._legacy).write(raw)
        return perf_counter_ns()

    def _reply(self, frame: Frame, started_ns: int) -> Pending | None:
        """Note a reply and return what it answers."""
        counters = self._counters
        counters.replies += 1
        follows = more_to_come(frame)
        pending = self._pairing.answered(
            response_to=frame.response_to, reply_id=frame.request_id, more_to_come=follows
        )
        if pending is None:
            counters.replies_unpaired += 1
            return None
        self._captured.answered(pending, frame.raw, started_ns)
        if pending.treatment is _SECRET:
            self._login.answered(frame)
        if self._holds.reasons and not follows:
            self._answered_while_held()
        return pending

    def _held_replies(self, data: bytes, client: asyncio.Transport, started_ns: int) -> None:
        """Forward whole replies only, those to `hello` rewritten."""
        replies = self._replies
        replies.receive(data)
        while (frame := replies.next_frame()) is not None:
            pending = self._reply(frame, started_ns)
            if pending is not None and pending.treatment is _HELLO:
                client.write(rewritten_hello(frame, advertised=self._advertised))
            elif (self._served is None or self._served.gives(frame)) and (
                self._awaited is None or self._awaited.gives(frame)
            ):
                client.write(frame.raw[self._sent_ahead :] if self._sent_ahead else frame.raw)
            self._sent_ahead = 0

    def _answered_while_held(self) -> None:
        pairing, reasons = self._pairing, self._holds.reasons
        if reasons & Hold.WAITING.value and (
            pairing.waiting_bytes <= MAX_WAITING_BYTES and len(pairing) <= MAX_WAITING
        ):
            self._holds.release(Hold.WAITING)
        if reasons & _ENDING and not reasons & _SERVING and not pairing:
            # At the end of this turn, when the reply at hand has been forwarded.
            asyncio.get_running_loop().call_soon(self.close)

    # ---- seldom

    def flags_changed(self) -> None:
        """Ask the flags again."""
        if self._phases is not None:
            self._phases.forget()

    def _met(self, frame: Frame, request: Request) -> None:
        """Note who the client is: what its driver calls the application, and that somebody logs in."""
        treatment = request.treatment
        if treatment is _HELLO:
            self._premises.met(self._captured.number, client_of(frame))
        phases = self._phases
        if phases is None:
            return
        self._login.asked(frame, request)
        if treatment is _SECRET:
            phases.forget()
            if self._served is not None:
                self._served.forget_permissions()
        elif treatment is _HELLO:
            phases.met(frame)

    # ---- to the other side (`crossing.Crosser`)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing of it is under way."""
        return not self._pairing and not self._holds.reasons & _SERVING

    def wait_to_cross(self) -> None:
        """Begin nothing new; a transaction that is open goes on."""
        self._holds.reasons |= _CROSSING

    def stay(self) -> None:
        """Go on where it was."""
        self._go_on(_CROSSING)

    def cross(self) -> None:
        """Go on with the other side; who has logged in where that means nothing over there must do so again."""
        try:
            self._cross()
        except Exception:  # noqa: BLE001 - the door: the others still have to cross
            self._bug()

    def _cross(self) -> None:
        self._holds.reasons &= ~_CROSSING
        if self._legacy is None or self._is_over:
            return
        if not self._login.crosses(to_gateway=self._premises.is_through):
            self._refuse(Refusal.CROSSED, "conversation_ended")
            self.close()
            return
        if self._served is not None and self._premises.gateway is not None:
            self._served.close()
            self._served = ServedReads(self._premises.gateway, self)
        self._let_go(self._other, to_gateway=self._premises.is_through)
        self._legacy = self._other = None
        self._replies = Framer(peer="legacy", opcodes=REPLY_OPCODES)
        self._sent_ahead = 0
        self._holds.release(Hold.LEGACY_FULL)
        self._holds.hold(Hold.CONNECTING)
        self._premises.connect(self)

    def _let_go(self, side: OtherSide | None, *, to_gateway: bool) -> None:
        """Close the connection that was used, or keep MongoDB's for what its cursors still hold."""
        if self._former is not None:
            self._former.close()
            self._former = None
        if side is None:
            return
        if to_gateway:
            self._former = Former(side, given=self._former_answered, lost=self.legacy_lost)
        else:
            side.drop()

    def _former_answered(self, frame: Frame) -> None:
        if self._client is not None and not self._is_over:
            self._reply(frame, perf_counter_ns())
            self._client.write(frame.raw)

    def _may_pass(self, data: bytes) -> bool:
        """Return whether what comes while everybody waits to cross belongs to a transaction that must end first."""
        reasons = self._holds.reasons
        return (
            self._legacy is not None
            and not self._early
            and reasons & _HELD == _CROSSING
            and goes_on(data)
        )

    # ---- what the gateway answers (`serving.Host`, `writing.Host`)

    @property
    def _is_watching(self) -> bool:
        """Whether replies are looked at whole before the client gets them."""
        served, awaited, former = self._served, self._awaited, self._former
        if former is not None and former.is_asked:
            # Not in the middle of another reply.
            return True
        return (served is not None and served.is_watching) or (
            awaited is not None and awaited.is_asked
        )

    @property
    def _is_alone(self) -> bool:
        """Whether the client waits for nothing else than the request at hand, which is not among those that wait yet."""
        overtaken = 0 if self._served is None else self._served.overtaken
        return not self._requests.buffered and len(self._pairing) == overtaken

    def _serve(self, served: ServedReads, frame: Frame, request: Request) -> None:
        """Have a read answered by the gateway as well."""
        if served.begin(frame, request, is_alone=self._is_alone):
            self._holds.hold(Hold.SERVING)

    def _await(
        self, awaited: AwaitedWrites, phase: Phase, frame: Frame, request: Request, intent: int
    ) -> None:
        """Have the acknowledgement of a write wait for the gateway."""
        if awaited.begin(frame, request, phase, intent, is_alone=self._is_alone):
            self._holds.hold(Hold.SERVING)

    def flush(self) -> None:
        """Write what was captured onto the log."""
        self._premises.flush()

    def write_ended(self) -> None:
        """Go on as after a read."""
        self.read_ended()

    def give(self, raw: bytes) -> None:
        """Give the client a reply."""
        if self._client is not None:
            self._client.write(raw)

    def connect_gateway(self) -> None:
        """Reach for the gateway process."""
        if self._served is not None:
            self._premises.connect_gateway(self._served)

    def ask_legacy(self, request_id: int, namespace: str, raw: bytes) -> None:
        """Send MongoDB a read that is not the client's, and capture it like one."""
        received_ns = time_ns()
        forwarded_ns = self._forward(raw)
        self._pairing.sent(
            Pending(request_id, _READ, namespace, raw, received_ns, forwarded_ns, 0, 0)
        )

    def read_ended(self) -> None:
        """Go on with what the client has sent meanwhile, and read on."""
        self._go_on(_SERVING)

    def _go_on(self, reason: int) -> None:
        holds = self._holds
        holds.reasons &= ~reason
        early, self._early = self._early, []
        for data in early:
            self.data_received(data)
        if not holds.reasons:
            holds.read_on()
        elif holds.reasons & _ENDING and not holds.reasons & _SERVING and not self._pairing:
            asyncio.get_running_loop().call_soon(self.close)

    def _hold_until_connected(self) -> None:
        if self._legacy is None:
            self._holds.hold(Hold.CONNECTING)

    def _over(self) -> None:
        """Note the end, once: writes still open are in doubt."""
        if self._is_over:
            return
        self._is_over = True
        if self._former is not None:
            self._former.close()
        if self._pairing:
            self._premises.in_doubt()
        if self._served is not None:
            self._served.close()
        if self._awaited is not None:
            self._awaited.close()
        self._captured.over(self._pairing.abandoned())
        self._premises.left(self)

    def _broken(self, error: WireError, refusal: Refusal) -> None:
        """Close because a peer broke the protocol; requests in front of the broken one are still answered."""
        self._refuse(refusal, "wire_error", where=error.where, what=error.what)
        if refusal is Refusal.CLIENT_BROKE_PROTOCOL:
            self.drain()
            loop = asyncio.get_running_loop()
            self._deadline = self._deadline or loop.call_later(CLOSE_WITHIN_S, self.abort)
        else:
            self.close()

    def _bug(self) -> None:
        self._counters.refused[Refusal.BUG] += 1
        self._premises.complaints.bug("conversation_failed", client=self._peer)
        self.abort()

    def _refuse(self, refusal: Refusal, event: str, **fields: str) -> None:
        self._counters.refused[refusal] += 1
        self._premises.complaints.warn(
            event,
            reason=refusal.value,
            client=self._peer,
            connection=self._captured.number,
            **fields,
        )


def _address(transport: asyncio.Transport, end: str) -> str:
    """Return one end of a connection as `host:port`."""
    known = transport.get_extra_info(end)
    return shown_address(known[0], known[1]) if known else "?"
