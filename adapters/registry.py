"""Adapters by name: ours and those of other packages, found through the entry points `parallax.adapters`.

Each entry point names an `adapters.adapter.Adapter`. It is imported when it is asked for.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.metadata import EntryPoint, entry_points
from typing import Final
from urllib.parse import urlsplit

from adapters.adapter import Adapter
from adapters.board import Board
from adapters.database import Database
from adapters.entities.entity import EntityMap
from adapters.gateway import Gateway
from adapters.postgresql.board import PostgresBoard
from adapters.postgresql.gateway import NO_MAPS, PostgresGateway
from comparators.errors import SettingsError

GROUP: Final = "parallax.adapters"
GATEWAY_SCHEMES: Final = frozenset({"postgresql", "postgres"})
"""What a gateway path can stand on: all of `adapters.gateway.Gateway`, not only a database for repositories."""


def names() -> Sequence[str]:
    """Return the names of all adapters that are installed."""
    return sorted({each.name for each in entry_points(group=GROUP)})


def adapter(name: str) -> Adapter:
    """Return an adapter by its name; SettingsError where there is none, or where it cannot be loaded."""
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise SettingsError(
            f"no adapter is named {name!r}",
            where="the name of an adapter",
            remedy=f"use one of: {', '.join(names())}",
        )
    return _loaded(next(iter(found)))


def adapters() -> Sequence[Adapter]:
    """Return all adapters that are installed, by name."""
    return [adapter(name) for name in names()]


def adapter_of(url: str) -> Adapter:
    """Return the adapter that a URL is for; SettingsError where none has its scheme."""
    scheme = urlsplit(url).scheme
    # An adapter is most often named as its scheme: then no other one is imported.
    candidates = [scheme] if scheme in names() else names()
    for candidate in map(adapter, candidates):
        if scheme in candidate.schemes:
            return candidate
    known = sorted(scheme for each in adapters() for scheme in each.schemes)
    raise SettingsError(
        f"no adapter for {scheme!r}",
        where="the scheme of a URL",
        remedy=f"use one of: {', '.join(known)}",
    )


def database_for(url: str, *, connections: int) -> AbstractAsyncContextManager[Database]:
    """Return the database at a URL, for repositories; it connects when first used, and closes at the end.

    Raises SettingsError where its adapter is none of a database.
    """
    found = adapter_of(url)
    if found.open is None:
        raise SettingsError(
            f"{found.title} is no database that repositories can stand on",
            where="the scheme of a URL",
            remedy=f"use one of: {', '.join(each.name for each in adapters() if each.open)}",
        )
    return found.open(url, connections)


def gateway_for(
    url: str,
    *,
    connections: int,
    entities: Mapping[str, EntityMap] = NO_MAPS,
    explain_beyond_s: float = math.inf,
) -> AbstractAsyncContextManager[Gateway]:
    """Return the gateway for a URL; it connects when first used, and closes at the end.

    `entities` are the maps by collection for those that it makes; it tells the plan of what takes longer than
    `explain_beyond_s`. Raises SettingsError for a scheme that can be no gateway path.
    """
    scheme = urlsplit(url).scheme
    if scheme not in GATEWAY_SCHEMES:
        raise SettingsError(
            f"no gateway adapter for {scheme!r}",
            where="[gateway] uri",
            remedy=f"use one of: {', '.join(sorted(GATEWAY_SCHEMES))}",
        )
    return PostgresGateway(
        url, connections=connections, entities=entities, explain_beyond_s=explain_beyond_s
    )


def board_for(url: str) -> AbstractAsyncContextManager[Board]:
    """Return the board of the gateway at a URL, on which its verifiers meet; it connects when first used."""
    return PostgresBoard(url)


def _loaded(entry: EntryPoint) -> Adapter:
    try:
        found = entry.load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"the adapter {entry.name!r} cannot be loaded: {error}",
            where=f"the entry point {entry.value} of {_package_of(entry)}",
            remedy="mend or remove the package that brings it",
        ) from error
    if not isinstance(found, Adapter):
        raise SettingsError(
            f"the adapter {entry.name!r} is no adapters.adapter.Adapter",
            where=f"the entry point {entry.value} of {_package_of(entry)}",
            remedy="mend or remove the package that brings it",
        )
    return found


def _package_of(entry: EntryPoint) -> str:
    return "an unknown package" if entry.dist is None else entry.dist.name
