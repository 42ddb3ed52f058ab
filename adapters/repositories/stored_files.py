"""Stored files: GridFS, in the layout of MongoDB's drivers, on any database. They stream in bounded memory.

Source: MongoDB specifications, "GridFS".
"""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from bson.objectid import ObjectId

from adapters.database import Database
from adapters.gateway import Generated
from adapters.mongoose.answers import acknowledged, documents_of
from adapters.mongoose.errors import ServerError
from comparators.errors import CorruptionError
from comparators.operation import Kind, Operation
from comparators.outcome import Failure, Result

CHUNK: Final = 255 * 1024
"""Bytes of a chunk: what drivers use, so that a chunk and its fields fit into 256 KiB."""
AT_ONCE: Final = 8
"""How many chunks are held in memory, and go over the wire together."""
HASH: Final = "sha256"
"""Where the metadata of a file keeps its hash."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is known of a stored file; `sha256` is None for one that a driver stored without."""

    identifier: Any
    filename: str | None
    length: int
    chunk_size: int
    uploaded: DatetimeMS
    metadata: Mapping[str, Any]
    sha256: str | None
    md5: str | None


class StoredFiles:
    """The files of one bucket. What is read is verified chunk by chunk: their order, their lengths, and the hash of all.

    CorruptionError where chunks are missing, too many, of a wrong length, or of other content: what was given before is to be
    thrown away.
    """

    def __init__(
        self,
        database: Database,
        *,
        name: str,
        clock: Callable[[], int],
        bucket: str = "fs",
        chunk_size: int = CHUNK,
    ) -> None:
        self._database = database
        self._name = name
        self._clock = clock
        self._bucket = bucket
        self._chunk_size = chunk_size
        self._indexed = False

    async def ensure_indexes(self) -> None:
        """Make the indexes of a bucket, those that drivers make."""
        by_name = {"key": {"filename": 1, "uploadDate": 1}, "name": "filename_1_uploadDate_1"}
        of_chunks = {"key": {"files_id": 1, "n": 1}, "name": "files_id_1_n_1", "unique": True}
        await self._run("files", Kind.CREATE_INDEXES, indexes=[by_name])
        await self._run("chunks", Kind.CREATE_INDEXES, indexes=[of_chunks])
        self._indexed = True

    async def upload(
        self,
        filename: str,
        content: AsyncIterable[bytes],
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> Stored:
        """Store a file and return what is known of it; nobody sees it before it is whole.

        The first one makes the indexes, as with drivers.
        """
        if not self._indexed:
            await self.ensure_indexes()
        identifier = ObjectId()
        try:
            length, digest = await self._store_chunks(identifier, content)
            document: Document = {
                "_id": identifier,
                "length": Int64(length),
                "chunkSize": self._chunk_size,
                "uploadDate": DatetimeMS(self._clock()),
                "filename": filename,
                "metadata": {**(metadata or {}), HASH: digest},
            }
            acknowledged(
                await self._run("files", Kind.INSERT, documents=[document]), self._place("files")
            )
        except BaseException:
            await self._delete_chunks(identifier)
            raise
        return _stored(document)

    async def find(self, identifier: Any) -> Stored | None:
        """Return what is known of a file, None where there is none."""
        found = await self._documents("files", filter={"_id": identifier}, limit=1)
        return _stored(found[0]) if found else None

    async def find_by_name(self, filename: str) -> list[Stored]:
        """Return the files with a name, the newest first."""
        newest = {"uploadDate": -1, "_id": -1}
        found = await self._documents("files", filter={"filename": filename}, sort=newest)
        return [_stored(each) for each in found]

    async def select(
        self, condition: Mapping[str, Any], *, limit: int, sort: Mapping[str, int]
    ) -> list[Stored]:
        """Return what is known of the files that a filter selects."""
        found = await self._documents("files", filter=condition, sort=sort, limit=limit)
        return [_stored(each) for each in found]

    async def download(self, identifier: Any) -> AsyncIterator[bytes]:
        """Yield the content of a file, chunk by chunk, each verified; CorruptionError also where there is no such file."""
        stored = await self.find(identifier)
        if stored is None:
            raise self._broken("there is no such file", identifier)
        told = {HASH: stored.sha256, "md5": stored.md5}
        sums = {name: hashlib.new(name, usedforsecurity=False) for name in told if told[name]}
        given = 0
        async for chunk in self._chunks(stored):
            for each in sums.values():
                each.update(chunk)
            given += len(chunk)
            if given > stored.length:
                raise self._broken("it is longer than its length", identifier)
            yield chunk
        if given != stored.length:
            raise self._broken(f"{stored.length - given} bytes are missing", identifier)
        for name, sum_ in sums.items():
            if sum_.hexdigest() != told[name]:
                raise self._broken(f"its {name} is another", identifier)

    async def part(self, stored: Stored, first: int, stop: int) -> AsyncIterator[bytes]:
        """Yield the bytes of a file from `first` to before `stop`.

        Each chunk is verified by its place and length; the hash is that of all, so that a part has none.
        """
        size = stored.chunk_size
        begin, at = first // size, first // size * size
        async for chunk in self._chunks(stored, begin, -(-stop // size)):
            yield chunk[max(first - at, 0) : stop - at]
            at += size

    async def verify(self, identifier: Any) -> int:
        """Read a file as `download` does and return its length; CorruptionError for one that is not whole."""
        length = 0
        async for chunk in self.download(identifier):
            length += len(chunk)
        return length

    async def rename(self, identifier: Any, filename: str) -> bool:
        """Give a file another name; return whether there is such a file."""
        update = {"q": {"_id": identifier}, "u": {"$set": {"filename": filename}}}
        told = acknowledged(
            await self._run("files", Kind.UPDATE, updates=[update]), self._place("files")
        )
        return told.n > 0

    async def delete(self, identifier: Any) -> bool:
        """Delete a file and its chunks; return whether there was one."""
        gone = {"q": {"_id": identifier}, "limit": 1}
        told = acknowledged(
            await self._run("files", Kind.DELETE, deletes=[gone]), self._place("files")
        )
        await self._delete_chunks(identifier)
        return told.n > 0

    async def _store_chunks(
        self, identifier: ObjectId, content: AsyncIterable[bytes]
    ) -> tuple[int, str]:
        length, number = 0, 0
        digest = hashlib.sha256()
        waiting: list[Document] = []
        async for chunk in _cut(content, self._chunk_size):
            digest.update(chunk)
            length += len(chunk)
            data = Binary(chunk)
            waiting.append({"_id": ObjectId(), "files_id": identifier, "n": number, "data": data})
            number += 1
            if len(waiting) == AT_ONCE:
                await self._insert_chunks(waiting)
                waiting = []
        if waiting:
            await self._insert_chunks(waiting)
        return length, digest.hexdigest()

    async def _insert_chunks(self, chunks: list[Document]) -> None:
        result = await self._run("chunks", Kind.INSERT, documents=chunks)
        acknowledged(result, self._place("chunks"))

    async def _chunks(
        self, stored: Stored, begin: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        count = -(-stored.length // stored.chunk_size)
        # To the end, one beyond the last: a chunk too many is told by that.
        stop = count + 1 if end is None else end
        for first in range(begin, stop, AT_ONCE):
            beyond = min(first + AT_ONCE, stop)
            some = {"files_id": stored.identifier, "n": {"$gte": first, "$lt": beyond}}
            found = await self._documents("chunks", filter=some, sort={"n": 1})
            expected = range(first, min(beyond, count))
            if [int(each["n"]) for each in found] != list(expected):
                raise self._broken("its chunks are not those that its length wants", stored)
            for number, each in zip(expected, found, strict=True):
                last = stored.length - number * stored.chunk_size
                if len(each["data"]) != min(stored.chunk_size, last):
                    raise self._broken(f"chunk {number} has a wrong length", stored)
                yield bytes(each["data"])

    async def _delete_chunks(self, identifier: Any) -> None:
        gone = {"q": {"files_id": identifier}, "limit": 0}
        result = await self._run("chunks", Kind.DELETE, deletes=[gone])
        acknowledged(result, self._place("chunks"))

    async def _documents(self, part: str, **arguments: Any) -> list[Document]:
        return documents_of(await self._run(part, Kind.FIND, **arguments), self._place(part))

    async def _run(self, part: str, kind: Kind, **arguments: Any) -> Result:
        operation = Operation(
            database=self._name,
            collection=f"{self._bucket}.{part}",
            kind=kind,
            arguments=arguments,
        )
        outcome = await self._database.run(operation, generated=Generated(now_ms=self._clock()))
        if isinstance(outcome.result, Failure):
            raise ServerError.from_result(outcome.result, where=operation.namespace)
        return outcome.result

    def _place(self, part: str) -> str:
        return f"{self._name}.{self._bucket}.{part}"

    def _broken(self, what: str, of: Any) -> CorruptionError:
        identifier = of.identifier if isinstance(of, Stored) else of
        return CorruptionError(
            f"a stored file is not whole: {what}",
            where=f"{self._place('files')} {identifier!r}",
            remedy="store it again, or take it from a backup",
        )


def _stored(document: Mapping[str, Any]) -> Stored:
    metadata = document.get("metadata")
    known: Mapping[str, Any] = metadata if isinstance(metadata, Mapping) else {}
    told = known.get(HASH)
    return Stored(
        identifier=document["_id"],
        filename=document.get("filename"),
        length=int(document["length"]),
        chunk_size=int(document["chunkSize"]),
        uploaded=document["uploadDate"],
        metadata={name: value for name, value in known.items() if name != HASH},
        sha256=told if isinstance(told, str) else None,
        md5=document.get("md5"),
    )


async def _cut(content: AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    """Yield a content in pieces of one size, the last one smaller."""
    held = bytearray()
    async for piece in content:
        for first in range(0, len(piece), size):
            held += piece[first : first + size]
            while len(held) >= size:
                yield bytes(held[:size])
                del held[:size]
    if held:
        yield bytes(held)
