"""What an adapter tells of itself: what it is for, what it can, how it is reached, and how it is run in a container."""

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from adapters.connection import AdapterSettings
from adapters.database import Database


class Role(StrEnum):
    """What an adapter does in an installation."""

    DATABASE = "database"
    SEARCH = "search"
    CACHE = "cache"


class Capability(StrEnum):
    """What a database can or cannot do, as far as a choice between several depends on it."""

    TRANSACTIONS = "transactions"
    CHANGE_STREAMS = "change streams"
    FULL_TEXT = "full text"
    VECTOR_SEARCH = "vector search"
    JSON = "JSON"
    JOINS = "joins"
    UPSERT = "upsert"
    TTL = "TTL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A server that answered: its version, and the seconds that the answer took."""

    version: str
    latency_s: float


OpenDatabase = Callable[[str, int], AbstractAsyncContextManager[Database]]
"""Given a URL and the most connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One kind of server, as the registry knows it.

    `check` raises UnreachableError where the server does not answer. `open` is there for databases that repositories can stand on.
    `package` is where its `service.yaml` lies: the service of a compose file, under its name; None where no server has to run.
    """

    name: str
    title: str
    role: Role
    schemes: tuple[str, ...]
    capabilities: frozenset[Capability]
    settings: type[AdapterSettings]
    check: Callable[[str], Coroutine[Any, Any, Health]]
    package: str | None
    open: OpenDatabase | None = None
