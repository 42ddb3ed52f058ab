from typing import Any

import pytest

from adapters.gateway import Footprint
from adapters.operations.catalog import Collection
from adapters.operations.indexes import index_of
from adapters.postgresql.catalog import PostgresCatalog
from adapters.postgresql.connections import Connections
from adapters.postgresql.document_storage import document_storage
from adapters.postgresql.footprints import footprint_of
from adapters.postgresql.layouts import Layouts
from comparators.canonical import document_key
from comparators.operation import Kind, Operation

SPECIFICATION = {"v": 2, "key": {"email": 1}, "name": "email_1", "unique": True}


def unread() -> PostgresCatalog:
    return PostgresCatalog(Layouts(Connections("postgresql://127.0.0.1", limit=1)), {})


def catalog(*specifications: dict[str, Any]) -> PostgresCatalog:
    made = unread()
    made._collections["d", "c"] = Collection(
        storage=document_storage("d", "c"), indexes=tuple(map(index_of, specifications))
    )
    made.loaded = True
    return made


def footprint(known: PostgresCatalog, kind: Kind, **arguments: Any) -> Footprint:
    operation = Operation(database="d", collection="c", kind=kind, arguments=arguments)
    return footprint_of(operation, known)[0]


@pytest.mark.parametrize(
    ("kind", "arguments", "writes"),
    [
        (Kind.FIND, {"filter": {"_id": 1, "a": 2}}, False),
        (Kind.INSERT, {"documents": [{"_id": 1}]}, True),
        (Kind.DELETE, {"deletes": [{"q": {"_id": 1}, "limit": 1}]}, True),
        (Kind.UPDATE, {"updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}}]}, True),
        (Kind.FIND_AND_MODIFY, {"query": {"_id": 1}, "remove": True}, True),
    ],
)
def test_an_identifier_is_the_footprint(kind: Kind, arguments: Any, writes: bool) -> None:
    assert footprint(catalog(), kind, **arguments) == Footprint(
        namespace="d.c", keys=frozenset({document_key(1)}), writes=writes
    )


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (Kind.FIND, {"filter": {"a": 2}}),
        (Kind.DELETE, {"deletes": [{"q": {"_id": 1}, "limit": 1}]}),
        (Kind.UPDATE, {"updates": [{"q": {"_id": 1}, "u": {"$set": {"email.x": 1}}}]}),
        (Kind.UPDATE, {"updates": [{"q": {"_id": 1}, "u": {"$rename": {"a": "email"}}}]}),
        (Kind.UPDATE, {"updates": [{"q": {"_id": 1}, "u": {"a": 1}}]}),
        (Kind.UPDATE, {"updates": [{"q": {"_id": 1}, "u": [{"$set": {"a": 1}}]}]}),
        (Kind.UPDATE, {"updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}, "upsert": True}]}),
    ],
)
def test_what_may_free_or_take_a_unique_value_is_the_whole_collection(
    kind: Kind, arguments: Any
) -> None:
    assert footprint(catalog(SPECIFICATION), kind, **arguments).keys is None


def test_inserts_of_one_unique_value_meet() -> None:
    known = catalog(SPECIFICATION)
    one = footprint(known, Kind.INSERT, documents=[{"_id": 1, "email": "a"}]).keys
    other = footprint(known, Kind.INSERT, documents=[{"_id": 2, "email": "a"}]).keys
    third = footprint(known, Kind.INSERT, documents=[{"_id": 3, "email": "b"}]).keys

    assert one is not None
    assert other is not None
    assert third is not None
    assert one & other
    assert not one & third


def test_a_join_reads_both_collections() -> None:
    pipeline = [{"$facet": {"x": [{"$lookup": {"from": "other", "pipeline": []}}]}}]
    operation = Operation(
        database="d", collection="c", kind=Kind.AGGREGATE, arguments={"pipeline": pipeline}
    )

    assert [each.namespace for each in footprint_of(operation, catalog())] == ["d.c", "d.other"]


def test_definitions_and_an_unread_catalog_are_barriers() -> None:
    assert footprint(catalog(), Kind.CREATE_INDEXES, indexes=[SPECIFICATION]).barrier
    assert footprint(unread(), Kind.FIND, filter={"_id": 1}).barrier


@pytest.mark.parametrize(
    ("stage", "target"),
    [
        ({"$out": "t"}, "d.t"),
        ({"$out": {"db": "x", "coll": "t"}}, "x.t"),
        ({"$merge": "t"}, "d.t"),
        ({"$merge": {"into": {"db": "x", "coll": "t"}}}, "x.t"),
    ],
)
def test_a_pipeline_that_stores_writes_the_whole_of_its_target(stage: Any, target: str) -> None:
    operation = Operation(
        database="d", collection="c", kind=Kind.AGGREGATE, arguments={"pipeline": [stage]}
    )

    assert footprint_of(operation, catalog()) == (
        Footprint(namespace="d.c", keys=None, writes=False),
        Footprint(namespace=target, keys=None, writes=True),
    )
