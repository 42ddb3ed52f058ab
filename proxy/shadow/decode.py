"""Turn the records of a capture log into exchanges.

A message that is not what it should be raises ValueError, KeyError, TypeError or InvalidBSON; the caller counts
the exchange as not verified and goes on.
"""

import struct
from typing import Any, Final

from bson.errors import InvalidBSON

from adapters.mongodb.replies import Reply, read_reply
from comparators.operation import Kind
from comparators.outcome import Outcome
from proxy.capture.record import Record
from proxy.message import reply_body
from proxy.request import Control, Request, operation_of
from proxy.shadow.exchange import ControlCommand, Exchange
from proxy.tracing.context import parent_of

UNDECODABLE: Final = (InvalidBSON, KeyError, TypeError, ValueError, struct.error)
"""What reading a message raises that was captured whole, but is not what a driver sends."""

_NANOSECONDS: Final = 1e-9


def read_exchange(record: Record, request: Request, *, writes: bool) -> Exchange | ControlCommand:
    """Return the exchange that a record completes."""
    reply = _reply(request.kind, record.reply)
    legacy_s = record.legacy_ns * _NANOSECONDS
    captured: dict[str, Any] = {
        "start": request.start,
        "position": record.position,
        "connection": record.connection,
        "received_ns": record.received_ns,
        "legacy_s": legacy_s,
        "overhead_s": record.overhead_ns * _NANOSECONDS,
        "namespace": request.namespace,
        "legacy": None if reply is None else Outcome(result=reply.result, duration_s=legacy_s),
        "clock": None if reply is None else reply.clock,
        "session": request.session,
        "batch": None if reply is None else reply.batch,
    }
    if request.control is not None:
        return ControlCommand(**captured, control=request.control, cursors=_cursors(request))
    return Exchange(
        **captured,
        operation=operation_of(request),
        writes=writes,
        endless=_is_endless(request),
        retried=reply is not None and reply.retried,
        parent=parent_of(request.command.get("comment")),
    )


def _reply(kind: Kind, message: bytes) -> Reply | None:
    return read_reply(kind, reply_body(message)) if message else None


def _cursors(request: Request) -> tuple[int, ...]:
    if request.control is Control.GET_MORE:
        return (int(request.command["getMore"]),)
    if request.control is Control.KILL_CURSORS:
        return tuple(int(cursor) for cursor in request.command.get("cursors", ()))
    return ()


def _is_endless(request: Request) -> bool:
    command = request.command
    if request.kind is Kind.FIND:
        return bool(command.get("tailable") or command.get("awaitData"))
    if request.kind is Kind.AGGREGATE:
        pipeline = command.get("pipeline")
        first = pipeline[0] if isinstance(pipeline, list) and pipeline else {}
        return isinstance(first, dict) and "$changeStream" in first
    return False
