"""Read the legacy URI: where mongod is, how to reach it, and how to trust it.

Credentials in the URI are not used here: the application's own pass through untouched.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from comparators.errors import SettingsError

_MONITORED: Final = frozenset({"replicaset", "directconnection", "loadbalanced"})


class Address(NamedTuple):
    """A host, without the brackets of IPv6, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return shown_address(self.host, self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyServers:
    """What the legacy URI says."""

    seeds: tuple[Address, ...]
    is_direct: bool
    """The one address is meant, whatever its role."""
    tls: ssl.SSLContext | None
    monitor_options: Mapping[str, Any]
    """What a client needs to watch the topology: no credentials."""


def shown_address(host: str, port: int) -> str:
    """Return `host:port`, with brackets round an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def legacy_servers(uri: str) -> LegacyServers:
    """Parse a MongoDB URI; SettingsError says what is wrong with it without repeating it."""
    try:
        parsed = parse_uri(uri, warn=False)
    except (PyMongoError, ValueError, OSError) as error:
        # The text of these errors may quote an option's value, never the credentials.
        raise _wrong(str(error)) from error
    seeds = tuple(_address(host, port) for host, port in parsed["nodelist"])
    options = {str(name).lower(): value for name, value in parsed["options"].items()}
    tls_options = {name: value for name, value in options.items() if name.startswith("tls")}
    return LegacyServers(
        seeds=seeds,
        is_direct=bool(options.get("directconnection") or options.get("loadbalanced")),
        tls=_tls_context(tls_options) if options.get("tls") else None,
        monitor_options=MappingProxyType(
            tls_options | {name: options[name] for name in _MONITORED & options.keys()}
        ),
    )


def _address(host: str, port: int | None) -> Address:
    if port is None:
        raise _wrong(f"{host} is a Unix socket; the relay needs a host and a port")
    return Address(host, port)


def _tls_context(options: Mapping[str, Any]) -> ssl.SSLContext:
    """Return what the `tls…` options ask for. Their names are those of the URI, in lower case."""
    insecure = bool(options.get("tlsinsecure"))
    try:
        context = ssl.create_default_context(cafile=options.get("tlscafile"))
        if options.get("tlscertificatekeyfile"):
            context.load_cert_chain(
                options["tlscertificatekeyfile"],
                password=options.get("tlscertificatekeyfilepassword"),
            )
        if options.get("tlscrlfile"):
            context.load_verify_locations(cafile=options["tlscrlfile"])
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    except (OSError, ssl.SSLError) as error:
        raise _wrong(f"its certificates cannot be used: {error}") from error
    if insecure or options.get("tlsallowinvalidhostnames"):
        context.check_hostname = False
    if insecure or options.get("tlsallowinvalidcertificates"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _wrong(reason: str) -> SettingsError:
    return SettingsError(
        f"the legacy URI cannot be used: {reason}",
        where="[legacy] uri",
        remedy="give the URI the application used before, e.g. mongodb://host:27017/?replicaSet=rs0",
    )
