"""Learn from a request what the relay must do with it, without decoding its document.

Source: MongoDB manual, "Wire Protocol", sections "OP_MSG" and "OP_QUERY".
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from comparators.errors import WireError
from comparators.raw import DOCUMENT, INT32, STRING, document_end, elements
from proxy.wire.protocol.framing import HEADER_BYTES, OP_MSG, OP_QUERY, Frame
from proxy.wire.protocol.secrecy import is_secret

CHECKSUM_PRESENT: Final = 1
MORE_TO_COME: Final = 2
CHECKSUM_BYTES: Final = 4

FLAGS_AT: Final = HEADER_BYTES
SECTIONS_AT: Final = HEADER_BYTES + 4
_TYPE_AT: Final = SECTIONS_AT + 1
_NAME_AT: Final = SECTIONS_AT + 6
"""Of the command, where the first section holds it: kind, length of the document and type come before."""
REPLY_DOCUMENT_AT: Final = HEADER_BYTES + 20
"""In OP_REPLY: flags, cursor, first and number of documents come before them."""


class Treatment(StrEnum):
    """What becomes of a request besides being forwarded."""

    READ = "read"
    """Captured with its reply."""
    WRITE = "write"
    """On the log before it is forwarded, and its reply after."""
    GOSSIP = "gossip"
    """Of servers, sessions and statistics: never captured."""
    SECRET = "secret"  # noqa: S105 - a word of the vocabulary
    """Carries credentials: never captured."""
    HELLO = "hello"
    """Never captured, and its reply is rewritten."""


class Request(NamedTuple):
    """What the relay knows of a request."""

    treatment: Treatment
    expects_reply: bool
    namespace: str
    """`database.collection`, or `database.` for what names none; empty for what is not captured."""
    command: str = ""


_HELLO: Final = ("hello", "isMaster", "ismaster")
_READS: Final = (
    "aggregate",
    "count",
    "distinct",
    "explain",
    "find",
    "geoSearch",
    "getMore",
    "killCursors",
    "listCollections",
    "listIndexes",
    "parallelCollectionScan",
)
_GOSSIP: Final = (
    "_isSelf",
    "atlasVersion",
    "availableQueryOptions",
    "buildInfo",
    "buildinfo",
    "collStats",
    "collstats",
    "compact",
    "connPoolStats",
    "connectionStatus",
    "currentOp",
    "dataSize",
    "datasize",
    "dbHash",
    "dbStats",
    "dbstats",
    "driverOIDTest",
    "endSessions",
    "features",
    "fsync",
    "fsyncUnlock",
    "getCmdLineOpts",
    "getDefaultRWConcern",
    "getLastError",
    "getLog",
    "getParameter",
    "getShardMap",
    "getlasterror",
    "hostInfo",
    "isdbgrid",
    "killAllSessions",
    "killAllSessionsByPattern",
    "killOp",
    "killSessions",
    "listCommands",
    "listDatabases",
    "lockInfo",
    "ping",
    "planCacheClear",
    "planCacheListFilters",
    "profile",
    "refreshSessions",
    "replSetFreeze",
    "replSetGetConfig",
    "replSetGetStatus",
    "replSetStepDown",
    "rolesInfo",
    "serverStatus",
    "shutdown",
    "startSession",
    "top",
    "validate",
    "waitForFailPoint",
    "whatsmyuri",
    "whatsmysni",
    "configureFailPoint",
)
_ADMIN_WRITES: Final = frozenset(
    {b"abortTransaction", b"bulkWrite", b"commitTransaction", b"renameCollection"}
)
"""Sent to `admin` although they change the application's own databases."""

_TREATMENTS: Final[Mapping[bytes, Treatment]] = MappingProxyType(
    {name.encode(): Treatment.HELLO for name in _HELLO}
    | {name.encode(): Treatment.READ for name in _READS}
    | {name.encode(): Treatment.GOSSIP for name in _GOSSIP}
    # All else is a write too; these are spelled out so that the usual ones are found at the first look.
    | dict.fromkeys((b"insert", b"update", b"delete", b"findAndModify"), Treatment.WRITE)
    | dict.fromkeys(_ADMIN_WRITES, Treatment.WRITE)
)
_PLAIN_READS: Final = frozenset(name.encode() for name in _READS if name != "aggregate")
_LONGEST_READ: Final = 1 + max(map(len, _PLAIN_READS))
_INTERNAL_DATABASES: Final = frozenset({b"admin", b"config", b"local"})
_DATABASE: Final = b"\x02$db\x00"
_COLLECTION: Final = b"\x02collection\x00"


def is_plain_read(frame: Frame) -> bool:
    """Return whether a request is a read whatever else it says, so that it may go before it is looked at."""
    raw = frame.raw
    return (
        frame.opcode == OP_MSG
        and raw[SECTIONS_AT:_TYPE_AT] == b"\x00"
        and raw[_NAME_AT : raw.find(0, _NAME_AT, _NAME_AT + _LONGEST_READ)] in _PLAIN_READS
    )


