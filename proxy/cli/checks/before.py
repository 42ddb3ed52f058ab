"""What MongoDB holds that Parallax has not seen being written, or cannot compare."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import asyncpg
from pymongo.errors import PyMongoError

from proxy.cli.checks.finding import Checked, doubtful, good
from proxy.cli.checks.gateway import connected
from proxy.cli.checks.legacy import Client, client_of

_INTERNAL: Final = frozenset({"admin", "config", "local"})
_SHOWN: Final = 3


@dataclass(slots=True)
class _Stock:
    """What MongoDB holds, by namespace."""

    filled: list[str] = field(default_factory=list)
    odd: dict[str, str] = field(default_factory=dict)
    """Namespaces whose operations cannot be compared, and what they are."""


async def check_before(legacy: str, gateway: str) -> AsyncIterator[Checked]:
    """Yield what cannot be verified for what is stored already, in a MongoDB that can be read."""
    try:
        stock = await _stock(legacy)
    except PyMongoError as error:
        yield doubtful(
            "documents from before",
            f"not all of MongoDB can be read ({type(error).__name__})",
            "give the user in legacy.uri the role readAnyDatabase",
        )
        return
    for namespace, what in stock.odd.items():
        yield doubtful(namespace, what, "its operations will be `not_comparable` or `unsupported`")
    known = await _known(gateway)
    unseen = [namespace for namespace in stock.filled if namespace not in known]
    if not unseen:
        yield good("documents from before", "none in a collection that the gateway does not know")
        return
    named = ", ".join(unseen[:_SHOWN]) + (", …" if len(unseen) > _SHOWN else "")
    yield doubtful(
        "documents from before",
        f"the gateway has never seen those of {len(unseen)} collections ({named})",
        "copy them with `parallax backfill`; until then their operations are not comparable",
    )


async def _stock(uri: str) -> _Stock:
    stock = _Stock()
    async with client_of(uri) as client:
        for name in await client.list_database_names():
            if name not in _INTERNAL:
                await _take(stock, client, name)
    return stock


async def _take(stock: _Stock, client: Client, database_name: str) -> None:
    database = client[database_name]
    async for collection in await database.list_collections():
        name = collection["name"]
        namespace = f"{database_name}.{name}"
        kind = collection.get("type", "collection")
        if name.startswith("system."):
            continue
        if kind != "collection":
            stock.odd[namespace] = f"a {kind} collection" if kind == "timeseries" else f"a {kind}"
        elif collection.get("options", {}).get("capped"):
            stock.odd[namespace] = "a capped collection"
        elif await database[name].find_one({}, {"_id": 1}) is not None:
            stock.filled.append(namespace)


async def _known(uri: str) -> frozenset[str]:
    """Return the namespaces that a gateway has begun; none where it cannot be asked."""
    connection = await connected(uri)
    if not isinstance(connection, asyncpg.Connection):
        return frozenset()
    try:
        if await connection.fetchval("SELECT to_regclass('parallax.collections')") is None:
            return frozenset()
        rows = await connection.fetch("SELECT database, name FROM parallax.collections")
    except asyncpg.PostgresError:
        return frozenset()
    finally:
        await connection.close()
    return frozenset(f"{row['database']}.{row['name']}" for row in rows)
