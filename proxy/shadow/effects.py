"""What a captured write did on legacy, as its answer tells."""

from comparators.operation import Kind
from comparators.outcome import Acknowledgement, Failure, Modified
from proxy.shadow.exchange import Exchange


def changed_something(exchange: Exchange) -> bool:
    """Return whether a write has a place of its own in the oplog."""
    result = exchange.legacy.result if exchange.legacy is not None else None
    match result:
        case Acknowledgement():
            deletes = exchange.operation.kind in {Kind.DELETE, Kind.INSERT}
            return bool(result.upserted or result.modified or (deletes and result.n))
        case Modified():
            return result.n > 0
        case Failure() | None:
            return False
        case _:
            return True
