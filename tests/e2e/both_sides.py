"""Everything that both sides hold of a database, read past the sidecar."""

from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient

from adapters.gateway import Generated
from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import decode, document_key
from comparators.operation import Kind, Operation
from comparators.outcome import Documents
from tests.eventually import eventually

NOTHING_GENERATED = Generated(now_ms=0)
EQUAL_WITHIN_S = 20

Stored = dict[str, dict[bytes, bytes]]
"""By collection: raw documents by the key of their `_id`."""


async def both_sides_become_equal(mongo_uri: str, gateway_dsn: str, database: str) -> None:
    """Wait until both sides hold the same documents, byte for byte."""
    async with AsyncMongoClient[RawBSONDocument](
        mongo_uri, document_class=RawBSONDocument, serverMonitoringMode="poll"
    ) as legacy:

        async def are_equal() -> bool:
            # A gateway for each look: it remembers a catalog which the verifier may change meanwhile.
            async with PostgresGateway(gateway_dsn, connections=1) as gateway:
                on_gateway = await gateway_documents(gateway, database)
            _assert_equal(await legacy_documents(legacy, database), on_gateway)
            return True

        await eventually(are_equal, within_s=EQUAL_WITHIN_S)


async def legacy_documents(client: AsyncMongoClient[RawBSONDocument], database: str) -> Stored:
    """Return what MongoDB holds; a collection without documents counts as absent."""
    stored: Stored = {}
    for name in await client[database].list_collection_names():
        documents = [document.raw async for document in client[database][name].find()]
        if documents:
            stored[name] = _by_key(documents)
    return stored


async def gateway_documents(gateway: PostgresGateway, database: str) -> Stored:
    """Return what PostgreSQL holds; a collection without documents counts as absent."""
    stored: Stored = {}
    for entry in await _documents(gateway, database, "", Kind.LIST_COLLECTIONS):
        name = decode(entry)["name"]
        documents = await _documents(gateway, database, name, Kind.FIND)
        if documents:
            stored[name] = _by_key(documents)
    return stored


async def _documents(
    gateway: PostgresGateway, database: str, collection: str, kind: Kind
) -> tuple[bytes, ...]:
    operation = Operation(
        database=database, collection=collection, kind=kind, arguments={"filter": {}}
    )
    outcome = await gateway.run(operation, generated=NOTHING_GENERATED)
    assert isinstance(outcome.result, Documents), outcome.result
    return outcome.result.documents


def _by_key(documents: Any) -> dict[bytes, bytes]:
    return {document_key(decode(document)["_id"]): bytes(document) for document in documents}


def _assert_equal(legacy: Stored, gateway: Stored) -> None:
    assert legacy.keys() == gateway.keys(), "the sides hold other collections"
    for name, documents in legacy.items():
        others = gateway[name]
        assert documents.keys() == others.keys(), (
            f"{name}: {_shown(documents, others)} only on legacy, "
            f"{_shown(others, documents)} only on the gateway"
        )
        for key, document in documents.items():
            assert document == others[key], (
                f"{name}: legacy holds {decode(document)}, the gateway {decode(others[key])}"
            )


def _shown(ours: dict[bytes, bytes], theirs: dict[bytes, bytes]) -> list[Any]:
    return [decode(ours[key])["_id"] for key in list(ours.keys() - theirs.keys())[:5]]
