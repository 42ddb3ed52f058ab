"""How a server is reached: typed settings, from which each adapter builds its URL."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import quote, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr


def peer_of(url: str, default_port: int) -> str:
    """Return the `host:port` of a URL, which may be told to anybody."""
    address = urlsplit(url)
    return f"{address.hostname or 'localhost'}:{address.port or default_port}"


Port = Annotated[int, Field(ge=1, le=65535)]


class Tls(StrEnum):
    """How much a connection is protected."""

    OFF = "off"
    REQUIRED = "required"
    """Encrypted, whoever the server is."""
    VERIFIED = "verified"
    """Encrypted, and the server shows a certificate for its name."""


class AdapterSettings(BaseModel):
    """What the settings of all adapters have in common: they add up to a URL."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    scheme: ClassVar[str]

    def url(self) -> str:
        """Return the address as one URL, with the password."""
        raise NotImplementedError


class ConnectionSettings(AdapterSettings):
    """What all servers have in common; `database` is empty for the server's default one."""

    host: str = "127.0.0.1"
    port: Port
    user: str = ""
    password: SecretStr = SecretStr("")
    database: str = ""
    tls: Tls = Tls.OFF
    ca: Path | None = None
    """The certificates that are trusted, as a file; None stands for the system's."""
    connections: Annotated[int, Field(ge=1, le=10_000)] = 10
    """The most connections at a time."""
    connect_within_s: Annotated[float, Field(gt=0)] = 10.0

    def url(self) -> str:
        """Return the address as one URL, with the password."""
        options = urlencode(self.options())
        path = f"/{quote(self.database, safe='')}"
        return f"{self.scheme}://{self._login()}{self._host()}:{self.port}{path}" + (
            f"?{options}" if options else ""
        )

    def options(self) -> Mapping[str, str]:
        """Return what the URL says behind its question mark."""
        return {}

    def _login(self) -> str:
        password = self.password.get_secret_value()
        if not self.user and not password:
            return ""
        return f"{quote(self.user, safe='')}:{quote(password, safe='')}@"

    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host
