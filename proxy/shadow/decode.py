"""Turn the records of a capture log into exchanges.

A message that is not what it should be raises ValueError, KeyError, TypeError or InvalidBSON; the caller counts
the exchange as not verified and goes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from comparators.operation import Kind, Operation
from comparators.outcome import Outcome
from proxy.capture.record import Record
from proxy.shadow.exchange import Control, ControlCommand, Exchange, Session
from proxy.shadow.message import command_of, reply_body
from proxy.shadow.replies import Reply, read_reply

KINDS: Final[Mapping[str, Kind]] = {
    "find": Kind.FIND,
    "count": Kind.COUNT,
    "distinct": Kind.DISTINCT,
    "aggregate": Kind.AGGREGATE,
    "insert": Kind.INSERT,
    "update": Kind.UPDATE,
    "delete": Kind.DELETE,
    "findAndModify": Kind.FIND_AND_MODIFY,
    "findandmodify": Kind.FIND_AND_MODIFY,
    "create": Kind.CREATE,
    "collMod": Kind.COLL_MOD,
    "renameCollection": Kind.RENAME_COLLECTION,
    "drop": Kind.DROP,
    "dropDatabase": Kind.DROP_DATABASE,
    "createIndexes": Kind.CREATE_INDEXES,
    "dropIndexes": Kind.DROP_INDEXES,
    "deleteIndexes": Kind.DROP_INDEXES,
    "listIndexes": Kind.LIST_INDEXES,
    "listCollections": Kind.LIST_COLLECTIONS,
}
CONTROLS: Final[Mapping[str, Control]] = {
    "commitTransaction": Control.COMMIT,
    "abortTransaction": Control.ABORT,
    "getMore": Control.GET_MORE,
    "killCursors": Control.KILL_CURSORS,
}
_GOSSIP: Final = frozenset(
    {
        "$db",
        "lsid",
        "txnNumber",
        "autocommit",
        "startTransaction",
        "stmtId",
        "$clusterTime",
        "$readPreference",
        "readConcern",
        "writeConcern",
        "maxTimeMS",
        "comment",
        "apiVersion",
        "apiStrict",
        "apiDeprecationErrors",
        "$audit",
        "$client",
    }
)
"""Fields that say how a command is to be run, not what it means."""

_NANOSECONDS: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A captured request, decoded once: at its intent for a write, else at its exchange."""

    start: int
    name: str
    kind: Kind
    control: Control | None
    database: str
    collection: str
    session: Session | None
    command: dict[str, Any]

    @property
    def namespace(self) -> str:
        """Return `database.collection`; the collection is empty for a command on a database."""
        return f"{self.database}.{self.collection}"


def read_request(message: bytes, *, start: int) -> Request:
    """Return a request as captured; `start` is the position of its record."""
    command = command_of(message)
    name = next(iter(command))
    control = CONTROLS.get(name)
    database = str(command.get("$db", ""))
    collection = _collection(command, name, control)
    kind = KINDS.get(name, Kind.OTHER)
    if kind is Kind.RENAME_COLLECTION:
        # It names the collection with its database, and MongoDB takes it in `admin` alone.
        kind = kind if database == "admin" else Kind.OTHER
        database, _, collection = collection.partition(".")
    return Request(
        start=start,
        name=name,
        kind=kind,
        control=control,
        database=database,
        collection=collection,
        session=_session(command),
        command=command,
    )


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
    )


def operation_of(request: Request) -> Operation:
    """Return what a request asks, without how it is to be run."""
    return Operation(
        database=request.database,
        collection=request.collection,
        kind=request.kind,
        arguments=_arguments(request.command, request.name, request.kind),
    )


def _reply(kind: Kind, message: bytes) -> Reply | None:
    return read_reply(kind, reply_body(message)) if message else None


def _collection(command: Mapping[str, Any], name: str, control: Control | None) -> str:
    first = command[name] if control is not Control.GET_MORE else command.get("collection")
    return first if isinstance(first, str) else ""


def _arguments(command: Mapping[str, Any], name: str, kind: Kind) -> dict[str, Any]:
    kept = {key: value for key, value in command.items() if key not in _GOSSIP}
    if kind is not Kind.OTHER:
        del kept[name]
    return kept


def _session(command: Mapping[str, Any]) -> Session | None:
    lsid = command.get("lsid")
    if not isinstance(lsid, dict) or "id" not in lsid:
        return None
    number = command.get("txnNumber")
    return Session(
        key=bytes(lsid["id"]),
        number=None if number is None else int(number),
        in_transaction=command.get("autocommit") is False,
        starts=bool(command.get("startTransaction", False)),
    )


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
