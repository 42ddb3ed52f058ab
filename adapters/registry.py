"""Adapters by name: the scheme of a URI chooses the gateway."""

from adapters.postgresql.gateway import PostgresGateway
from comparators.errors import SettingsError

SCHEMES = frozenset({"postgresql", "postgres"})


def gateway_of(uri: str, *, connections: int) -> PostgresGateway:
    """Return the gateway for a URI, not yet connected; SettingsError for an unknown scheme."""
    scheme = uri.partition("://")[0]
    if scheme not in SCHEMES:
        raise SettingsError(
            f"no adapter for a gateway at {scheme}://",
            where="gateway.uri",
            remedy=f"use one of: {', '.join(sorted(SCHEMES))}",
        )
    return PostgresGateway(uri, connections=connections)
