"""Meilisearch in the registry."""

import asyncio
import time
from typing import ClassVar, Final
from urllib.parse import parse_qs, unquote, urlsplit

from meilisearch import Client
from meilisearch.errors import MeilisearchApiError, MeilisearchError
from requests import RequestException

from adapters.adapter import Adapter, Capability, Health, Role
from adapters.connection import ConnectionSettings, Port, Tls, peer_of
from comparators.errors import SettingsError, UnreachableError

DEFAULT_PORT: Final = 7700
CHECK_WITHIN_S: Final = 5
NOT_ITS_ANSWERS: Final = (RequestException, ValueError, KeyError, TypeError, AttributeError)
"""What its client raises for an answer that is JSON of another shape, or none."""


class MeilisearchSettings(ConnectionSettings):
    """How Meilisearch is reached; its `password` is the key."""

    scheme: ClassVar[str] = "meilisearch"
    port: Port = DEFAULT_PORT

    def options(self) -> dict[str, str]:
        """Return whether the server speaks HTTPS."""
        return {} if self.tls is Tls.OFF else {"tls": self.tls.value}


def client_of(url: str, *, within_s: int = CHECK_WITHIN_S) -> Client:
    """Return a client, which blocks: it is called in threads, and gives up after `within_s`."""
    parts = urlsplit(url)
    scheme = "https" if "tls" in parse_qs(parts.query) else "http"
    key = unquote(parts.password) if parts.password else None
    return Client(f"{scheme}://{peer_of(url, DEFAULT_PORT)}", key, timeout=within_s)


async def check(url: str) -> Health:
    """Ask the server for its version, which wants the key."""
    began = time.perf_counter()
    where = peer_of(url, DEFAULT_PORT)
    try:
        version = await asyncio.to_thread(lambda: str(client_of(url).get_version()["pkgVersion"]))
    except MeilisearchApiError as error:
        raise SettingsError(
            f"Meilisearch refuses: {error.code}", where=where, remedy="is this its key?"
        ) from error
    except MeilisearchError as error:
        raise UnreachableError(
            "Meilisearch does not answer", where=where, remedy="is it running there?"
        ) from error
    except NOT_ITS_ANSWERS as error:
        raise another(where) from error
    return Health(version=version, latency_s=time.perf_counter() - began)


def another(where: str) -> UnreachableError:
    """Return the error for a server that answers, and not as Meilisearch does."""
    return UnreachableError(
        "what answers is not Meilisearch", where=where, remedy="is it at this port?"
    )


ADAPTER: Final = Adapter(
    name="meilisearch",
    title="Meilisearch",
    role=Role.SEARCH,
    schemes=("meilisearch",),
    capabilities=frozenset({Capability.FULL_TEXT, Capability.VECTOR_SEARCH, Capability.JSON}),
    settings=MeilisearchSettings,
    check=check,
    package="adapters.meilisearch",
)
