"""Documents and indexes of MongoDB for a captured load to find: read there, and only read."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from comparators.canonical import CODEC, encode
from proxy.jobs.bench.operations import Operations, decoded

_BYTES_AT_ONCE: Final = 8 * 1024 * 1024
_AT_ONCE: Final = 500
_DEFAULT_INDEX: Final = "_id_"


async def copied(client: AsyncMongoClient[Any], operations: Operations, *, most: int) -> Operations:
    """Return the operations with up to `most` documents, and the indexes, of each collection they name to be set up before."""
    setup = list(operations.setup)
    for database, collection in sorted(_namespaces(operations)):
        there = client.get_database(database, codec_options=CODEC)
        if collection in await there.list_collection_names():
            setup += await _setup_of(there, collection, most)
    return Operations(
        source=operations.source,
        setup=tuple(setup),
        units=operations.units,
        left_out=operations.left_out,
    )


async def _setup_of(database: AsyncDatabase[Any], collection: str, most: int) -> list[bytes]:
    indexes = [
        dict(each)
        async for each in await database[collection].list_indexes()
        if each["name"] != _DEFAULT_INDEX
    ]
    documents = await database[collection].find().limit(most).to_list()
    commands: list[dict[str, Any]] = []
    if indexes:
        commands.append({"createIndexes": collection, "indexes": indexes})
    commands += [{"insert": collection, "documents": part} for part in _parts(documents)]
    return [encode({**each, "$db": database.name}) for each in commands]


def _parts(documents: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield documents in parts that fit into a message."""
    part: list[dict[str, Any]] = []
    size = 0
    for document in documents:
        part.append(document)
        size += len(encode(document))
        if len(part) >= _AT_ONCE or size >= _BYTES_AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part


def _namespaces(operations: Operations) -> set[tuple[str, str]]:
    return set(_named(operations))


def _named(operations: Operations) -> Iterator[tuple[str, str]]:
    for unit in operations.units:
        for command in unit.commands:
            found = decoded(command)
            yield str(found["$db"]), str(next(iter(found.values())))
