"""The reads of one conversation that the gateway answers, while MongoDB is asked as always.

One at a time, and only where nothing else is open on the connection. The client gets the gateway's answer as soon as it is there, if MongoDB
has lately answered the same kind of read of this collection on this connection (who may not read it there must not read it here);
else once MongoDB has answered this one. It gets MongoDB's where the gateway fails, refuses, or takes too long, and whenever MongoDB answers
with an error. What MongoDB answers is captured and compared as always.

A result in several batches has a cursor on both sides, which are read side by side: each batch waits for MongoDB's, and only what is in
step with it is given. So MongoDB can give the next one, whatever happens to the gateway meanwhile.
"""

import asyncio
from functools import partial
from typing import Final, Protocol, cast

from comparators.errors import WireError
from proxy.wire.catching import Wait
from proxy.wire.gateway import GatewaySide, Reading
from proxy.wire.protocol.batches import are_in_step, batch_of, killed_by, read_by, with_number
from proxy.wire.protocol.framing import REPLY_OPCODES, Frame, Framer
from proxy.wire.protocol.message import Request
from proxy.wire.protocol.reads import COMMANDS, is_fit, is_plain, killing, verdict_of

MAX_PERMITTED: Final = 1_000
_OF_CURSORS: Final = frozenset({"getMore", "killCursors"})

Kind = tuple[str, str]
"""Collection and command."""


class Host(Protocol):
    """The conversation that this belongs to."""

    def give(self, raw: bytes) -> None:
        """Give the client a reply."""
        ...

    def connect_gateway(self) -> None:
        """Run `ServedReads.connect()` as a task."""
        ...

    def ask_legacy(self, request_id: int, namespace: str, raw: bytes) -> None:
        """Send MongoDB a read that is not the client's, and capture it like one."""
        ...

    def flush(self) -> None:
        """Write what was captured onto the log."""
        ...

    def read_ended(self) -> None:
        """Go on with the client: its read has been answered, or MongoDB will."""
        ...


