"""Stored files on each database: whole, in bounded memory, and verified chunk by chunk."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from bson.binary import Binary
from bson.objectid import ObjectId
from gridfs.asynchronous import AsyncGridFSBucket
from pymongo import AsyncMongoClient

from adapters.gateway import Generated
from adapters.repositories.gateway import RepositoryGateway
from adapters.repositories.stored_files import AT_ONCE, StoredFiles
from comparators.errors import CorruptionError
from comparators.operation import Kind, Operation
from tests.integration.repositories.conftest import NAME, Clock, NotedDatabase

SMALL = 1024


async def _pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for first in range(0, len(content), size):
        yield content[first : first + size]


async def _content(files: StoredFiles, identifier: Any) -> bytes:
    return b"".join([chunk async for chunk in files.download(identifier)])


@pytest.fixture
def files(gateway: RepositoryGateway, database: NotedDatabase, clock: Clock) -> StoredFiles:
    assert isinstance(gateway.stored_files(), StoredFiles)
    return StoredFiles(database, name=NAME, clock=clock, chunk_size=SMALL)


async def test_a_file_comes_back_as_it_was(files: StoredFiles, database: NotedDatabase) -> None:
    for length in (0, SMALL, SMALL * AT_ONCE, SMALL * AT_ONCE * 3 + 5):
        content = bytes(n % 251 for n in range(length))

        stored = await files.upload("a.bin", _pieces(content, 700), metadata={"of": "Ada"})
        found = await files.find(stored.identifier)

        assert await _content(files, stored.identifier) == content
        assert found == stored
        assert (found.length, found.metadata) == (length, {"of": "Ada"})
        assert await files.verify(stored.identifier) == length
    assert database.most <= AT_ONCE


async def test_files_are_renamed_and_deleted(files: StoredFiles) -> None:
    await files.ensure_indexes()
    first = await files.upload("a", _pieces(b"1" * 3000, 3000))
    second = await files.upload("a", _pieces(b"2", 1))

    assert [each.identifier for each in await files.find_by_name("a")] == [
        second.identifier,
        first.identifier,
    ]
    assert await files.rename(first.identifier, "b")
    assert not await files.rename(ObjectId(), "b")
    assert await files.delete(first.identifier)
    assert not await files.delete(first.identifier)
    assert await files.find(first.identifier) is None
    with pytest.raises(CorruptionError, match="no such file"):
        await files.verify(first.identifier)


DAMAGES: dict[str, dict[str, Any]] = {
    "lost": {"q": {"n": 1}, "limit": 1},
    "cut": {"q": {"n": 1}, "u": {"$set": {"data": Binary(b"short")}}},
    "changed": {"q": {"n": 1}, "u": {"$set": {"data": Binary(b"x" * SMALL)}}},
    "moved": {"q": {"n": 2}, "u": {"$set": {"n": 3}}},
    "shortened": {"q": {"n": 2}, "limit": 1},
}


async def test_damage_is_told(files: StoredFiles, database: NotedDatabase) -> None:
    for damage in DAMAGES.values():
        stored = await files.upload("a", _pieces(b"1" * 3000, 3000))
        statement = {**damage, "q": {**damage["q"], "files_id": stored.identifier}}
        kind = Kind.UPDATE if "u" in damage else Kind.DELETE
        operation = Operation(
            database=NAME, collection="fs.chunks", kind=kind, arguments={f"{kind}s": [statement]}
        )
        await database.run(operation, generated=Generated(now_ms=0))

        with pytest.raises(CorruptionError, match="not whole"):
            await files.verify(stored.identifier)


async def test_an_upload_that_breaks_off_leaves_nothing(
    files: StoredFiles, database: NotedDatabase
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        for _ in range(AT_ONCE + 1):
            yield b"x" * SMALL
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await files.upload("a", broken())

    operation = Operation(database=NAME, collection="fs.chunks", kind=Kind.COUNT, arguments={})
    counted: Any = (await database.run(operation, generated=Generated(now_ms=0))).result
    assert counted.n == 0
    assert await files.find_by_name("a") == []


async def test_drivers_and_stored_files_read_each_other(
    mongodb: Any, mongo_client: AsyncMongoClient[dict[str, Any]], clock: Clock
) -> None:
    files = StoredFiles(mongodb, name=NAME, clock=clock, bucket="shared")
    bucket = AsyncGridFSBucket(mongo_client[NAME], bucket_name="shared")
    content = b"0123456789" * 60_000

    theirs = await bucket.upload_from_stream("theirs", content)
    ours = await files.upload("ours", _pieces(content, 100_000))
    stream = await bucket.open_download_stream(ours.identifier)

    assert await _content(files, theirs) == content
    assert await stream.read() == content
    await stream.close()