def request_of(frame: Frame) -> Request:
    """Return what to do with a request; WireError if it holds no command."""
    raw = frame.raw
    try:
        if frame.opcode == OP_MSG:
            return _of_message(raw)
        if frame.opcode == OP_QUERY:
            return _of_query(raw)
    except (ValueError, IndexError) as error:
        raise _broken(str(error)) from error
    raise _broken(f"opcode {frame.opcode} carries no request")


def more_to_come(frame: Frame) -> bool:
    """Return whether another reply to the same request follows this one."""
    return frame.opcode == OP_MSG and bool(frame.raw[FLAGS_AT] & MORE_TO_COME)


def body_at(raw: bytes) -> int:
    """Return where the command document of an OP_MSG begins; ValueError if it has none.

    Usually the first section; the protocol allows document sequences before it.
    """
    at = SECTIONS_AT
    while raw[at]:
        if raw[at] != 1:
            raise ValueError(f"a section of the unknown kind {raw[at]}")
        (size,) = INT32.unpack_from(raw, at + 1) if at + 5 < len(raw) else (0,)
        if size < 5 or at + 1 + size >= len(raw):
            raise ValueError(f"a section claims {size} bytes")
        at += 1 + size
    return at + 1


def _of_message(raw: bytes) -> Request:
    start = SECTIONS_AT + 1 if raw[SECTIONS_AT] == 0 else body_at(raw)
    end = document_end(raw, start)
    name_end = raw.index(0, start + 5, end)
    command = raw[start + 5 : name_end]
    return _judged(
        raw,
        command,
        _collection(raw, command, raw[start + 4], name_end + 1, start, end),
        _database(raw, start, end),
        not raw[FLAGS_AT] & MORE_TO_COME,
    )


def _of_query(raw: bytes) -> Request:
    """Old drivers say hello this way, and before MongoDB 5.1 anything else."""
    name_end = raw.index(0, SECTIONS_AT)
    database, _, collection = raw[SECTIONS_AT:name_end].partition(b".")
    if collection != b"$cmd":
        raise ValueError("an OP_QUERY on a collection, which MongoDB 5.1 and later do not answer")
    start = name_end + 9
    first = next(elements(raw, start), None)
    if first is not None and first.name in {b"$query", b"query"} and first.type == DOCUMENT:
        start = first.value_at
        first = next(elements(raw, start), None)
    if first is None:
        raise ValueError("an OP_QUERY without a command")
    end = document_end(raw, start)
    named = _collection(raw, first.name, first.type, first.value_at, start, end)
    return _judged(raw, first.name, named, database, True)


def _judged(
    raw: bytes, command: bytes, collection: bytes, database: bytes | None, expects_reply: bool
) -> Request:
    if command == b"aggregate" and _stores(raw):
        return _request(b"$out", collection, database, expects_reply)
    return _request(command, collection, database, expects_reply)


# An application sends the same few commands to the same few collections.
@lru_cache(maxsize=4096)
def _request(
    command: bytes, collection: bytes, database: bytes | None, expects_reply: bool
) -> Request:
    treatment = _treatment(command)
    if treatment is not Treatment.READ and treatment is not Treatment.WRITE:
        return Request(treatment, expects_reply, "", _text(command))
    if database is None:
        raise ValueError("a command without $db")
    if database in _INTERNAL_DATABASES and command not in _ADMIN_WRITES:
        return Request(Treatment.GOSSIP, expects_reply, "", _text(command))
    namespace = f"{_text(database)}.{_text(collection)}"
    return Request(treatment, expects_reply, namespace, _text(command))


def _treatment(command: bytes) -> Treatment:
    known = _TREATMENTS.get(command)
    if known is not None:
        return known
    return Treatment.SECRET if is_secret(command) else Treatment.WRITE


def _stores(raw: bytes) -> bool:
    """Return whether an aggregation may write its result; a mere mention of the word counts as well."""
    return b"$out\x00" in raw or b"$merge\x00" in raw


def _database(raw: bytes, start: int, end: int) -> bytes | None:
    """Return the command's database; None if it names none."""
    at = raw.find(_DATABASE, start, end)
    if at < 0:
        return None
    if raw.find(_DATABASE, at + 1, end) >= 0:
        # A DBRef among the values may have a `$db` of its own: walk the fields to find the command's.
        for element in elements(raw, start):
            if element.name == b"$db" and element.type == STRING:
                at = element.start
    return _string(raw, at + len(_DATABASE), end)


def _collection(
    raw: bytes, command: bytes, first_type: int, value_at: int, start: int, end: int
) -> bytes:
    """Return the collection a command names; empty for a command on the whole database."""
    if command == b"getMore":
        at = raw.find(_COLLECTION, start, end)
        return b"" if at < 0 else _string(raw, at + len(_COLLECTION), end)
    if first_type == STRING:
        return _string(raw, value_at, end)
    return b""


def _string(raw: bytes, at: int, end: int) -> bytes:
    if at + 4 > end:
        raise ValueError("a string breaks off")
    (size,) = INT32.unpack_from(raw, at)
    if size < 1 or at + 4 + size > end:
        raise ValueError(f"a string claims {size} bytes")
    return raw[at + 4 : at + 3 + size]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _broken(reason: str) -> WireError:
    return WireError(
        f"a request cannot be read: {reason}",
        where="client",
        remedy="check that the client speaks MongoDB's wire protocol",
    )
