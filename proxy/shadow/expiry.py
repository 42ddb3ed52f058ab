"""Documents that a TTL index may remove at any moment are not comparable, not missing."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from adapters.gateway import Expiry, Gateway
from comparators.canonical import decode, document_key
from comparators.operation import Kind, Operation
from proxy.shadow.patience import Outage

_REFRESH_S: Final = 5.0
_SLACK_MS: Final = 1_000
_FIRST_STAGES: Final = frozenset(
    {"$group", "$sort", "$project", "$unwind", "$sortByCount", "$count"}
)
"""The stages of figures over a whole collection; others may have to stand in front."""


class Expiries:
    """The TTL indexes of collections, as the gateway knows them."""

    def __init__(self, gateway: Gateway, outage: Outage) -> None:
        self._gateway = gateway
        self._outage = outage
        self._known: dict[str, tuple[float, Sequence[Expiry]]] = {}

    def forget(self) -> None:
        """Ask anew next time: an index was made or dropped."""
        self._known.clear()

    async def predicate(self, namespace: str, now_ns: int) -> Callable[[bytes], bool] | None:
        """Return whether a raw document is past its date, None where no TTL index exists.

        A projection may hide the date; then the document is known by its `_id`.
        """
        indexes = await self._of(namespace)
        if not indexes:
            return None
        now_ms = now_ns // 1_000_000 + _SLACK_MS
        gone = {document_key(each) for each in await self._expired(namespace, now_ms)}

        def is_expired(document: bytes) -> bool:
            fields = decode(document)
            if any(_is_past(fields, index, now_ms) for index in indexes):
                return True
            return document_key(fields["_id"]) in gone if "_id" in fields else bool(gone)

        return is_expired

    async def holds_expired(self, namespace: str, now_ns: int) -> bool:
        """Return whether the gateway still holds documents that legacy may have removed."""
        if not await self._of(namespace):
            return False
        return bool(await self._expired(namespace, now_ns // 1_000_000))

    async def unexpired(self, operation: Operation, now_ns: int) -> Operation | None:
        """Return the same question about those documents alone that no TTL index may remove yet.

        None for what takes no filter in front.
        """
        now_ms = now_ns // 1_000_000 + _SLACK_MS
        past = [
            {index.path: {"$lte": DatetimeMS(now_ms - index.after_s * 1000)}}
            for index in await self._of(operation.namespace)
        ]
        return _narrowed(operation, {"$nor": past}) if past else operation

    async def _expired(self, namespace: str, now_ms: int) -> Sequence[Any]:
        return await self._outage.endure(lambda: self._gateway.expired(namespace, now_ms=now_ms))

    async def _of(self, namespace: str) -> Sequence[Expiry]:
        now_s = time.monotonic()
        known = self._known.get(namespace)
        if known is None or now_s - known[0] > _REFRESH_S:
            found = await self._outage.endure(lambda: self._gateway.expiring(namespace))
            known = (now_s, found)
            self._known[namespace] = known
        return known[1]


def _narrowed(operation: Operation, condition: dict[str, Any]) -> Operation | None:
    """Return an operation whose documents also fulfil a condition."""
    arguments = dict(operation.arguments)
    match operation.kind:
        case Kind.COUNT | Kind.DISTINCT:
            arguments["query"] = {"$and": [arguments.get("query") or {}, condition]}
        case Kind.AGGREGATE:
            match arguments.get("pipeline"):
                case [{"$match": first}, *rest]:
                    arguments["pipeline"] = [{"$match": {"$and": [first, condition]}}, *rest]
                case [first, *_] as stages if not _FIRST_STAGES.isdisjoint(first):
                    arguments["pipeline"] = [{"$match": condition}, *stages]
                case _:
                    return None
        case _:
            return None
    return replace(operation, arguments=arguments)


def _is_past(document: dict[str, Any], index: Expiry, now_ms: int) -> bool:
    return any(
        int(date) + index.after_s * 1000 <= now_ms
        for date in _dates(document, index.path.split("."))
    )


def _dates(value: Any, path: list[str]) -> list[DatetimeMS]:
    """Return the dates at a path; of an array all, as the earliest counts."""
    if isinstance(value, list):
        return [date for item in value for date in _dates(item, path)]
    if not path:
        return [value] if isinstance(value, DatetimeMS) else []
    return _dates(value.get(path[0]), path[1:]) if isinstance(value, dict) else []
