"""Stored files (GridFS) over HTTP: in and out piece by piece, so that no file is in memory as a whole."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web
from bson.objectid import ObjectId

from adapters.repositories.paging import condition_after, cursor_after
from adapters.repositories.stored_files import Stored
from comparators.errors import ParallaxError
from proxy.http.call import Call, Reply
from proxy.http.entity import is_named
from proxy.http.problems import Code, ProblemError

TYPE: Final = "application/octet-stream"
"""How every content is sent: it was sent by strangers, and no browser shall run it."""
_KIND: Final = "contentType"
_NEWEST: Final[Mapping[str, int]] = {"_id": -1}
_PIECE: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_ID: Final = re.compile(r"[0-9a-f]{24}")
_CREATED: Final = 201
_NO_CONTENT: Final = 204
_WHOLE: Final = 200
_PART: Final = 206
_NOT_MODIFIED: Final = 304


async def upload(call: Call, request: web.Request) -> web.StreamResponse | Reply:
    """Store the body as a file."""
    if (request.content_length or 0) > call.parts.file_bytes:
        raise _too_large()
    metadata = {**(call.given["metadata"] or {}), _KIND: request.content_type}
    stored = await call.parts.stored_files.upload(
        call.given["filename"], _pieces(call, request), metadata=metadata
    )
    place = {"Location": f"/v1/stored-files/{stored.identifier}"}
    return Reply(status=_CREATED, document=_told(stored), headers=place | _tagged(stored))


async def find(call: Call) -> Reply:
    """List files, the newest first."""
    given, limit = call.given, call.given["limit"]
    condition = {} if given["filename"] is None else {"filename": given["filename"]}
    behind = {} if given["cursor"] is None else condition_after(given["cursor"], _NEWEST)
    found = await call.parts.stored_files.select(
        {**condition, **behind}, limit=limit + 1, sort=_NEWEST
    )
    items = found[:limit]
    more = len(found) > limit
    following = cursor_after({"_id": items[-1].identifier}, _NEWEST) if more else None
    return Reply(document={"items": [_told(each) for each in items], "next": following})


async def get(call: Call) -> Reply:
    """Tell what is known of a file."""
    stored = await _found(call)
    return Reply(document=_told(stored), headers=_tagged(stored))


async def delete(call: Call) -> Reply:
    """Delete a file."""
    if not await call.parts.stored_files.delete(_identifier(call)):
        raise _missing()
    return Reply(status=_NO_CONTENT)


async def content(call: Call, request: web.Request) -> web.StreamResponse | Reply:
    """Send the content of a file, or a part of it, unless the client has it."""
    stored = await _found(call)
    tag = _tagged(stored)
    if is_named(tag.get("ETag"), request.headers.get("If-None-Match")):
        return Reply(status=_NOT_MODIFIED, headers=tag)
    part = _part(stored, request)
    files = call.parts.stored_files
    if part is None:
        pieces, length, status = files.download(stored.identifier), stored.length, _WHOLE
    else:
        first, stop = part
        pieces, length, status = files.part(stored, first, stop), stop - first, _PART
    # What is found damaged at once is told as a problem; later, only an end that comes too early can tell.
    piece = await anext(pieces, b"")
    name = quote(stored.filename or "", safe="")
    response = web.StreamResponse(
        status=status,
        headers={
            **tag,
            "Content-Type": TYPE,
            "Content-Length": str(length),
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "X-Content-Type-Options": "nosniff",
            "Accept-Ranges": "bytes",
        },
    )
    if part is not None:
        response.headers["Content-Range"] = f"bytes {part[0]}-{part[1] - 1}/{stored.length}"
    await response.prepare(request)
    try:
        while piece:
            async with asyncio.timeout(call.parts.request_s):
                await response.write(piece)
                piece = await anext(pieces, b"")
        await response.write_eof()
    except (ParallaxError, TimeoutError, OSError):
        # The status is sent: that the end comes too early is all that can still be told.
        if request.transport is not None:
            request.transport.abort()
    return response


async def _pieces(call: Call, request: web.Request) -> AsyncIterator[bytes]:
    """Yield the body; a client that falls silent is not waited for longer than a request may take."""
    length, most = 0, call.parts.file_bytes
    while True:
        async with asyncio.timeout(call.parts.request_s):
            piece = await request.content.read(_PIECE)
        if not piece:
            return
        length += len(piece)
        if length > most:
            raise _too_large()
        yield piece


def _part(stored: Stored, request: web.Request) -> tuple[int, int] | None:
    """Return the first byte and the one behind the last; None for everything, as for what is no single range."""
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    same = request.headers.get("If-Range", "") in {"", _tagged(stored).get("ETag")}
    if asked is None or not same or asked[0] == "bytes=-":
        return None
    if asked[1]:
        first = int(asked[1])
        stop = min(int(asked[2]) + 1, stored.length) if asked[2] else stored.length
        if asked[2] and int(asked[2]) < first:
            return None
    else:
        first, stop = max(stored.length - int(asked[2]), 0), stored.length
    if first >= stop:
        headers = {"Content-Range": f"bytes */{stored.length}"}
        raise ProblemError(Code.NO_SUCH_RANGE, f"it has {stored.length} bytes", headers=headers)
    return first, stop


async def _found(call: Call) -> Stored:
    stored = await call.parts.stored_files.find(_identifier(call))
    if stored is None:
        raise _missing()
    return stored


def _identifier(call: Call) -> Any:
    """Return the id of a file: drivers may have given texts."""
    told = call.path["file"]
    return ObjectId(told) if _ID.fullmatch(told) else told


def _too_large() -> ProblemError:
    return ProblemError(Code.TOO_LARGE, "see the setting http.max_file_bytes")


def _missing() -> ProblemError:
    return ProblemError(Code.NO_SUCH_DOCUMENT, "there is no stored file with this id")


def _tagged(stored: Stored) -> dict[str, str]:
    told = stored.sha256 or stored.md5
    return {} if told is None else {"ETag": f'"{told}"'}


def _told(stored: Stored) -> dict[str, Any]:
    known = {
        "_id": stored.identifier,
        "filename": stored.filename,
        "length": stored.length,
        "uploadDate": stored.uploaded,
        "metadata": {each: value for each, value in stored.metadata.items() if each != _KIND},
        _KIND: stored.metadata.get(_KIND),
        "sha256": stored.sha256,
    }
    return {name: value for name, value in known.items() if value is not None}
