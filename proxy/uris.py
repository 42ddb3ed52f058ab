"""Addresses of peers: taken apart, and made fit to be shown."""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

MAX_PORT = 65535

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):(?P<port>\d{1,5})")
# Greedy: everything up to the last `@` counts as credentials, so that a password with an unescaped `@` or `/` hides
# too much rather than too little.
_CREDENTIALS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^:@]*)(?P<password>.*)@", re.DOTALL
)
_OF_SERVERS = (
    "replicaset",
    "tls",
    "ssl",
    "directconnection",
    "loadbalanced",
    "srv",
    "readpreference",
)
_THIS_MACHINE: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_SECRET_OPTION = re.compile(
    r"(?P<name>[?&][^=&]*(?:password|secret|token|authmechanismproperties)[^=&]*)=[^&]*",
    re.IGNORECASE,
)


class Address(NamedTuple):
    """A host, without the brackets of IPv6, and a port."""

    host: str
    port: int


def address_of(text: str) -> Address:
    """Return the parts of `host:port`; ValueError if it is something else."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > MAX_PORT:
        message = f"must be host:port, with a port up to {MAX_PORT}"
        raise ValueError(message)
    return Address(match["host"].strip("[]"), int(match["port"]))


def redacted_uri(uri: str) -> str:
    """Return an address that may be shown: without password and tokens; the user's name stays."""
    shown = _CREDENTIALS.sub(_without_password, uri)
    return _SECRET_OPTION.sub(r"\g<name>=***", shown)


def uri_through(uri: str, listen: Address) -> str:
    """Return the address of MongoDB as an application is given it that goes through a relay on this machine.

    User, database and options stay, except for what leads past the relay or speaks of the connection behind it.
    """
    parts = urlsplit(uri)
    user, at, _ = parts.netloc.rpartition("@")
    options = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not name.lower().startswith(_OF_SERVERS)
    ]
    options.append(("directConnection", "true"))
    if parts.scheme.endswith("+srv") and at and "authSource" not in dict(options):
        # What its name server would have added.
        options.append(("authSource", "admin"))
    host = _THIS_MACHINE.get(listen.host, listen.host)
    shown = f"[{host}]" if ":" in host else host
    path = parts.path or "/"
    return f"mongodb://{user}{at}{shown}:{listen.port}{path}?{urlencode(options)}"


def _without_password(found: re.Match[str]) -> str:
    password = ":***" if found["password"] else ""
    return f"{found['scheme']}{found['user']}{password}@"
