"""When the clocks of two writes that ran at the same time tell their order."""

from collections.abc import Mapping
from typing import Any

from adapters.gateway import Footprint
from comparators.operation import Kind, Operation
from proxy.shadow.contention import is_contended
from proxy.shadow.exchange import Exchange
from proxy.shadow.units import Single

WHOLE = (Footprint(namespace="app.users", keys=None, writes=True),)


def write(kind: Kind, clock: int | None, **arguments: Any) -> Single:
    return Single(exchange=_exchange(kind, clock, arguments))


def _exchange(kind: Kind, clock: int | None, arguments: Mapping[str, Any]) -> Exchange:
    return Exchange(
        start=1,
        position=2,
        connection=1,
        received_ns=1,
        legacy_s=0.0,
        overhead_s=0.0,
        namespace="app.users",
        legacy=None,
        clock=clock,
        session=None,
        batch=None,
        operation=Operation(
            database="app", collection="users", kind=kind, arguments=dict(arguments)
        ),
        writes=True,
        endless=False,
        retried=False,
    )


def contended(unit: Single, other: Single) -> bool:
    unit.beside.append(other)
    return is_contended(unit, WHOLE)


def test_clocks_order_writes_of_one_document_each() -> None:
    one = write(Kind.INSERT, 5, documents=[{"_id": 1}])
    other = write(Kind.DELETE, 6, deletes=[{"q": {"_id": 1}, "limit": 1}])

    assert not contended(one, other)


def test_write_without_a_clock_is_not_ordered() -> None:
    one = write(Kind.INSERT, 5, documents=[{"_id": 1}])
    other = write(Kind.INSERT, None, documents=[{"_id": 1}])

    assert contended(one, other)


def test_batch_is_not_ordered() -> None:
    one = write(Kind.INSERT, 5, documents=[{"_id": 1}, {"_id": 2}])
    other = write(Kind.INSERT, 6, documents=[{"_id": 3}])

    assert contended(one, other)


def test_insert_that_may_make_its_collection_is_not_ordered_with_a_create() -> None:
    insert = write(Kind.INSERT, 6, documents=[{"_id": 1}])

    assert contended(write(Kind.CREATE, 5), insert)
