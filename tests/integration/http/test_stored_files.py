"""Stored files over HTTP, on both databases."""

import asyncio
import hashlib
from typing import Any
from uuid import uuid4

import aiohttp
from bson import ObjectId
from gridfs.asynchronous import AsyncGridFSBucket
from pymongo import AsyncMongoClient

from proxy.embedded import EmbeddedMongo
from proxy.embedded.http import EmbeddedHttp
from tests.integration.http.conftest import NAME, Answer, Api

CHUNK = 255 * 1024
CONTENT = bytes(range(256)) * 3000
"""Three chunks, and a part of one."""


async def stored(api: Api, content: bytes = CONTENT, name: str = "Größe.bin") -> Answer:
    made = await api(
        "POST",
        "/v1/stored-files",
        token="writer",
        params={"filename": name, "metadata": '{"of": {"$oid": "5f5f5f5f5f5f5f5f5f5f5f5f"}}'},
        data=content,
        headers={"Content-Type": "text/html"},
    )
    assert made.status == 201, made
    return made


async def test_a_file_is_stored_described_sent_and_deleted(api: Api) -> None:
    made = await stored(api)
    place, digest = made.headers["Location"], hashlib.sha256(CONTENT).hexdigest()
    assert made.headers["ETag"] == f'"{digest}"'
    assert (made.body["sha256"], made.body["length"]) == (digest, len(CONTENT))
    assert (made.body["filename"], made.body["contentType"]) == ("Größe.bin", "text/html")
    assert made.body["metadata"] == {"of": {"$oid": "5f5f5f5f5f5f5f5f5f5f5f5f"}}
    assert (await api("GET", place, token="reader")).body == made.body

    async with api.session.get(
        f"{api.served.address}{place}/content", headers={"Authorization": "Bearer reader"}
    ) as response:
        assert await response.read() == CONTENT
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Disposition"] == (
            "attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe.bin"
        )
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    tags = {"If-None-Match": made.headers["ETag"]}
    assert (await api("GET", f"{place}/content", headers=tags)).status == 304

    assert (await api("DELETE", place, token="writer")).status == 204
    for method, path in (("GET", place), ("GET", f"{place}/content"), ("DELETE", place)):
        gone = await api(method, path)
        assert (gone.status, gone.code) == (404, "no_such_document")


async def test_a_range_is_a_part_of_a_file(api: Api) -> None:
    place = (await stored(api)).headers["Location"]
    size = len(CONTENT)
    for asked, part in (
        ("bytes=0-0", (0, 1)),
        (f"bytes={CHUNK - 1}-{CHUNK}", (CHUNK - 1, CHUNK + 1)),
        (f"bytes={CHUNK}-{2 * CHUNK - 1}", (CHUNK, 2 * CHUNK)),
        ("bytes=600000-", (600_000, size)),
        ("bytes=-5", (size - 5, size)),
        (f"bytes=100-{10 * size}", (100, size)),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("pages=1-2", None),
    ):
        headers = {"Authorization": "Bearer reader", "Range": asked}
        url = f"{api.served.address}{place}/content"
        async with api.session.get(url, headers=headers) as response:
            content = await response.read()
            first, stop = part or (0, size)
            assert content == CONTENT[first:stop], asked
            assert response.status == (206 if part else 200)
            told = response.headers.get("Content-Range")
            assert told == (f"bytes {first}-{stop - 1}/{size}" if part else None)
    beyond = await api("GET", f"{place}/content", headers={"Range": f"bytes={size}-"})
    assert (beyond.status, beyond.code) == (416, "no_such_range")
    assert beyond.headers["Content-Range"] == f"bytes */{size}"
    other = {"Range": "bytes=0-0", "If-Range": '"other"'}
    assert (await api("GET", f"{place}/content", headers=other)).status == 200


async def test_files_are_listed_by_pages(api: Api) -> None:
    name = str(uuid4())
    places = [(await stored(api, b"x" * n, name)).body["_id"] for n in range(3)]
    seen: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        asked = {"filename": name, "limit": "2", **cursor}
        page = await api("GET", "/v1/stored-files", token="reader", params=asked)
        seen += [each["_id"] for each in page.body["items"]]
        if page.body["next"] is None:
            break
        cursor = {"cursor": page.body["next"]}
    assert seen == places[::-1]


async def test_a_file_that_is_too_long_is_refused_before_it_is_sent(api: Api) -> None:
    name = str(uuid4())
    path = f"/v1/stored-files?filename={name}"
    reader, writer = await asyncio.open_connection("127.0.0.1", api.served.port)
    request = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer writer\r\n"
        f"Content-Length: {2**30 + 1}\r\n\r\n"
    )
    writer.write(request.encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    await writer.wait_closed()
    assert (await api("GET", "/v1/stored-files", params={"filename": name})).body["items"] == []


async def test_drivers_and_the_api_read_the_same_files(
    mongo: EmbeddedMongo, on_mongodb: EmbeddedHttp
) -> None:
    async with (
        AsyncMongoClient[dict[str, Any]](mongo.uri, serverMonitoringMode="poll") as client,
        aiohttp.ClientSession() as session,
    ):
        api = Api(session=session, served=on_mongodb)
        bucket = AsyncGridFSBucket(client[NAME])
        made = await stored(api)
        identifier = ObjectId(made.body["_id"]["$oid"])
        assert await (await bucket.open_download_stream(identifier)).read() == CONTENT

        own = await bucket.upload_from_stream("own", CONTENT)
        place = f"/v1/stored-files/{own}"
        assert (await api("GET", place)).body["length"] == len(CONTENT)
        await client[NAME]["fs.chunks"].delete_one({"files_id": own, "n": 0})
        damaged = await api("GET", f"{place}/content")
        assert (damaged.status, damaged.code) == (500, "damaged")
