"""Gateway adapters by the scheme of a URL."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final
from urllib.parse import urlsplit

from adapters.gateway import Gateway
from adapters.postgresql.gateway import PostgresGateway
from comparators.errors import SettingsError

Opener = Callable[[str, int], AbstractAsyncContextManager[Gateway]]


def _postgresql(url: str, connections: int) -> AbstractAsyncContextManager[Gateway]:
    return PostgresGateway(url, connections=connections)


ADAPTERS: Final[Mapping[str, Opener]] = {"postgresql": _postgresql, "postgres": _postgresql}


def gateway_for(url: str, *, connections: int) -> AbstractAsyncContextManager[Gateway]:
    """Return the gateway for a URL; it connects when first used, and closes at the end.

    Raises SettingsError for a scheme that no adapter has.
    """
    scheme = urlsplit(url).scheme
    opener = ADAPTERS.get(scheme)
    if opener is None:
        raise SettingsError(
            f"no gateway adapter for {scheme!r}",
            where="[gateway] uri",
            remedy=f"use one of: {', '.join(sorted(ADAPTERS))}",
        )
    return opener(url, connections)
