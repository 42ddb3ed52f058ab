"""One exchange as people and machines may see it: redacted, unless its values were asked for."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bson.json_util import CANONICAL_JSON_OPTIONS, dumps

from adapters.mongodb.replies import read_reply
from comparators.canonical import decode
from comparators.naming import general_name
from comparators.outcome import (
    Acknowledgement,
    Count,
    Documents,
    Failure,
    Modified,
    Result,
    Values,
)
from comparators.shape import shape_of
from proxy.jobs.captures.exchanges import Traded
from proxy.ledger.redaction import Revealed, summary
from proxy.ledger.redaction import revealed as shown_value
from proxy.message import reply_body
from proxy.request import Request, operation_of
from proxy.shadow.decode import UNDECODABLE

NO_ANSWER: Final = "no answer"
_GOSSIP: Final = frozenset({"$clusterTime", "operationTime", "electionId", "opTime", "lsid"})
_STATEMENTS: Final = frozenset(
    {"updates", "deletes", "cursor", "indexes", "lastErrorObject", "upserted", "writeErrors"}
)
"""Parts of a command or reply that are laid out like one."""
_PLAIN: Final = frozenset(
    {
        *("sort", "limit", "skip", "batchSize", "ordered", "multi", "upsert", "new", "remove"),
        *("ok", "n", "nModified", "code", "key", "unique", "sparse", "index", "id"),
        *("updatedExisting", "background", "expireAfterSeconds", "singleBatch", "keyPattern"),
    }
)
"""What a command or reply says of itself in numbers. Anything else may hold values of documents."""
_MOST_ITEMS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which exchanges are wanted; None and empty ask for all."""

    collections: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    since_ns: int | None = None
    until_ns: int | None = None

    def wants(self, traded: Traded) -> bool:
        """Return whether an exchange is wanted."""
        request = traded.request
        if request is None:
            return not self.collections and not self.kinds
        if self.collections and self.collections.isdisjoint({request.namespace, request.database}):
            return False
        if self.kinds and self.kinds.isdisjoint({request.kind.value, request.name}):
            return False
        after = self.since_ns is None or traded.received_ns >= self.since_ns
        return after and (self.until_ns is None or traded.received_ns < self.until_ns)


def line_of(traded: Traded) -> str:
    """Return an exchange as a line without any value: position, time, duration, shape, answer."""
    took = "-" if traded.ended else f"{traded.record.legacy_ns / 1e6:.2f} ms"
    what = "a message that cannot be decoded"
    if traded.request is not None:
        what = f"{traded.request.database}.{_shape(traded.request)}"
    return f"{traded.start}  {moment_of(traded.received_ns)}  {took:>10}  {what} -> {answer_of(traded)}"


def answer_of(traded: Traded) -> str:
    """Return what the answer says, in numbers."""
    if not traded.reply or traded.request is None:
        return NO_ANSWER
    try:
        result = read_reply(traded.request.kind, reply_body(traded.reply)).result
    except UNDECODABLE:
        return "an answer that cannot be decoded"
    return _told(result)


def json_of(traded: Traded, *, values: bool, revealed: Revealed) -> str:
    """Return an exchange as a line of Extended JSON; without `values` each is replaced by its class."""
    request = traded.request
    entry: dict[str, Any] = {
        "position": traded.start,
        "answered_at": None if traded.ended else traded.record.position,
        "at": moment_of(traded.received_ns),
        "connection": traded.record.connection
        if traded.intent is None
        else traded.intent.connection,
        "legacy_ms": None if traded.ended else traded.record.legacy_ns / 1e6,
    }
    if request is None:
        return json.dumps({**entry, "undecodable": True})
    session = request.session
    entry |= {
        "command": request.name,
        "collection": request.namespace,
        "transaction": session is not None and session.in_transaction,
    }
    command, reply = request.command, _reply_of(traded)
    if values:
        entry |= {"request": command, "reply": reply}
        return dumps(entry, json_options=CANONICAL_JSON_OPTIONS)
    redacted = Redacted(request.namespace, revealed)
    entry |= {
        "request": redacted.command(request),
        "reply": None if reply is None else redacted.statement(reply),
    }
    return json.dumps(entry)


def moment_of(at_ns: int) -> str:
    """Return a moment as people write it, in UTC."""
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="milliseconds")


class Redacted:
    """Commands and replies of one collection, each value replaced by its class unless a rule reveals it."""

    def __init__(self, namespace: str, revealed: Revealed) -> None:
        self._namespace = namespace
        self._revealed = revealed

    def command(self, request: Request) -> dict[str, Any]:
        """Return a command; it begins with its own name and that of the collection."""
        arguments = operation_of(request).arguments
        rest = {name: value for name, value in arguments.items() if name != request.name}
        return {request.name: request.collection, **self.statement(rest)}

    def statement(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return a command, a reply, or a part that is laid out like one."""
        shown = {}
        for name, value in fields.items():
            if name in _STATEMENTS:
                shown[name] = self._each(value, self.statement)
            elif name in _PLAIN:
                shown[name] = _numbers(value)
            elif name not in _GOSSIP:
                shown[general_name(name)] = self._value(value, "")
        return shown

    def _value(self, value: Any, path: str) -> Any:
        """Return a value of a document, a filter, an update or a pipeline; operators are in no path."""
        if isinstance(value, Mapping):
            return {
                name if name[:1] == "$" else general_name(name): self._value(
                    item, _below(path, name)
                )
                for name, item in value.items()
            }
        if isinstance(value, list | tuple):
            return self._each(value, lambda item: self._value(item, path))
        if path and self._revealed(self._namespace, path):
            return shown_value(value)
        return summary(value)

    def _each(self, value: Any, show: Callable[[Any], Any]) -> Any:
        if isinstance(value, list | tuple):
            items = [self._each(item, show) for item in value[:_MOST_ITEMS]]
            return items if len(value) <= _MOST_ITEMS else [*items, f"… {len(value)} in all"]
        return show(value) if isinstance(value, Mapping) else self._value(value, "")


def _below(path: str, name: str) -> str:
    if name[:1] == "$":
        return path
    return f"{path}.{name}" if path else name


def _numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {general_name(name): _numbers(item) for name, item in value.items()}
    return value if isinstance(value, bool | int | float) else summary(value)


def _shape(request: Request) -> str:
    return shape_of(operation_of(request)).text


def _reply_of(traded: Traded) -> dict[str, Any] | None:
    if not traded.reply:
        return None
    try:
        return decode(reply_body(traded.reply))
    except UNDECODABLE:
        return None


def _told(result: Result) -> str:
    for kind, tell in _ANSWERS.items():
        if isinstance(result, kind):
            return tell(result)
    return "done"


_ANSWERS: Final[Mapping[type, Callable[[Any], str]]] = {
    Documents: lambda result: f"documents {len(result.documents)}",
    Values: lambda result: f"values {len(result.values)}",
    Count: lambda result: f"count {result.n}",
    Acknowledgement: lambda result: ", ".join(
        f"{name} {n}"
        for name, n in (
            ("n", result.n),
            ("modified", result.modified),
            ("upserted", len(result.upserted) or None),
            ("errors", len(result.errors) or None),
        )
        if n is not None
    ),
    Modified: lambda result: f"n {result.n}{'' if result.document is None else ', a document'}",
    Failure: lambda result: f"code {result.code}",
}
