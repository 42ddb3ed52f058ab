"""When the log cannot tell in which order writes met in a document.

Two writes that ran at the same time are ordered by their clocks. That fails where one of them
has no clock (a standalone server), is in doubt, or is made of several steps of which only the last
one's clock is known: a batch, or an update of many documents. And it fails beside a definition: an insert into
a collection that does not exist yet makes it first, and a `create` that comes between the two steps is refused
with an earlier clock than the insert's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.evaluate.clock import asks_for_clock
from adapters.gateway import Footprint
from comparators.canonical import document_key
from comparators.operation import Kind, Operation
from proxy.shadow.exchange import Exchange
from proxy.shadow.reach import namespaces_of
from proxy.shadow.units import Committed, InDoubt, Single

_SERVER_VALUES: Final = frozenset({"$currentDate", "$$NOW", "$$CLUSTER_TIME", "$rand"})
_DEFINITIONS: Final = frozenset(
    {
        Kind.CREATE,
        Kind.COLL_MOD,
        Kind.RENAME_COLLECTION,
        Kind.DROP,
        Kind.CREATE_INDEXES,
        Kind.DROP_INDEXES,
        Kind.DROP_DATABASE,
    }
)


def is_contended(unit: Single, footprints: tuple[Footprint, ...]) -> bool:
    """Return whether a write met another one in a document, in an order that nobody knows."""
    return any(
        _may_meet(footprints, other) and not _is_ordered(unit, other) for other in unit.beside
    )


def takes_server_values(operation: Operation) -> bool:
    """Return whether a write stores values that MongoDB makes up while it runs."""
    match operation.kind:
        case Kind.INSERT:
            return any(map(asks_for_clock, operation.arguments.get("documents", ())))
        case Kind.UPDATE:
            return any(_takes(s.get("u")) for s in operation.arguments.get("updates", ()))
        case Kind.AGGREGATE:
            return _mentions(operation.arguments.get("pipeline"))
        case Kind.FIND_AND_MODIFY:
            return _takes(operation.arguments.get("update"))
        case _:
            return False


def _takes(update: Any) -> bool:
    return _mentions(update) or (isinstance(update, Mapping) and asks_for_clock(update))


def _mentions(value: Any) -> bool:
    if isinstance(value, str):
        return value in _SERVER_VALUES
    if isinstance(value, Mapping):
        return any(key in _SERVER_VALUES or _mentions(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(_mentions, value))
    return False


def _is_ordered(unit: Single, other: Single | Committed | InDoubt) -> bool:
    if (
        isinstance(other, InDoubt)
        or unit.exchange.clock is None
        or has_steps(unit.exchange.operation)
    ):
        return False
    if isinstance(other, Committed):
        return other.commit.clock is not None
    if {unit.exchange.operation.kind, other.exchange.operation.kind} & _DEFINITIONS:
        return False
    return other.exchange.clock is not None and not has_steps(other.exchange.operation)


def has_steps(operation: Operation) -> bool:
    """Return whether a write is done in several steps, between which others may come."""
    arguments = operation.arguments
    match operation.kind:
        case Kind.INSERT:
            return len(arguments.get("documents", ())) > 1
        case Kind.UPDATE:
            return _any_of_many(arguments.get("updates", ()), "multi", many=True)
        case Kind.DELETE:
            return _any_of_many(arguments.get("deletes", ()), "limit", many=0)
        case Kind.AGGREGATE:
            return True
        case _:
            return False


def _any_of_many(statements: Sequence[Mapping[str, Any]], field: str, *, many: object) -> bool:
    return len(statements) > 1 or any(statement.get(field) == many for statement in statements)


def _may_meet(footprints: tuple[Footprint, ...], other: Single | Committed | InDoubt) -> bool:
    own = {footprint.namespace: footprint.keys for footprint in footprints if footprint.writes}
    return any(_meets(own, exchange) for exchange in _writes_of(other))


def _meets(own: Mapping[str, frozenset[bytes] | None], exchange: Exchange) -> bool:
    theirs = known_keys(exchange)
    return any(
        keys is None or theirs is None or not keys.isdisjoint(theirs)
        for namespace, keys in own.items()
        if namespace in namespaces_of(exchange.operation)
    )


def _writes_of(unit: Single | Committed | InDoubt) -> list[Exchange]:
    return [exchange for exchange in exchanges_of(unit) if exchange.writes]


def exchanges_of(unit: Single | Committed | InDoubt) -> Sequence[Exchange]:
    """Return the operations of a unit."""
    match unit:
        case Single():
            return [unit.exchange]
        case Committed():
            return [statement.exchange for statement in unit.statements]
        case InDoubt():
            return unit.exchanges


def known_keys(exchange: Exchange) -> set[bytes] | None:
    """Return the documents a write names by `_id`, None when it names them otherwise."""
    operation = exchange.operation
    arguments = operation.arguments
    match operation.kind:
        case Kind.INSERT:
            identifiers = [d.get("_id") for d in arguments.get("documents", ())]
        case Kind.UPDATE:
            identifiers = [s.get("q", {}).get("_id") for s in arguments.get("updates", ())]
        case Kind.DELETE:
            identifiers = [s.get("q", {}).get("_id") for s in arguments.get("deletes", ())]
        case Kind.FIND_AND_MODIFY:
            identifiers = [(arguments.get("query") or {}).get("_id")]
        case _:
            return None
    if any(i is None or isinstance(i, Mapping | list) for i in identifiers):
        return None
    return {document_key(identifier) for identifier in identifiers}