class _Line(asyncio.Protocol):
    """One connection to the gateway process. What comes on one that was given up is ignored."""

    def __init__(self, reads: "ServedReads") -> None:
        self._reads = reads
        self._framer = Framer(peer="gateway", opcodes=REPLY_OPCODES)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._reads.connected(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._framer.receive(data)
            while (frame := self._framer.next_frame()) is not None:
                self._reads.answered(self, frame)
        except WireError:
            self._reads.lost(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._reads.lost(self)

    def ask(self, raw: bytes) -> None:
        """Send a request."""
        cast("asyncio.Transport", self._transport).write(raw)

    def abort(self) -> None:
        """Close at once."""
        cast("asyncio.Transport", self._transport).abort()


class ServedReads:
    """The reads of one conversation: one at most is under way."""

    def __init__(self, shared: GatewaySide, host: Host) -> None:
        self._shared = shared
        self._host = host
        self._line: _Line | None = None
        self._is_connecting = False
        self._is_over = False
        self._permitted: set[Kind] = set()
        self._asked: int | None = None
        """The number of the request under way, None where none is."""
        self._kind: Kind = ("", "")
        self._reads_on = 0
        """The gateway's cursor that is read on, 0 where none is."""
        self._legacy: Frame | None = None
        self._gateway: Frame | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wait: Wait | None = None
        """While the gateway is not asked yet, because it is behind."""
        self._own_requests = -(1 << 31)
        """The number of the next request of our own; those of drivers begin above 0."""
        self._dropped: dict[int, Kind] = {}
        """Requests to MongoDB whose replies the client does not get."""

    @property
    def is_asked(self) -> bool:
        """Whether a read is under way."""
        return self._asked is not None

    @property
    def overtaken(self) -> int:
        """How many requests wait for MongoDB that the client has been answered already."""
        return len(self._dropped)

    @property
    def is_watching(self) -> bool:
        """Whether replies of MongoDB must be looked at whole, before the client gets them."""
        return self._asked is not None or bool(self._dropped)

    def begin(self, frame: Frame, request: Request, *, is_alone: bool) -> bool:
        """Ask the gateway, if it may be asked; else count why not."""
        if request.command not in COMMANDS:
            return self._begin_more(frame, request, is_alone=is_alone)
        is_behind = is_alone and self._shared.is_behind(request.namespace)
        if not is_fit(frame, request):
            obstacle: Reading | None = Reading.UNFIT
        elif is_behind and not self._may_catch_up(request.namespace):
            obstacle = Reading.BEHIND
        else:
            obstacle = self._obstacle(is_alone=is_alone)
        if obstacle is None:
            self._begin(frame.request_id, request, 0)
            if is_behind:
                self._catch_up(frame.raw)
            else:
                self._ask(frame.raw)
            return True
        self._shared.counts[obstacle] += 1
        return False

    def passes(self, frame: Frame, request: Request) -> None:
        """Take note of a read that MongoDB alone answers: a cursor that it advances or closes is its own from here on."""
        if request.command not in _OF_CURSORS or not len(self._shared.cursors):
            return
        more = read_by(frame)
        for legacy in killed_by(frame) if more is None else (more.cursor,):
            self._forget_cursor(request.namespace, self._shared.cursors.take(legacy))

    def gives(self, frame: Frame) -> bool:
        """Return whether the client gets a reply of MongoDB now."""
        number = frame.response_to
        if number in self._dropped:
            self._overtaken(frame, self._dropped.pop(number))
            return False
        if number != self._asked:
            return True
        is_ok, _ = verdict_of(frame)
        if not is_ok:
            self._permitted.discard(self._kind)
            opened = 0 if self._gateway is None else verdict_of(self._gateway)[1]
            self._forget_cursor(self._kind[0], opened or self._reads_on)
            self._end(Reading.ERROR)
            return True
        self._permit(self._kind)
        self._legacy = frame
        if self._gateway is not None:
            self._serve(frame, self._gateway)
        return False

    def forget_permissions(self) -> None:
        """Let MongoDB decide anew: somebody logs in or out."""
        self._permitted.clear()

    def close(self) -> None:
        """End with the conversation."""
        self._is_over = True
        self._stop_clock()
        if self._line is not None:
            self._line.abort()

    # ---- the connection to the gateway process

    async def connect(self) -> None:
        """Reach for the gateway process; whether that fails is the business of nobody but the next read."""
        try:
            await self._shared.connect(lambda: _Line(self))
        except (OSError, TimeoutError):
            self._shared.failed()
        finally:
            self._is_connecting = False

    def connected(self, line: _Line) -> None:
        """Use a connection from here on."""
        if self._is_over:
            line.abort()
        else:
            self._line = line

    def answered(self, line: _Line, frame: Frame) -> None:
        """Take the gateway's answer."""
        if line is not self._line:
            return
        self._shared.answered()
        if frame.response_to != self._asked:
            return
        self._stop_clock()
        is_ok, cursor = verdict_of(frame)
        if not is_ok:
            self._fall_back(Reading.REFUSED)
        elif self._legacy is not None:
            self._serve(self._legacy, frame)
        elif cursor or self._reads_on or self._kind not in self._permitted:
            self._gateway = frame
        else:
            self._give(None, frame)

    def lost(self, line: _Line) -> None:
        """Go on without a connection."""
        if line is self._line and not self._is_over:
            self._lose(Reading.LOST)

    # ---- inside

    def _reach(self) -> None:
        if not self._is_connecting:
            self._is_connecting = True
            self._host.connect_gateway()

    def _begin_more(self, frame: Frame, request: Request, *, is_alone: bool) -> bool:
        """Read a cursor on from the gateway, if it is one that both sides have."""
        more = read_by(frame) if request.command == "getMore" and is_plain(frame) else None
        gateway = None if more is None else self._shared.cursors.take(more.cursor)
        if more is None or gateway is None:
            self.passes(frame, request)
            return False
        obstacle = self._obstacle(is_alone=is_alone)
        if obstacle is None:
            raw = with_number(frame.raw, more.cursor_at, gateway)
            self._begin(frame.request_id, request, gateway)
            self._ask(raw)
            return True
        self._forget_cursor(request.namespace, gateway)
        self._shared.counts[obstacle] += 1
        return False

    def _obstacle(self, *, is_alone: bool) -> Reading | None:
        """Return why the gateway cannot be asked now, None where it can."""
        shared = self._shared
        if not is_alone:
            return Reading.BUSY
        if shared.rests():
            return Reading.RESTING
        if self._line is None:
            self._reach()
            return Reading.CONNECTING
        return None if shared.lets() else Reading.RESTING

    def _may_catch_up(self, namespace: str) -> bool:
        """Return whether the gateway will have what a read must see in a moment."""
        catching = self._shared.catching
        last = self._shared.last_write(namespace)
        return catching is not None and catching.is_worthwhile(namespace, last)

    def _begin(self, number: int, request: Request, reads_on: int) -> None:
        self._kind = (request.namespace, request.command)
        self._asked = number
        self._reads_on = reads_on
        self._legacy = self._gateway = None

    def _catch_up(self, raw: bytes) -> None:
        """Wait until the gateway has what the read must see."""
        catching = self._shared.catching
        assert catching is not None  # noqa: S101 - it may catch up
        # The answer to the write may wait for company.
        self._host.flush()
        namespace = self._kind[0]
        last = self._shared.last_write(namespace)
        self._wait = Wait(catching, namespace, last, partial(self._caught_up, raw))

    def _caught_up(self, raw: bytes, is_there: bool) -> None:
        wait, self._wait = self._wait, None
        if wait is None or not is_there:
            self._fall_back(Reading.BEHIND)
        else:
            self._ask(raw, waited_s=wait.waited_s)

    def _ask(self, raw: bytes, *, waited_s: float = 0.0) -> None:
        within_s = self._shared.budget_s - waited_s
        self._timer = asyncio.get_running_loop().call_later(within_s, self._late)
        if self._line is not None:
            self._line.ask(raw)

    def _serve(self, legacy: Frame, gateway: Frame) -> None:
        """Give the gateway's answer, now that both are there."""
        _, cursor = verdict_of(gateway)
        if not cursor and not self._reads_on:
            self._give(legacy, gateway)
            return
        own, its = batch_of(legacy), batch_of(gateway)
        is_ahead = cursor and (own is None or not own.cursor)
        if own is None or its is None or is_ahead or not are_in_step(own, its):
            self._forget_cursor(self._kind[0], cursor)
            self._fall_back(Reading.ASTRAY)
            return
        if cursor:
            self._shared.cursors.pair(own.cursor, cursor)
        # MongoDB's may have another batch, of which it is then the only one to know that it is empty.
        self._host.give(its.of_cursor(own.cursor))
        self._end(Reading.SERVED)

    def _give(self, legacy: Frame | None, frame: Frame) -> None:
        """Give the gateway's answer as it is."""
        asked = self._asked
        self._host.give(frame.raw)
        if legacy is not None:
            self._close_cursor(legacy, self._kind)
        elif asked is not None:
            self._dropped[asked] = self._kind
        self._end(Reading.SERVED)

    def _fall_back(self, outcome: Reading) -> None:
        """Give the client MongoDB's answer: now if it is there, else when it comes."""
        if self._asked is None:
            return
        legacy = self._legacy
        if legacy is not None:
            self._host.give(legacy.raw)
        self._end(outcome)

    def _late(self) -> None:
        self._lose(Reading.LATE)

    def _lose(self, outcome: Reading) -> None:
        """Drop the connection: what broke, or is still at work on something, is not used again."""
        line, self._line = self._line, None
        if line is not None:
            line.abort()
            self._shared.failed()
        self._fall_back(outcome)

    def _end(self, outcome: Reading) -> None:
        self._shared.counts[outcome] += 1
        self._stop_clock()
        self._asked = None
        self._reads_on = 0
        self._legacy = self._gateway = None
        if not self._is_over:
            self._host.read_ended()

    def _stop_clock(self) -> None:
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _overtaken(self, frame: Frame, kind: Kind) -> None:
        """Take note of MongoDB's answer to a read that the gateway has answered."""
        is_ok, _ = verdict_of(frame)
        if is_ok and kind[0]:
            self._permit(kind)
            self._close_cursor(frame, kind)
        else:
            self._permitted.discard(kind)

    def _permit(self, kind: Kind) -> None:
        if len(self._permitted) >= MAX_PERMITTED:
            self._permitted.clear()
        self._permitted.add(kind)

    def _close_cursor(self, frame: Frame, kind: Kind) -> None:
        _, cursor = verdict_of(frame)
        if not cursor:
            return
        number = self._own_number()
        self._dropped[number] = ("", "")
        self._host.ask_legacy(number, kind[0], killing(number, kind[0], cursor))

    def _forget_cursor(self, namespace: str, gateway: int | None) -> None:
        """Close a cursor of the gateway that nobody reads any more; one that is not reached expires there."""
        if gateway and self._line is not None:
            self._line.ask(killing(self._own_number(), namespace, gateway))

    def _own_number(self) -> int:
        number, self._own_requests = self._own_requests, self._own_requests + 1
        return number
