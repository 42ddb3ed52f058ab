"""MongoDB in the registry."""

import time
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Final

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from adapters.adapter import Adapter, Capability, Health, Role
from adapters.connection import ConnectionSettings, Port, Tls, peer_of
from adapters.database import Database
from comparators.errors import UnreachableError

DEFAULT_PORT: Final = 27017
_CHECK_WITHIN_MS: Final = 5_000


class MongoSettings(ConnectionSettings):
    """How MongoDB is reached; without a `replica_set` this very server is talked to."""

    scheme: ClassVar[str] = "mongodb"
    port: Port = DEFAULT_PORT
    replica_set: str = ""
    auth_source: str = "admin"

    def options(self) -> dict[str, str]:
        """Return the options of a connection string."""
        options = {"maxPoolSize": str(self.connections)}
        options["connectTimeoutMS"] = str(round(self.connect_within_s * 1000))
        if self.replica_set:
            options["replicaSet"] = self.replica_set
        else:
            options["directConnection"] = "true"
        if self.user:
            options["authSource"] = self.auth_source
        if self.tls is not Tls.OFF:
            options["tls"] = "true"
        if self.tls is Tls.REQUIRED:
            options["tlsAllowInvalidCertificates"] = "true"
        if self.ca is not None:
            options["tlsCAFile"] = str(self.ca)
        return options


async def check(url: str) -> Health:
    """Ask the server for its version."""
    client = AsyncMongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=_CHECK_WITHIN_MS)
    try:
        await client.admin.command("ping")
        began = time.perf_counter()
        answer = await client.admin.command("buildInfo")
        return Health(version=answer["version"], latency_s=time.perf_counter() - began)
    except PyMongoError as error:
        raise UnreachableError(
            "MongoDB does not answer",
            where=peer_of(url, DEFAULT_PORT),
            remedy="is it running, and the password right?",
        ) from error
    finally:
        await client.close()


def _open(url: str, connections: int) -> AbstractAsyncContextManager[Database]:
    from adapters.mongodb.database import MongoDatabase

    return MongoDatabase(url, where=peer_of(url, DEFAULT_PORT), connections=connections)


ADAPTER: Final = Adapter(
    name="mongodb",
    title="MongoDB",
    role=Role.DATABASE,
    schemes=("mongodb", "mongodb+srv"),
    capabilities=frozenset(
        {
            Capability.TRANSACTIONS,
            Capability.CHANGE_STREAMS,
            Capability.FULL_TEXT,
            Capability.JSON,
            Capability.JOINS,
            Capability.UPSERT,
            Capability.TTL,
        }
    ),
    settings=MongoSettings,
    check=check,
    package="adapters.mongodb",
    open=_open,
)
