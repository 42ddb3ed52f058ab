"""Writes whose acknowledgement waits, at the relay, for what becomes of them on the gateway.

The relay asks for a write by its position on the log, which may be after it was done: so the last ones are remembered. Whatever the relay
is told of a write, the gateway has by then what MongoDB has of it, or nothing is to be had.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import bson

from comparators.canonical import CODEC
from comparators.operation import Kind, Operation
from comparators.outcome import Outcome
from comparators.verdict import Judgement, Verdict
from proxy.shadow.exchange import Exchange
from proxy.wire.protocol.awaiting import Told

_REMEMBERED: Final = 256
_MOST_ASKED: Final = 20_000
"""More than the relay has connections, of which each waits for one."""
_ANSWERED: Final = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.FIND_AND_MODIFY})

ReplyOf = Callable[[Operation, Outcome], Mapping[str, Any]]
"""Gives an outcome of the gateway as the document that a driver is given."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Verdict:
    exchange: Exchange
    judgement: Judgement
    outcome: Outcome


class Awaited:
    """What is asked for, and what became of the last writes."""

    def __init__(self, reply_of: ReplyOf) -> None:
        self._reply_of = reply_of
        self._asked: dict[int, None] = {}
        self._last: _Verdict | None = None
        self._done: OrderedDict[int, _Verdict | None] = OrderedDict()
        self._tell: Callable[[Told], None] | None = None
        self._withholds = False

    def withhold(self) -> None:
        """Give no reply of the gateway any more."""
        self._withholds = True

    def connected(self, tell: Callable[[Told], None]) -> None:
        """Tell a relay from here on, which has asked for nothing yet."""
        self._asked.clear()
        self._tell = tell

    def lost(self) -> None:
        """Tell nobody any more."""
        self._asked.clear()
        self._tell = None

    def is_asked(self, position: int) -> bool:
        """Return whether somebody waits for a write."""
        return position in self._asked

    def asks(self, position: int, *, is_open: bool) -> None:
        """Take note of a write that somebody waits for; tell of it at once unless it is `open`: ahead, or without a verdict."""
        if not is_open:
            self._told(position, self._done.get(position))
            return
        if len(self._asked) >= _MOST_ASKED:
            # Whoever asked for the oldest has given up waiting long ago.
            del self._asked[next(iter(self._asked))]
        self._asked[position] = None

    def judged(self, exchange: Exchange, judgement: Judgement, outcome: Outcome | None) -> None:
        """Take note of the verdict on a write, which is `done` next."""
        if outcome is not None and exchange.operation.kind in _ANSWERED:
            self._last = _Verdict(exchange=exchange, judgement=judgement, outcome=outcome)

    def done(self, position: int) -> None:
        """Take note that a write is on the gateway."""
        last, self._last = self._last, None
        found = last if last is not None and last.exchange.start == position else None
        self._done[position] = found
        if len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
        if position in self._asked:
            del self._asked[position]
            self._told(position, found)

    def _told(self, position: int, found: _Verdict | None) -> None:
        if self._tell is not None:
            self._tell(Told(position, None if found is None else self._reply(found)))

    def _reply(self, found: _Verdict) -> bytes | None:
        """Return the gateway's reply, None where it is not MongoDB's: what that one has answered is what both will have."""
        judgement = found.judgement
        if (
            self._withholds
            or judgement.verdict is not Verdict.MATCH
            or judgement.reason is not None
        ):
            return None
        reply = self._reply_of(found.exchange.operation, found.outcome)
        return bson.encode(reply, codec_options=CODEC)
