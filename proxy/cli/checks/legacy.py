"""Whether MongoDB can be relayed and read, and what of it will not be comparable."""

import time
from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from proxy.cli.checks.finding import Checked, bad, doubtful, good

TIMEOUT_MS: Final = 3_000
OLDEST: Final = (4, 4)
MAX_SKEW_S: Final = 1.0
_INTERNAL: Final = frozenset({"admin", "config", "local"})


async def check_legacy(uri: str) -> AsyncIterator[Checked]:
    """Yield what there is to know of MongoDB; the first `problem` ends the list."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        uri, serverSelectionTimeoutMS=TIMEOUT_MS, appname="parallax-doctor"
    )
    async with client:
        try:
            asked_s = time.time()
            hello = await client.admin.command("hello")
            build = await client.admin.command("buildInfo")
        except PyMongoError as error:
            yield bad(
                "MongoDB reachable",
                f"no answer: {type(error).__name__}",
                "check host, port, TLS options and credentials of legacy.uri",
            )
            return
        host, port = await client.address or ("", 0)
        yield good("MongoDB reachable", f"{host}:{port}")
        yield _version(build)
        yield _topology(hello)
        yield _skew(hello, (asked_s + time.time()) / 2)
        yield await _privileges(client)
        async for found in _documents(client):
            yield found


def _version(build: dict[str, Any]) -> Checked:
    version = str(build["version"])
    if tuple(build["versionArray"][:2]) < OLDEST:
        return doubtful(
            "MongoDB version", version, "Parallax is tested with 4.4 and later; replies may differ"
        )
    return good("MongoDB version", version)


def _topology(hello: dict[str, Any]) -> Checked:
    if hello.get("msg") == "isdbgrid":
        return bad(
            "MongoDB topology",
            "mongos of a sharded cluster",
            "Parallax follows the primary of a replica set; sharded clusters are not supported",
        )
    if "setName" not in hello:
        return doubtful(
            "MongoDB topology",
            "standalone",
            "no transactions, and concurrent writes to one document are not comparable: "
            "a one-member replica set gives both",
        )
    if not hello.get("isWritablePrimary"):
        return bad(
            "MongoDB topology",
            f"a member of {hello['setName']} that takes no writes",
            "name the whole replica set in legacy.uri, or its primary",
        )
    return good(
        "MongoDB topology", f"replica set {hello['setName']}, {len(hello['hosts'])} members"
    )


def _skew(hello: dict[str, Any], here_s: float) -> Checked:
    skew_s = hello["localTime"].replace(tzinfo=UTC).timestamp() - here_s
    if abs(skew_s) > MAX_SKEW_S:
        return doubtful(
            "MongoDB clock",
            f"{skew_s:+.1f} s from here",
            "synchronise the clocks: TTL expiry and lag are judged by them",
        )
    return good("MongoDB clock", f"{skew_s:+.3f} s from here")


async def _privileges(client: AsyncMongoClient[dict[str, Any]]) -> Checked:
    try:
        await client.list_database_names()
    except OperationFailure as error:
        return bad(
            "MongoDB privileges",
            f"may not list databases (code {error.code})",
            "give the user in legacy.uri the role readAnyDatabase, or a URI with a user",
        )
    status = await client.admin.command("connectionStatus")
    users = status["authInfo"]["authenticatedUsers"]
    roles = sorted({role["role"] for role in status["authInfo"]["authenticatedUserRoles"]})
    if not users:
        return good("MongoDB privileges", "no authentication is required")
    return good("MongoDB privileges", f"signed in with the roles {', '.join(roles)}")


async def _documents(client: AsyncMongoClient[dict[str, Any]]) -> AsyncIterator[Checked]:
    """Yield what is there already, and collections that cannot be verified."""
    filled = 0
    for name in await client.list_database_names():
        if name in _INTERNAL:
            continue
        database = client[name]
        async for collection in await database.list_collections():
            where = f"{name}.{collection['name']}"
            kind, options = collection.get("type", "collection"), collection.get("options", {})
            if kind != "collection":
                yield doubtful(where, f"a {kind}", "its operations will be not comparable")
            elif options.get("capped"):
                yield doubtful(where, "a capped collection", "removal by size is not reproduced")
            elif not collection["name"].startswith("system."):
                filled += bool(await database[collection["name"]].estimated_document_count())
    if filled:
        yield doubtful(
            "documents from before",
            f"{filled} collections hold documents that the gateway has never seen",
            "begin on an empty database: reads of older documents will be reported as mismatches",
        )
    else:
        yield good("documents from before", "none: everything will be verified from its birth")
