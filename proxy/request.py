"""A request of a driver: the operation it asks for, and the session, cursor or transaction it belongs to.

A message that is not what it should be raises ValueError, KeyError, TypeError or InvalidBSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from comparators.operation import Kind, Operation
from proxy.message import command_of


class Control(StrEnum):
    """Commands that are no operation themselves but decide what becomes of others."""

    COMMIT = "commit"
    ABORT = "abort"
    GET_MORE = "get_more"
    KILL_CURSORS = "kill_cursors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The logical session of a command; `number` is its transaction number.

    A number without `in_transaction` marks a retryable write.
    Source: MongoDB specifications, "Retryable Writes" and "Transactions".
    """

    key: bytes
    number: int | None
    in_transaction: bool
    starts: bool


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it was sent. `start` is its place in a capture log, 0 for one that is in none."""

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


def read_request(message: bytes, *, start: int = 0) -> Request:
    """Return the request that a message holds; `start` is the position of its record, if it was captured."""
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


def operation_of(request: Request) -> Operation:
    """Return what a request asks, without how it is to be run."""
    return Operation(
        database=request.database,
        collection=request.collection,
        kind=request.kind,
        arguments=_arguments(request.command, request.name, request.kind),
    )


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
