"""Gateway adapters by the scheme of a URL."""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final
from urllib.parse import urlsplit

from adapters.board import Board
from adapters.entities.entity import EntityMap
from adapters.gateway import Gateway
from adapters.postgresql.board import PostgresBoard
from adapters.postgresql.gateway import NO_MAPS, PostgresGateway
from comparators.errors import SettingsError

Opener = Callable[[str, int, Mapping[str, EntityMap], float], AbstractAsyncContextManager[Gateway]]


def _postgresql(
    url: str, connections: int, entities: Mapping[str, EntityMap], explain_beyond_s: float
) -> AbstractAsyncContextManager[Gateway]:
    return PostgresGateway(
        url, connections=connections, entities=entities, explain_beyond_s=explain_beyond_s
    )


ADAPTERS: Final[Mapping[str, Opener]] = {"postgresql": _postgresql, "postgres": _postgresql}


def gateway_for(
    url: str,
    *,
    connections: int,
    entities: Mapping[str, EntityMap] = NO_MAPS,
    explain_beyond_s: float = math.inf,
) -> AbstractAsyncContextManager[Gateway]:
    """Return the gateway for a URL; it connects when first used, and closes at the end.

    `entities` are the maps by collection for those that it makes; it tells the plan of what takes longer than
    `explain_beyond_s`. Raises SettingsError for a scheme that no adapter has.
    """
    scheme = urlsplit(url).scheme
    opener = ADAPTERS.get(scheme)
    if opener is None:
        raise SettingsError(
            f"no gateway adapter for {scheme!r}",
            where="[gateway] uri",
            remedy=f"use one of: {', '.join(sorted(ADAPTERS))}",
        )
    return opener(url, connections, entities, explain_beyond_s)


def board_for(url: str) -> AbstractAsyncContextManager[Board]:
    """Return the board of the gateway at a URL, on which its verifiers meet; it connects when first used."""
    return PostgresBoard(url)
