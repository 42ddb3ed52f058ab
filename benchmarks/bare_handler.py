"""What a person would write who needs three routes on one collection: bare aiohttp on Motor, PyMongo Async or asyncpg.

python -m benchmarks.bare_handler KIND URI PORT
"""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import asyncpg
import uvloop
from aiohttp import web
from bson import ObjectId
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient

DATABASE: Final = "bench"
INSERT: Final = (
    "INSERT INTO bench.messages (id, message_id, conversation_id, user_id, sender, text, token_count, "
    "is_created_by_user, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
)
BY_ID: Final = (
    "SELECT id, message_id, conversation_id, user_id, sender, text, token_count, is_created_by_user, "
    "created_at, updated_at FROM bench.messages WHERE id = $1"
)
TWENTY: Final = (
    "SELECT id, message_id, conversation_id, user_id, sender, text, token_count, is_created_by_user, "
    "created_at, updated_at FROM bench.messages WHERE conversation_id = $1 ORDER BY created_at LIMIT 20"
)

Document = Mapping[str, Any]


class Store(Protocol):
    """Three statements on one database."""

    async def create(self, given: dict[str, Any]) -> Document:
        """Store a message."""

    async def get(self, identifier: ObjectId) -> Document | None:
        """Return a message."""

    async def twenty(self, conversation: str) -> list[Document]:
        """Return the first messages of a conversation."""


class OnMongoDB:
    """With Motor, or PyMongo's own asynchronous client: their calls are the same."""

    def __init__(self, client: Any) -> None:
        self._messages = client[DATABASE]["messages"]

    async def create(self, given: dict[str, Any]) -> Document:
        now = datetime.now(UTC)
        document = {**given, "createdAt": now, "updatedAt": now, "__v": 0}
        await self._messages.insert_one(document)
        return document

    async def get(self, identifier: ObjectId) -> Document | None:
        found: Document | None = await self._messages.find_one({"_id": identifier})
        return found

    async def twenty(self, conversation: str) -> list[Document]:
        found = self._messages.find({"conversationId": conversation}).sort("createdAt", 1).limit(20)
        listed: list[Document] = await found.to_list(20)
        return listed


class OnPostgreSQL:
    """With asyncpg, on the table that the gateway has made."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def create(self, given: dict[str, Any]) -> Document:
        now, identifier = datetime.now(UTC), ObjectId()
        await self._pool.execute(
            INSERT,
            identifier.binary,
            given["messageId"],
            given["conversationId"],
            given["user"],
            given["sender"],
            given["text"],
            given["tokenCount"],
            given["isCreatedByUser"],
            now,
            now,
        )
        return {**given, "_id": identifier, "createdAt": now, "updatedAt": now}

    async def get(self, identifier: ObjectId) -> Document | None:
        found = await self._pool.fetchrow(BY_ID, identifier.binary)
        return None if found is None else dict(found)

    async def twenty(self, conversation: str) -> list[Document]:
        return [dict(row) for row in await self._pool.fetch(TWENTY, conversation)]


def application(store: Store) -> web.Application:
    """Return the three routes."""

    async def create(request: web.Request) -> web.Response:
        return _json(await store.create(await request.json()), 201)

    async def get(request: web.Request) -> web.Response:
        found = await store.get(ObjectId(request.match_info["id"]))
        return _json(found, 200 if found else 404)

    async def listed(request: web.Request) -> web.Response:
        return _json({"items": await store.twenty((await request.json())["conversationId"])})

    app = web.Application()
    app.router.add_post("/messages", create)
    app.router.add_get("/messages/{id}", get)
    app.router.add_post("/messages/query", listed)
    return app


def _json(value: Any, status: int = 200) -> web.Response:
    text = json.dumps(value, default=_shown)
    return web.Response(text=text, status=status, content_type="application/json")


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


async def _motor(uri: str) -> Store:
    return OnMongoDB(AsyncIOMotorClient(uri))


async def _pymongo(uri: str) -> Store:
    return OnMongoDB(AsyncMongoClient(uri))


async def _asyncpg(uri: str) -> Store:
    return OnPostgreSQL(await asyncpg.create_pool(uri, min_size=2, max_size=8))


KINDS: Final[Mapping[str, Callable[[str], Awaitable[Store]]]] = {
    "motor": _motor,
    "pymongo": _pymongo,
    "asyncpg": _asyncpg,
}


def main() -> None:
    """Serve until terminated."""
    kind, uri, port = sys.argv[1:]

    async def prepared() -> web.Application:
        return application(await KINDS[kind](uri))

    web.run_app(
        prepared(), host="127.0.0.1", port=int(port), print=None, loop=uvloop.new_event_loop()
    )


if __name__ == "__main__":
    main()
