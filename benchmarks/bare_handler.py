"""What a person would write who needs three routes on one collection: bare aiohttp on Motor, PyMongo Async or asyncpg.

They answer with the documents that the API answers with. `constant` has no database: it is the price of aiohttp itself.

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
    "INSERT INTO bench.messages (id, message_id, conversation_id, user_id, model, token_count, sender, text, "
    "is_created_by_user, is_temporary, unfinished, error, meili_index, created_at, updated_at, version_key) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
)
SHOWN: Final = (
    'SELECT id AS "_id", message_id AS "messageId", conversation_id AS "conversationId", user_id AS "user", model, '
    'token_count::int AS "tokenCount", sender, text, is_created_by_user AS "isCreatedByUser", '
    'is_temporary AS "isTemporary", unfinished, error, created_at AS "createdAt", updated_at AS "updatedAt", '
    'version_key AS "__v" FROM bench.messages '
)
BY_ID: Final = SHOWN + "WHERE id = $1"
TWENTY: Final = SHOWN + "WHERE conversation_id = $1 ORDER BY created_at LIMIT 20"
HIDDEN: Final = {"_meiliIndex": 0}

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
        document = message_of(given)
        await self._messages.insert_one({**document, "_meiliIndex": False})
        return document

    async def get(self, identifier: ObjectId) -> Document | None:
        found: Document | None = await self._messages.find_one({"_id": identifier}, HIDDEN)
        return found

    async def twenty(self, conversation: str) -> list[Document]:
        found = self._messages.find({"conversationId": conversation}, HIDDEN)
        listed: list[Document] = await found.sort("createdAt", 1).limit(20).to_list(20)
        return listed


class OnPostgreSQL:
    """With asyncpg, on the table that the gateway has made."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def create(self, given: dict[str, Any]) -> Document:
        document = message_of(given)
        await self._pool.execute(
            INSERT,
            document["_id"].binary,
            document["messageId"],
            document["conversationId"],
            document["user"],
            document["model"],
            document["tokenCount"],
            document["sender"],
            document["text"],
            document["isCreatedByUser"],
            document["isTemporary"],
            document["unfinished"],
            document["error"],
            False,
            document["createdAt"],
            document["updatedAt"],
            document["__v"],
        )
        return document

    async def get(self, identifier: ObjectId) -> Document | None:
        found = await self._pool.fetchrow(BY_ID, identifier.binary)
        return None if found is None else dict(found)

    async def twenty(self, conversation: str) -> list[Document]:
        return [dict(row) for row in await self._pool.fetch(TWENTY, conversation)]


def message_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return a message as it is stored: with an identifier, the defaults, and the times."""
    now = datetime.now(UTC)
    defaults = {"model": None, "isTemporary": False, "unfinished": False, "error": False}
    stamps = {"_id": ObjectId(), "createdAt": now, "updatedAt": now, "__v": 0}
    return {**given, **defaults, **stamps}


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


def _shown(value: Any) -> Any:
    """Return what JSON does not have, as the API tells it."""
    if isinstance(value, datetime):
        return {"$date": value.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    return {"$oid": value.hex() if isinstance(value, bytes) else str(value)}


class Constant:
    """Answers without a database, with one document."""

    def __init__(self) -> None:
        self._document = {"_id": "constant"}

    async def create(self, given: dict[str, Any]) -> Document:  # noqa: ARG002 - of the interface
        return self._document

    async def get(self, identifier: ObjectId) -> Document | None:  # noqa: ARG002 - of the interface
        return self._document

    async def twenty(self, conversation: str) -> list[Document]:  # noqa: ARG002 - of the interface
        return [self._document]


async def _constant(uri: str) -> Store:  # noqa: ARG001 - of the interface
    return Constant()


async def _motor(uri: str) -> Store:
    return OnMongoDB(AsyncIOMotorClient(uri, tz_aware=True))


async def _pymongo(uri: str) -> Store:
    return OnMongoDB(AsyncMongoClient(uri, tz_aware=True))


async def _asyncpg(uri: str) -> Store:
    return OnPostgreSQL(await asyncpg.create_pool(uri, min_size=2, max_size=8))


KINDS: Final[Mapping[str, Callable[[str], Awaitable[Store]]]] = {
    "motor": _motor,
    "pymongo": _pymongo,
    "asyncpg": _asyncpg,
    "constant": _constant,
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
